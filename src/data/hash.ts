import { createHash } from 'node:crypto';
import { pieces } from '../io/pieces.ts';
import { type DatasetContent, SPLITS } from './dataset.ts';

/**
 * Hexadecimal SHA-256 of a dataset's content: one line of JSON (labels, size, split sizes), the split
 * indices as little-endian int32 in the order of `SPLITS`, the targets, the pixels, the votes if there are any. The
 * source's name and format do not enter, so a csv and a folder of the same pictures in the same order share a hash.
 */
export function contentHash(content: DatasetContent): string {
  const hasher = createHash('sha256');
  const counts = SPLITS.map((split) => content.splits[split].length);
  const head = `${JSON.stringify({ labels: content.labels, size: content.size, counts })}\n`;
  const add = (bytes: Uint8Array): void => {
    for (const piece of pieces(bytes)) hasher.update(piece);
  };
  add(new TextEncoder().encode(head));
  for (const split of SPLITS) add(indexBytes(content.splits[split]));
  add(content.targets);
  add(content.images);
  if (content.votes) add(content.votes);
  return hasher.digest('hex');
}

/** The bytes of split indices, little-endian on every machine. */
export function indexBytes(indices: Int32Array): Uint8Array {
  const bytes = new Uint8Array(indices.length * 4);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < indices.length; i++) view.setInt32(i * 4, indices[i], true);
  return bytes;
}
