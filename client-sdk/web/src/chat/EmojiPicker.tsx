// All emoji, to search and choose from. Their names come with the page, in the language it is shown in.
import { EmojiPicker as Picker } from 'frimousse';
import { useEffect, useRef } from 'react';
import { useLanguage, useT } from '../app/i18n';
import { resolveEmojiData } from './emojiData';
import { messages } from './messages';
import './emoji.css';

interface EmojiPickerProps {
  onChoose: (emoji: string) => void;
  onClose: () => void;
}

export default function EmojiPicker({ onChoose, onClose }: EmojiPickerProps) {
  const t = useT(messages);
  const language = useLanguage();
  const ref = useRef<HTMLDivElement>(null);

  useEffect(() => {
    const close = (event: PointerEvent) => {
      if (!ref.current?.contains(event.target as Node)) onClose();
    };
    document.addEventListener('pointerdown', close);
    return () => {
      document.removeEventListener('pointerdown', close);
    };
  }, [onClose]);

  return (
    <div
      className="emoji-picker"
      role="dialog"
      aria-label={t('emoji')}
      ref={ref}
      onKeyDown={(event) => {
        if (event.key !== 'Escape') return;
        event.stopPropagation();
        onClose();
      }}
    >
      <Picker.Root
        locale={language}
        columns={8}
        resolveEmojiData={resolveEmojiData}
        onEmojiSelect={({ emoji }) => {
          onChoose(emoji);
        }}
      >
        <Picker.Search
          className="input"
          autoFocus
          aria-label={t('emoji_search')}
          placeholder={t('emoji_search')}
        />
        <Picker.Viewport className="emoji-viewport">
          <Picker.Loading>{t('loading')}</Picker.Loading>
          <Picker.Empty>{t('emoji_none')}</Picker.Empty>
          <Picker.List />
        </Picker.Viewport>
      </Picker.Root>
    </div>
  );
}
