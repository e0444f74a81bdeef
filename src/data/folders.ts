import { FerError } from '../errors.ts';
import { type BadRow, badRowText } from './badRows.ts';
import { type DatasetContent, FACE_SIZE, SPLITS, splitIndices } from './dataset.ts';
import { listPictures, type PictureList } from './folderList.ts';
import { orderLabels } from './labels.ts';

const AREA = FACE_SIZE * FACE_SIZE;
/** Pictures decoded at a time: enough to keep the decoder's threads busy, few enough to bound memory. */
const DECODED_AT_ONCE = 16;
/** Targets are bytes. */
const MAX_LABELS = 256;

export interface FolderOptions {
  readonly onProgress?: (imagesRead: number, imagesTotal: number) => void;
  /** Given, undecodable pictures are reported to it and left out; else the first one throws. */
  readonly onBadRow?: (row: BadRow) => void;
  /** The folder's listing where the caller has it already. */
  readonly list?: PictureList;
}

/**
 * Reads an image folder (layout: see `listPictures`). Pictures of any size and colour become grey
 * 48 x 48 (see `readGrayImage`). A folder name unlike any known expression is a label of its own.
 *
 * @throws FerError naming the file for a picture that cannot be decoded, unless `onBadRow` is given
 */
export async function readFolders(root: string, options: FolderOptions = {}): Promise<DatasetContent> {
  const { pictures } = options.list ?? (await listPictures(root));
  const labels = orderLabels(pictures.map(({ label }) => label));
  if (labels.length > MAX_LABELS) {
    throw new FerError(
      `${root}: found ${labels.length} folders of expressions, expected at most ${MAX_LABELS}`,
    );
  }
  const N = pictures.length;
  const images = new Uint8Array(N * AREA);
  const bad: (BadRow | undefined)[] = new Array(N);
  let next = 0;
  let done = 0;
  let failed = false;
  const worker = async (): Promise<void> => {
    while (next < N && !failed) {
      const i = next++;
      try {
        images.set(await decodeFace(pictures[i].path), i * AREA);
      } catch (error) {
        const { path: file } = pictures[i];
        const { message } = error as Error;
        const name = `${file}: `;
        bad[i] = { file, reason: message.startsWith(name) ? message.slice(name.length) : message };
        failed = options.onBadRow === undefined;
      }
      options.onProgress?.(++done, N);
    }
  };
  await Promise.all(Array.from({ length: DECODED_AT_ONCE }, worker));

  // Told after the work, in reading order, so that a second run tells the same.
  for (const row of bad) {
    if (row === undefined) continue;
    if (options.onBadRow === undefined) throw new FerError(badRowText(row));
    options.onBadRow(row);
  }
  const good = pictures.flatMap((_, i) => (bad[i] === undefined ? [i] : []));
  good.forEach((from, to) => {
    if (from !== to) images.copyWithin(to * AREA, from * AREA, (from + 1) * AREA);
  });
  return {
    labels,
    size: FACE_SIZE,
    images: good.length === N ? images : images.slice(0, good.length * AREA),
    targets: Uint8Array.from(good, (i) => labels.indexOf(pictures[i].label)),
    splits: splitIndices(good.map((i) => SPLITS.indexOf(pictures[i].split))),
  };
}

/**
 * One picture file as `[48, 48]` grey pixels: the decoder of prediction, so that a network is asked about
 * pictures as it learned them.
 *
 * @throws Error saying why where it cannot
 */
async function decodeFace(path: string): Promise<Uint8Array> {
  // Loaded on first use: a csv needs no image library.
  const { readGrayImage } = await import('../image/read.ts');
  return readGrayImage(path, FACE_SIZE);
}
