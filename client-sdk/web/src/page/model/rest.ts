// REST as the page uses it, over the client of the shell, and files in pieces, so that one sees how far they are.
import type { useClient } from '../../app/client';
import type { Rest, UploadedFile } from './session';

type Client = ReturnType<typeof useClient>;
type Method = Parameters<Rest['send']>[0];

interface Init {
  body?: unknown;
  headers?: Record<string, string>;
  bodySerializer?: (body: unknown) => BodyInit;
}

interface Answer {
  data?: unknown;
  error?: unknown;
  response: Response;
}

/** The part of the typed client that takes any path. */
interface Untyped {
  request: (method: string, path: string, init: Init) => Promise<Answer>;
}

const PIECE_BYTES = 512 * 1024;

export function restOf(client: Client): Rest {
  const untyped = client.api as unknown as Untyped;
  const ask = async (method: Method, path: string, init: Init): Promise<Answer> => {
    const answer = await untyped.request(method.toLowerCase(), path, init);
    if (!answer.response.ok) await client.call(Promise.resolve(answer));
    return answer;
  };
  return {
    send: async <T>(method: Method, path: string, body?: unknown) =>
      (await ask(method, path, body === undefined ? {} : { body })).data as T,
    upload: (workspaceId, document, file, progress) => upload(ask, workspaceId, document, file, progress),
  };
}

type Ask = (method: Method, path: string, init: Init) => Promise<Answer>;

/** Sends a file by tus: it is begun with its size and name, then sent piece by piece. */
async function upload(
  ask: Ask,
  workspaceId: string,
  document: string,
  file: File,
  progress: (part: number) => void,
): Promise<UploadedFile> {
  const said = { filename: file.name || 'file', document };
  const metadata = Object.entries(said).map(([name, value]) => `${name} ${toBase64(value)}`);
  const tus = { 'Tus-Resumable': '1.0.0' };
  const headers = { ...tus, 'Upload-Length': String(file.size), 'Upload-Metadata': metadata.join(',') };
  const begun = (await ask('POST', `/v1/workspaces/${workspaceId}/uploads`, { headers })).data as {
    id: string;
    file_id: string | null;
  };
  let fileId = begun.file_id;
  for (let sent = 0; sent < file.size; sent += PIECE_BYTES) {
    const { response } = await ask('PATCH', `/v1/uploads/${begun.id}`, {
      headers: { ...tus, 'Upload-Offset': String(sent), 'Content-Type': 'application/offset+octet-stream' },
      body: file.slice(sent, sent + PIECE_BYTES),
      bodySerializer: (piece) => piece as Blob,
    });
    fileId = response.headers.get('Upload-File-Id') ?? fileId;
    progress(Math.min(1, (sent + PIECE_BYTES) / file.size));
  }
  return (await ask('GET', `/v1/files/${fileId ?? ''}`, {})).data as UploadedFile;
}

function toBase64(text: string): string {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}
