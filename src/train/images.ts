import type { Dataset, Split } from '../data/dataset.ts';
import { FerError } from '../errors.ts';

/**
 * The images of some splits, in the dataset's own order.
 *
 * @param advice what to do about a split without images
 * @throws FerError if one has none
 */
export function imagesOf(
  { splits, source, targets }: Dataset,
  names: readonly Split[],
  advice = 'choose other splits with train= and val=',
): Int32Array {
  for (const name of names) {
    if (splits[name].length === 0) {
      const there = Object.entries(splits).map(([split, { length }]) => `${split} ${length}`);
      throw new FerError(`${source} has no image in ${name} (${there.join(', ')}): ${advice}`);
    }
  }
  const chosen = new Uint8Array(targets.length);
  for (const name of names) for (const index of splits[name]) chosen[index] = 1;
  return Int32Array.from(chosen.keys()).filter((index) => chosen[index] === 1);
}
