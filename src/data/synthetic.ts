import { UsageError } from '../errors.ts';
import { type Dataset, FACE_SIZE, FER2013_LABELS, SPLITS, type Split, splitIndices } from './dataset.ts';
import { contentHash } from './hash.ts';
import { drawFaceInto } from './synthetic/drawFace.ts';
import { combineSeeds } from './synthetic/random.ts';

export { drawFace } from './synthetic/drawFace.ts';

/** Most faces of one dataset: 2.3 GB of pixels. */
export const MAX_SYNTHETIC = 1_000_000;

export interface SyntheticOptions {
  /** Number of faces, shared out 80 : 10 : 10 (default 7000). */
  readonly n?: number;
  /** Number of faces of each split instead; an absent split is empty. */
  readonly counts?: Partial<Readonly<Record<Split, number>>>;
  /** Any whole number (default 0). */
  readonly seed?: number;
  readonly onProgress?: (drawn: number, total: number) => void;
}

/** Faces drawn between two calls of `onProgress`. */
const PROGRESS_STEP = 250;

/**
 * Drawn faces in the seven expressions of FER2013, as many of each class as of the others (up to one).
 * Face j of a split depends on the seed, the split and j only, so a smaller dataset is the beginning of a
 * larger one and no test face ever appears in training.
 *
 * @throws UsageError for counts or a seed that are no whole numbers in range.
 */
export function synthetic(options: SyntheticOptions = {}): Dataset {
  const { seed = 0, onProgress } = options;
  if (!Number.isSafeInteger(seed)) throw new UsageError(`seed is ${seed}, expected a whole number`);
  const counts = splitCounts(options);
  const N = counts.reduce((a, b) => a + b, 0);
  const area = FACE_SIZE * FACE_SIZE;
  const images = new Uint8Array(N * area);
  const targets = new Uint8Array(N);
  const splitOf = new Uint8Array(N);
  let i = 0;
  counts.forEach((count, split) => {
    for (let j = 0; j < count; j++, i++) {
      targets[i] = j % FER2013_LABELS.length;
      splitOf[i] = split;
      const faceSeed = combineSeeds(seed | 0, Math.floor(seed / 2 ** 32), split, j);
      drawFaceInto(images, i * area, FER2013_LABELS[targets[i]], faceSeed);
      if ((i + 1) % PROGRESS_STEP === 0 || i + 1 === N) onProgress?.(i + 1, N);
    }
  });
  const content = { labels: FER2013_LABELS, size: FACE_SIZE, images, targets, splits: splitIndices(splitOf) };
  return { source: 'synthetic', ...content, hash: contentHash(content) };
}

/** Faces of each split, in the order of SPLITS. */
function splitCounts({ n = 7000, counts }: SyntheticOptions): number[] {
  const tenth = Math.round(n / 10);
  const shared = { Training: n - 2 * tenth, PublicTest: tenth, PrivateTest: tenth };
  const list = SPLITS.map((split) => (counts ?? shared)[split] ?? 0);
  const total = list.reduce((a, b) => a + b, 0);
  if (list.every((count) => Number.isInteger(count) && count >= 0) && total >= 1 && total <= MAX_SYNTHETIC)
    return list;
  throw new UsageError(
    `synthetic faces: found ${total} of them, expected a whole number from 1 to ${MAX_SYNTHETIC}`,
  );
}
