import { expect, test } from 'vitest';
import { calibration, calibrationBin } from './calibration.ts';

// By hand: gaps of the bins .35, .45, .35 with one answer each, and .4 with two: (1.15 + .8) / 5.
test('expected calibration error of five answers', () => {
  const { ece, overconfidence, bins } = calibration([0.95, 0.85, 0.65, 0.55, 0.35], [1, 0, 1, 1, 0], 5);
  expect(ece).toBeCloseTo(0.39, 12);
  expect(overconfidence).toBeCloseTo((3.35 - 3) / 5, 12);
  expect(bins.map(({ count }) => count)).toEqual([0, 1, 1, 1, 2]);
  expect(bins[4]).toEqual({
    low: 0.8,
    high: 1,
    count: 2,
    confidence: expect.closeTo(0.9, 12),
    accuracy: 0.5,
  });
  expect(bins[0]).toMatchObject({ confidence: null, accuracy: null });
});

test('an upper border belongs to its bin', () => {
  expect([0, 0.1, 0.2, 0.2001, 0.4, 1].map((confidence) => calibrationBin(confidence, 5))).toEqual([
    0, 0, 0, 1, 1, 4,
  ]);
});

test('sure and right is perfect, sure and wrong as bad as can be', () => {
  expect(calibration([1, 1], [true, true]).ece).toBe(0);
  expect(calibration([1, 1], [false, false])).toMatchObject({ ece: 1, overconfidence: 1 });
  expect(calibration([], []).ece).toBe(0);
});

test('confidence that is right on average in a bin counts as calibrated', () => {
  expect(calibration([0.75, 0.75, 0.75, 0.75], [1, 1, 1, 0], 10).ece).toBeCloseTo(0, 12);
});
