import { FerError } from '../errors.ts';
import type { Dataset, Split } from './dataset.ts';

/** What to do about a split without images where both `train=` and `val=` name splits. */
const ADVICE = 'choose other splits with train= and val=';

/**
 * Refuses data that has no image in one of some splits.
 *
 * @param advice what to do about it
 * @throws FerError
 */
export function checkSplits(
  { source, splits }: Pick<Dataset, 'source' | 'splits'>,
  names: Iterable<Split>,
  advice = ADVICE,
): void {
  for (const name of names) {
    if (splits[name].length > 0) continue;
    const there = Object.entries(splits).map(([split, { length }]) => `${split} ${length}`);
    throw new FerError(`${source} has no image in ${name} (${there.join(', ')}): ${advice}`);
  }
}

/**
 * The images of some splits, in the dataset's own order.
 *
 * @param advice what to do about a split without images
 * @throws FerError if one has none
 */
export function imagesOf(dataset: Dataset, names: readonly Split[], advice = ADVICE): Int32Array {
  checkSplits(dataset, names, advice);
  const chosen = new Uint8Array(dataset.targets.length);
  for (const name of names) for (const index of dataset.splits[name]) chosen[index] = 1;
  return Int32Array.from(chosen.keys()).filter((index) => chosen[index] === 1);
}

/**
 * Refuses crops that are larger than the images they are cut from.
 *
 * @throws FerError
 */
export function checkCropSize(cropSize: number, size: number): void {
  if (cropSize <= size) return;
  throw new FerError(
    `crops of crop_size=${cropSize} do not fit into faces of ${size}x${size} pixels: give crop_size=${size} or less`,
  );
}

/**
 * Refuses images of another size than a network was trained on.
 *
 * @throws FerError
 */
export function checkImageSize(
  { source, size }: Pick<Dataset, 'source' | 'size'>,
  { imageSize }: { readonly imageSize: number },
): void {
  if (size === imageSize) return;
  throw new FerError(
    `${source} has images of ${size}x${size}, the model was trained on ${imageSize}x${imageSize}`,
  );
}
