// What people bring to a page from elsewhere, dropped or pasted: files, addresses and texts become blocks.
import { generateJSON } from '@tiptap/core';
import type { Json, NewBlock } from '@ionflux/client';
import { useCallback } from 'react';
import { usePageT } from '../messages';
import { textExtensions } from '../text/extensions';
import { MAX_PASTE_CHARACTERS } from '../text/paste';
import { readPastedHtml } from '../text/pastedHtml';
import { usePage } from './session';
import { startBlock } from './starters';
import { useUploads } from './uploads';

type Where = Omit<NewBlock, 'stamp'>;

export interface Bring {
  files: (files: readonly File[], where: Where) => void;
  /** Takes what was pasted; false if there was nothing to take. */
  data: (data: DataTransfer, where: Where) => boolean;
}

export function useBring(): Bring {
  const t = usePageT();
  const page = usePage();
  const { upload, tell } = useUploads();
  const files = useCallback(
    (brought: readonly File[], where: Where) => {
      const send = async (file: File, index: number) => {
        const sent = await upload(file);
        if (sent === null) return;
        const place = {
          ...where.place,
          x: (where.place?.x ?? 0) + index * 32,
          y: (where.place?.y ?? 0) + index * 32,
        };
        const at = { ...where, place };
        if (file.type.startsWith('image/'))
          startBlock(page, 'image', t, { ...at, content: { file_id: sent.id, alt: sent.name } });
        else if (file.type.startsWith('video/'))
          startBlock(page, 'video', t, { ...at, content: { file_id: sent.id, caption: sent.name } });
        else
          startBlock(page, 'text', t, {
            ...at,
            content: { doc: linkTo(sent.name, `/v1/files/${sent.id}/content`) },
          });
      };
      brought.forEach((file, index) => void send(file, index));
    },
    [page, t, upload],
  );
  const data = useCallback(
    (brought: DataTransfer, where: Where) => {
      if (brought.files.length > 0) {
        files([...brought.files], where);
        return true;
      }
      const text = brought.getData('text/plain');
      const html = brought.getData('text/html');
      if (text === '' && html === '') return false;
      if (Math.max(text.length, html.length) > MAX_PASTE_CHARACTERS) {
        tell(
          t('pasteTooLong', { size: (text.length / 1e6).toFixed(1), most: MAX_PASTE_CHARACTERS / 1e6 }),
          'warn',
        );
        files([new File([text], 'pasted.txt', { type: 'text/plain' })], where);
      } else if (/^https?:\/\/[!-~]+$/.test(text.trim())) {
        startBlock(page, 'embed_panel', t, { ...where, content: { url: text.trim() } });
      } else {
        const doc = html === '' ? text : (generateJSON(readPastedHtml(html), textExtensions()) as Json);
        startBlock(page, 'text', t, { ...where, content: { doc } });
      }
      return true;
    },
    [page, t, files, tell],
  );
  return { files, data };
}

function linkTo(name: string, href: string): Json {
  const marks = [{ type: 'link', attrs: { href } }];
  return { type: 'doc', content: [{ type: 'paragraph', content: [{ type: 'text', text: name, marks }] }] };
}
