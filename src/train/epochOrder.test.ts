import { describe, expect, test } from 'vitest';
import { ORDER } from '../engine/kernels.ts';
import { permutation } from '../engine/random.ts';
import { epochOrder } from './epochOrder.ts';

/** As FER2013's Training: one class is rare, one common. */
const SIZES = [400, 44, 410, 721, 483, 317, 497];
const targets = SIZES.flatMap((size, label) => Array.from({ length: size }, () => label));
/** Every other image, so that an index is no position. */
const data = targets.flatMap((label) => [label, label]);
const images = Int32Array.from(targets, (_, i) => 2 * i + 1);

const imageOf = (entry: number): number => entry & ORDER.image;
const occurrenceOf = (entry: number): number => entry >>> 24;
function classCounts(order: Int32Array): number[] {
  const counts = SIZES.map(() => 0);
  for (const entry of order) counts[data[imageOf(entry)]]++;
  return counts;
}
/** How often each image of a class occurs. */
function timesOf(order: Int32Array, label: number): number[] {
  const times = new Map<number, number>();
  for (const image of images) if (data[image] === label) times.set(image, 0);
  for (const entry of order) {
    const before = times.get(imageOf(entry));
    if (before !== undefined) times.set(imageOf(entry), before + 1);
  }
  return [...times.values()];
}

describe('the order of an epoch', () => {
  test('unbalanced: each image once, as the permutation of its key has it', () => {
    const order = epochOrder(images, data, 0, 5);
    expect([...order]).toEqual(Array.from(permutation(5, images.length), (position) => images[position]));
  });

  test('balanced: all classes alike, each image as often as the others of its class', () => {
    const order = epochOrder(images, data, 1, 5);
    expect(order).toHaveLength(images.length);
    const share = images.length / SIZES.length;
    for (const count of classCounts(order)) expect(Math.abs(count - share)).toBeLessThan(1);
    for (const label of SIZES.keys()) {
      const times = timesOf(order, label);
      expect(Math.max(...times) - Math.min(...times)).toBeLessThanOrEqual(1);
    }
    // 410 of 44: nine times each, and some a tenth time.
    expect(new Set(timesOf(order, 1))).toEqual(new Set([9, 10]));
  });

  test.each([0.25, 0.5, 0.75])('balance of %d: shares as a power of the sizes', (balance) => {
    const counts = classCounts(epochOrder(images, data, balance, 5));
    const powers = SIZES.map((size) => size ** (1 - balance));
    const total = powers.reduce((sum, power) => sum + power);
    expect(counts.reduce((sum, count) => sum + count)).toBe(images.length);
    for (const [c, count] of counts.entries()) {
      expect(Math.abs(count - (images.length * powers[c]) / total)).toBeLessThan(1);
    }
  });

  test('every occurrence of an image is another entry, counted from 0', () => {
    const order = epochOrder(images, data, 1, 5);
    expect(new Set(order).size).toBe(order.length);
    const occurrences = new Map<number, number[]>();
    for (const entry of order) {
      const of = occurrences.get(imageOf(entry)) ?? [];
      occurrences.set(imageOf(entry), [...of, occurrenceOf(entry)]);
    }
    for (const of of occurrences.values()) expect(of.sort((a, b) => a - b)).toEqual([...of.keys()]);
  });

  test('another key: another order, and others of a common class', () => {
    const [one, other] = [epochOrder(images, data, 1, 5), epochOrder(images, data, 1, 6)];
    expect(epochOrder(images, data, 1, 5)).toEqual(one);
    expect(other).not.toEqual(one);
    expect(timesOf(one, 3)).not.toEqual(timesOf(other, 3));
    expect(classCounts(one)).toEqual(classCounts(other));
  });

  test('a single image of a class may occur more often than occurrences are counted', () => {
    const few = [0, ...Array.from({ length: 999 }, () => 1)];
    const order = epochOrder(Int32Array.from(few.keys()), few, 1, 1);
    const single = order.filter((entry) => imageOf(entry) === 0);
    expect(single).toHaveLength(500);
    expect(new Set(single.map(occurrenceOf)).size).toBe(ORDER.occurrences);
    expect(Math.min(...order)).toBeGreaterThanOrEqual(0);
  });

  test('classes without images are left out', () => {
    const order = epochOrder(Int32Array.of(2, 3, 4, 5), [0, 0, 6, 6, 2, 2], 1, 1);
    expect([...order].sort()).toEqual([2, 3, 4, 5]);
  });
});
