// What is pasted into a text: rich text passes through the editor's schema by itself; pictures become files of the
// page, and a text that is too long for one block becomes a file with a link to it, so that nothing is lost.
import type { EditorView } from '@tiptap/pm/view';
import { useCallback } from 'react';
import { usePageT } from '../messages';
import { useUploads } from '../model/uploads';

/** Beyond this an editor gets slow for everybody; the server's limit for one edit is larger. */
export const MAX_PASTE_CHARACTERS = 1_000_000;

export function usePaste(): (view: EditorView, event: ClipboardEvent) => boolean {
  const t = usePageT();
  const { upload, tell } = useUploads();
  return useCallback(
    (view, event) => {
      const data = event.clipboardData;
      if (!data) return false;
      const text = data.getData('text/plain');
      if (text.length > MAX_PASTE_CHARACTERS) {
        const size = (text.length / 1_000_000).toFixed(1);
        tell(t('pasteTooLong', { size, most: MAX_PASTE_CHARACTERS / 1_000_000 }), 'warn');
        void keepAsFile(view, text, upload);
        return true;
      }
      const pictures = [...data.files].filter((file) => file.type.startsWith('image/'));
      if (pictures.length === 0 || text !== '') return false;
      for (const picture of pictures) void insertPicture(view, picture, upload);
      return true;
    },
    [t, upload, tell],
  );
}

type Upload = ReturnType<typeof useUploads>['upload'];

async function keepAsFile(view: EditorView, text: string, upload: Upload): Promise<void> {
  const name = `pasted-${new Date().toISOString().slice(0, 19).replaceAll(':', '-')}.txt`;
  const file = await upload(new File([text], name, { type: 'text/plain' }));
  const link = view.state.schema.marks.link;
  if (file === null || view.isDestroyed || !link) return;
  const mark = link.create({ href: `/v1/files/${file.id}/content` });
  view.dispatch(view.state.tr.replaceSelectionWith(view.state.schema.text(file.name, [mark]), false));
}

async function insertPicture(view: EditorView, picture: File, upload: Upload): Promise<void> {
  const file = await upload(picture);
  const image = view.state.schema.nodes.image;
  if (file === null || view.isDestroyed || !image) return;
  const node = image.create({ src: `/v1/files/${file.id}/content`, alt: file.name });
  view.dispatch(view.state.tr.replaceSelectionWith(node));
}
