// What a message says, by its content type.
import type { channel } from '@ionflux/client';
import { RunNote } from '../agents/runs/RunNote';
import { useT } from '../app/i18n';
import { Attachment } from './Attachment';
import { Markdown, PlainText } from './Markdown';
import { useMessageContext } from './messageContext';
import { messages } from './messages';

export function MessageBody({ message }: { message: channel.Message }) {
  const t = useT(messages);
  const { workspaceId } = useMessageContext();
  switch (message.content_type) {
    case 'text':
      return <PlainText text={message.content.text} />;
    case 'markdown':
      return <Markdown text={message.content.text} />;
    case 'file_attachment':
      return (
        <>
          {message.content.text && <Markdown text={message.content.text} />}
          <Attachment fileId={message.content.file_id} name={message.content.name} />
        </>
      );
    case 'json_proposal':
      return (
        <details className="proposal">
          <summary>{message.content.title ?? t('proposal')}</summary>
          {message.content.text && <Markdown text={message.content.text} />}
          <pre>{JSON.stringify(message.content.proposal, null, 2)}</pre>
        </details>
      );
    case 'agent_command_response': {
      const { run_id: runId, status, text } = message.content;
      const isAnswer = !message.sender_id.startsWith('system:');
      if (runId === undefined) return <Markdown text={text} />;
      return (
        <>
          {isAnswer && <Markdown text={text} />}
          <RunNote
            runId={runId}
            workspaceId={workspaceId}
            text={isAnswer ? null : text}
            isOver={status === 'finished' || status === 'failed'}
          />
        </>
      );
    }
    default:
      return <p className="muted">{t('unreadable')}</p>;
  }
}
