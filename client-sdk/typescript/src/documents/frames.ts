// Reads from the frames of a Hocuspocus socket what tells whether edits are saved (docs/protocol.md).
import * as decoding from 'lib0/decoding';

const SYNC = 0;
const SYNC_STATUS = 8;
const STEP_2 = 1;
const UPDATE = 2;

/** What a frame says of edits: of which document, under its routing key. */
export type EditFrame =
  | { key: string; kind: 'answer' }
  | { key: string; kind: 'update'; update: Uint8Array }
  | { key: string; kind: 'receipt'; isSaved: boolean };

/** Returns what a frame says of edits; null for every other frame. */
export function readFrame(frame: Uint8Array): EditFrame | null {
  if (frame.length < 3) return null; // a ping or a pong
  const decoder = decoding.createDecoder(frame);
  const key = decoding.readVarString(decoder);
  switch (decoding.readVarUint(decoder)) {
    case SYNC:
      switch (decoding.readVarUint(decoder)) {
        case STEP_2:
          return { key, kind: 'answer' };
        case UPDATE:
          return { key, kind: 'update', update: decoding.readVarUint8Array(decoder) };
        default:
          return null;
      }
    case SYNC_STATUS:
      return { key, kind: 'receipt', isSaved: decoding.readVarInt(decoder) === 1 };
    default:
      return null;
  }
}
