// The field that one writes messages in: mentions, commands, emoji, files. A draft outlives leaving the channel.
import { channel } from '@ionflux/client';
import {
  lazy,
  Suspense,
  useEffect,
  useId,
  useLayoutEffect,
  useRef,
  useState,
  type ClipboardEvent,
  type KeyboardEvent,
} from 'react';
import { flushSync } from 'react-dom';
import type { Awareness } from 'y-protocols/awareness';
import { useT } from '../app/i18n';
import { Icon } from '../app/ui/Icon';
import { CandidateList } from './CandidateList';
import { complete, EMPTY, fromDraft, type Draft } from './drafts';
import { messages } from './messages';
import type { Channel, Directory } from './model';
import { useTyping } from './typing';
import { UploadList } from './UploadList';
import { useUploads } from './uploads';
import { useCompletion, type Candidate } from './useCompletion';

const EmojiPicker = lazy(() => import('./EmojiPicker'));
const drafts = new Map<string, Draft>();

/** What is written in a place and not sent. */
export function draftIn(channelId: string, threadId: string | null): string {
  return drafts.get(placeOf(channelId, threadId))?.text ?? '';
}

function placeOf(channelId: string, threadId: string | null): string {
  return `${channelId} ${threadId ?? ''}`;
}

interface ComposerProps {
  channel: Channel;
  directory: Directory;
  awareness: Awareness | null;
  threadId: string | null;
  label: string;
  /** Post something; null where that did not work. */
  onSend: (content: channel.NewContent, threadId: string | null) => string | null;
}

export function Composer({ channel: room, directory, awareness, threadId, label, onSend }: ComposerProps) {
  const t = useT(messages);
  const id = useId();
  const place = placeOf(room.id, threadId);
  const [draft, setDraft] = useState(() => drafts.get(place) ?? EMPTY);
  const [caret, setCaret] = useState<number | null>(null);
  const [active, setActive] = useState(0);
  const [isPicking, setPicking] = useState(false);
  const field = useRef<HTMLTextAreaElement>(null);
  const files = useRef<HTMLInputElement>(null);
  const typing = useTyping(awareness, threadId);
  const uploads = useUploads(room.workspace_id, room.document);
  const { completion, dismiss } = useCompletion(room, directory, draft.text, caret);
  const chosen = completion ? Math.min(active, completion.candidates.length - 1) : 0;
  const count = Array.from(draft.text).length;
  const isTooLong = count > channel.MAX_TEXT_CHARACTERS;
  const isSending = uploads.items.some(({ state }) => state === 'sending');
  const stored = uploads.items.flatMap(({ stored: file }) => file ?? []);
  const canSend = !isTooLong && !isSending && (draft.text.trim() !== '' || stored.length > 0);

  useEffect(() => {
    drafts.set(place, draft);
  }, [draft, place]);

  // The field is as high as its text, up to a third of the window.
  useLayoutEffect(() => {
    const { current } = field;
    if (!current) return;
    current.style.height = 'auto';
    current.style.height = `${current.scrollHeight}px`;
  }, [draft.text]);

  const insert = (next: { draft: Draft; caret: number }) => {
    // At once: the next key may come before the next frame, and would go to the end of the text.
    flushSync(() => {
      setDraft(next.draft);
      setCaret(next.caret);
      setActive(0);
    });
    field.current?.focus();
    field.current?.setSelectionRange(next.caret, next.caret);
  };
  const choose = (candidate: Candidate) => {
    if (completion) insert(complete(draft, completion.trigger, candidate));
  };

  const send = () => {
    if (!canSend) return;
    const text = fromDraft(draft);
    const [first, ...others] = stored;
    const sent = first
      ? [first, ...others].map((file, index) =>
          onSend(
            {
              content_type: 'file_attachment',
              content: { file_id: file.id, name: file.name, ...(index === 0 && text ? { text } : {}) },
            },
            threadId,
          ),
        )
      : [onSend({ content_type: 'markdown', content: { text } }, threadId)];
    if (sent.includes(null)) return;
    setDraft(EMPTY);
    setCaret(null);
    uploads.clear();
    typing.stop();
  };

  const press = (event: KeyboardEvent) => {
    if (event.nativeEvent.isComposing) return;
    const candidate = completion?.candidates[chosen];
    if (completion && candidate) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (step !== undefined) {
        event.preventDefault();
        setActive((chosen + step + completion.candidates.length) % completion.candidates.length);
        return;
      }
      // An input of a command is chosen with Tab: Enter sends what stands there.
      const isChosen =
        event.key === 'Tab' || (event.key === 'Enter' && completion.trigger.kind !== 'argument');
      if (isChosen && !event.shiftKey) {
        event.preventDefault();
        choose(candidate);
        return;
      }
      if (event.key === 'Escape') {
        event.preventDefault();
        event.stopPropagation();
        dismiss();
        return;
      }
    }
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault();
      send();
    }
  };

  const paste = (event: ClipboardEvent) => {
    if (event.clipboardData.files.length === 0) return;
    event.preventDefault();
    uploads.add(event.clipboardData.files);
  };

  return (
    <form
      className="composer"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
      onDragOver={(event) => {
        event.preventDefault();
      }}
      onDrop={(event) => {
        event.preventDefault();
        uploads.add(event.dataTransfer.files);
      }}
    >
      {completion && <CandidateList id={id} completion={completion} active={chosen} onChoose={choose} />}
      <UploadList uploads={uploads} />
      <textarea
        ref={field}
        rows={1}
        value={draft.text}
        placeholder={label}
        aria-label={label}
        role="combobox"
        aria-expanded={completion !== null}
        aria-controls={completion ? id : undefined}
        aria-activedescendant={completion ? `${id}-${chosen}` : undefined}
        aria-autocomplete="list"
        aria-invalid={isTooLong || undefined}
        onChange={({ target }) => {
          setDraft({ ...draft, text: target.value });
          setCaret(target.selectionStart);
          setActive(0);
          if (target.value === '') typing.stop();
          else typing.type();
        }}
        onSelect={({ currentTarget: target }) => {
          setCaret(target.selectionStart === target.selectionEnd ? target.selectionStart : null);
        }}
        onBlur={() => {
          setCaret(null);
          typing.stop();
        }}
        onKeyDown={press}
        onPaste={paste}
      />
      {isTooLong && (
        <p className="chat-fault" role="alert">
          {t('too_long', { count })}
        </p>
      )}
      <div className="composer-tools">
        <input
          ref={files}
          type="file"
          multiple
          hidden
          onChange={({ target }) => {
            uploads.add(target.files ?? []);
            target.value = '';
          }}
        />
        <button
          type="button"
          className="icon-button"
          aria-label={t('attach')}
          title={t('attach')}
          onClick={() => files.current?.click()}
        >
          <Icon name="attach" />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={t('emoji')}
          title={t('emoji')}
          aria-expanded={isPicking}
          onClick={() => {
            setPicking(!isPicking);
          }}
        >
          <Icon name="smile" />
        </button>
        <button
          type="submit"
          className="icon-button send"
          aria-label={t('send')}
          title={t('send')}
          disabled={!canSend}
        >
          <Icon name="send" />
        </button>
      </div>
      {isPicking && (
        <Suspense fallback={null}>
          <EmojiPicker
            onClose={() => {
              setPicking(false);
            }}
            onChoose={(emoji) => {
              setPicking(false);
              const at = field.current?.selectionStart ?? draft.text.length;
              const text = draft.text.slice(0, at) + emoji + draft.text.slice(at);
              insert({ draft: { ...draft, text }, caret: at + emoji.length });
            }}
          />
        </Suspense>
      )}
    </form>
  );
}
