import { ORDER } from '../engine/kernels.ts';
import { keyOf, permutation } from '../engine/random.ts';

/**
 * The order in which an epoch takes its images, drawn from a key: entries as of `ORDER`, as many as there are images.
 *
 * @param images indices into the data
 * @param targets the class of each image of the data
 * @param balance how alike the classes' shares become: a class of n images gets a share in proportion to n^(1 - balance). 0: each
 *   image once; 0.5: square-root sampling; 1: all classes alike (arXiv 1910.09217, section 3)
 */
export function epochOrder(
  images: Int32Array,
  targets: ArrayLike<number>,
  balance: number,
  key: number,
): Int32Array {
  const taken = balance === 0 ? images : balanced(images, targets, balance, key);
  return permutation(key, images.length).map((position) => taken[position]);
}

/** As many entries as images: all of a class equally often, but for one occurrence more of some that are drawn. */
function balanced(images: Int32Array, targets: ArrayLike<number>, balance: number, key: number): Int32Array {
  const classes = new Map<number, number[]>();
  for (const image of images) {
    const group = classes.get(targets[image]);
    if (group) group.push(image);
    else classes.set(targets[image], [image]);
  }
  const weights = [...classes.values()].map(({ length }) => length ** (1 - balance));
  const counts = apportion(images.length, weights);
  const entries = [...classes].flatMap(([label, group], c) => {
    const shuffled = permutation(keyOf(key, label), group.length);
    return Array.from({ length: counts[c] }, (_, i) => {
      const occurrence = Math.floor(i / group.length) % ORDER.occurrences;
      return group[shuffled[i % group.length]] + occurrence * ORDER.occurrence;
    });
  });
  return Int32Array.from(entries);
}

/** Splits a whole into whole parts, as near in proportion to the weights as it gets: largest remainders. */
function apportion(whole: number, weights: readonly number[]): number[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const ideal = weights.map((weight) => (whole * weight) / total);
  const parts = ideal.map(Math.floor);
  const missing = whole - parts.reduce((sum, part) => sum + part, 0);
  const byRemainder = [...ideal.keys()].sort((a, b) => ideal[b] - parts[b] - (ideal[a] - parts[a]) || a - b);
  for (const i of byRemainder.slice(0, missing)) parts[i]++;
  return parts;
}
