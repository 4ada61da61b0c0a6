// What one can do to messages: in the live document at once, by REST where the archive has them.
import { channel, type LiveDocument } from '@ionflux/client';
import { useMemo, useState } from 'react';
import { useClient, useMe } from '../app/client';
import { changeArchived } from './api';
import { serverNow } from '../app/clock';

export interface MessageActions {
  send: (content: channel.NewContent, threadId: string | null) => string | null;
  edit: (message: channel.Message, text: string) => void;
  remove: (message: channel.Message) => void;
  /** Put an emoji there, or take one's own back. */
  toggleReaction: (message: channel.Message, emoji: string, isMine: boolean) => void;
  togglePin: (message: channel.Message, isPinned: boolean) => void;
  markRead: (messageId: string) => void;
}

/** Return what one can do in a channel, and why the last thing did not work. */
export function useActions(
  channelId: string,
  live: LiveDocument | null,
  canManage: boolean,
): { actions: MessageActions; fault: string | null; dismiss: () => void } {
  const client = useClient();
  const me = useMe();
  const [fault, setFault] = useState<string | null>(null);

  const actions = useMemo((): MessageActions => {
    const who = `user:${me.id}`;
    const attempt = <T>(act: (doc: LiveDocument['doc']) => T): T | null => {
      try {
        if (live === null) return null;
        setFault(null);
        return act(live.doc);
      } catch (error) {
        if (!(error instanceof channel.ChannelRuleError)) throw error;
        setFault(error.message);
        return null;
      }
    };
    const change = (
      { id }: channel.Message,
      inDocument: (doc: LiveDocument['doc']) => void,
      inArchive: Parameters<typeof changeArchived>[3],
    ) => {
      if (live?.doc.getMap('messages').has(id)) {
        attempt(inDocument);
        return;
      }
      changeArchived(client, channelId, id, inArchive).then(
        () => {
          setFault(null);
        },
        (error: unknown) => {
          setFault(error instanceof Error ? error.message : String(error));
        },
      );
    };
    return {
      send: (content, threadId) =>
        attempt((doc) => {
          const now = serverNow();
          const id = channel.newMessageId(now);
          channel.post(doc, { ...content, id, sender_id: who, created_at: now, thread_id: threadId });
          return id;
        }),
      edit: (message, text) => {
        const content = changedContent(message, text);
        const edited = (doc: LiveDocument['doc']) => {
          channel.edit(doc, message.id, content, who, serverNow());
        };
        change(message, edited, { kind: 'edit', content });
      },
      remove: (message) => {
        const removed = (doc: LiveDocument['doc']) => {
          channel.remove(doc, message.id, who, canManage);
        };
        change(message, removed, { kind: 'remove' });
      },
      toggleReaction: (message, emoji, isMine) => {
        const toggled = (doc: LiveDocument['doc']) => {
          if (isMine) channel.unreact(doc, message.id, emoji, who);
          else channel.react(doc, message.id, emoji, who);
        };
        change(message, toggled, { kind: isMine ? 'unreact' : 'react', emoji });
      },
      togglePin: (message, isPinned) => {
        const toggled = (doc: LiveDocument['doc']) => {
          if (isPinned) channel.unpin(doc, message.id, who, canManage);
          else channel.pin(doc, message.id, who);
        };
        change(message, toggled, { kind: isPinned ? 'unpin' : 'pin' });
      },
      markRead: (messageId) => {
        attempt((doc) => {
          channel.markRead(doc, messageId, who);
        });
      },
    };
  }, [canManage, channelId, client, live, me.id]);

  return {
    actions,
    fault,
    dismiss: () => {
      setFault(null);
    },
  };
}

function changedContent(message: channel.Message, text: string): channel.NewContent {
  if (message.content_type === 'file_attachment') {
    return { content_type: 'file_attachment', content: { ...message.content, text } };
  }
  return { content_type: message.content_type === 'text' ? 'text' : 'markdown', content: { text } };
}
