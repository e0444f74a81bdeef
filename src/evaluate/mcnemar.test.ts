import { expect, test } from 'vitest';
import { holm, mcnemar } from './mcnemar.ts';

/** Answers of two networks: b that only the first gets right, c that only the second, and some of both. */
function answers(b: number, c: number): [boolean[], boolean[]] {
  const pairs = [
    ...new Array(b).fill([true, false]),
    ...new Array(c).fill([false, true]),
    ...new Array(7).fill([true, true]),
    ...new Array(4).fill([false, false]),
  ];
  return [pairs.map(([first]) => first), pairs.map(([, second]) => second)];
}

// scipy.stats.binomtest(min(b, c), b + c, .5).pvalue
test.each([
  [0, 0, 1],
  [5, 0, 0.0625],
  [3, 9, 0.14599609375],
  [10, 10, 1],
  [121, 59, 4.4344492637551645e-6],
  [1500, 1380, 0.026576281110159666],
])('%i against %i', (b, c, p) => {
  const found = mcnemar(...answers(b, c));
  expect(found).toMatchObject({ onlyFirst: b, onlySecond: c });
  expect(Math.abs(found.p / p - 1)).toBeLessThan(1e-9);
  expect(mcnemar(...(answers(b, c).reverse() as [boolean[], boolean[]])).p).toBe(found.p);
});

test('answers for other images are a mistake', () => {
  expect(() => mcnemar([true], [true, false])).toThrow(RangeError);
});

// By hand: 4 * .005, 3 * .01, 2 * .03, then .04, which may not be below the one before.
test("Holm's correction", () => {
  const close = (value: number) => expect.closeTo(value, 12);
  expect(holm([0.01, 0.04, 0.03, 0.005])).toEqual([close(0.03), close(0.06), close(0.06), close(0.02)]);
  expect(holm([0.9, 0.8])).toEqual([1, 1]);
  expect(holm([0.2])).toEqual([0.2]);
});
