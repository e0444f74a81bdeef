import { describe, expect, it } from 'vitest';
import { MIXTURE } from './kernels.ts';
import { drawMixture, type MixtureOptions } from './mixture.ts';

const SIDE = 40;
const DRAWS = 20_000;

const draws = (options: MixtureOptions, n = DRAWS, side = SIDE) =>
  Array.from({ length: n }, (_, key) => {
    const values = drawMixture(key, options, side);
    const [share, left, top, width, height, labelShare] = values;
    expect([MIXTURE.share, MIXTURE.left, MIXTURE.labelShare, values.length]).toEqual([0, 1, 5, 6]);
    return { share, left, top, width, height, labelShare };
  });

/** Mean, variance and share of values below a quarter. */
function momentsOf(values: readonly number[]) {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, variance, low: values.filter((value) => value < 0.25).length / values.length };
}

describe('mixup', () => {
  // The third column is the distribution function of Beta(alpha, alpha) at 1/4, by its definition.
  it.each([
    [0.2, 0.25 / 1.4, 0.4141],
    [0.5, 0.25 / 2, 1 / 3],
    [1, 0.25 / 3, 0.25],
    [2, 0.25 / 5, 3 * 0.25 ** 2 - 2 * 0.25 ** 3],
    [8, 0.25 / 17, 0.0173],
  ])('draws its share from Beta(%d, same)', (alpha, variance, low) => {
    const found = draws({ mixup: alpha, cutmix: 0 });
    const moments = momentsOf(found.map(({ share }) => share));
    expect(moments.mean).toBeCloseTo(0.5, 1.9);
    expect(moments.variance / variance).toBeCloseTo(1, 1);
    expect(Math.abs(moments.low - low)).toBeLessThan(0.012);
    for (const { share, labelShare, width } of found) expect([labelShare, width]).toEqual([share, 0]);
  });

  it('is all or nothing for a tiny alpha, and still a number', () => {
    const shares = draws({ mixup: 1e-6, cutmix: 0 }, 500).map(({ share }) => share);
    for (const share of shares) expect(Math.min(share, 1 - share)).toBeLessThan(1e-3);
    expect(new Set(shares.map(Math.round)).size).toBe(2);
  });
});

describe('cutmix', () => {
  it('draws a box inside the sample whose area is the share of the label', () => {
    const found = draws({ mixup: 0, cutmix: 1 });
    for (const { share, left, top, width, height, labelShare } of found) {
      expect(share).toBe(0);
      for (const value of [left, top, width, height]) expect(Number.isInteger(value)).toBe(true);
      expect(Math.min(left, top, width, height)).toBeGreaterThanOrEqual(0);
      expect(Math.max(left + width, top + height)).toBeLessThanOrEqual(SIDE);
      expect(labelShare).toBe(Math.fround((width * height) / SIDE ** 2));
    }
    // A box about a centre anywhere loses what lies outside. Its side is √λ: E[(√λ (1 - √λ / 4))²] over uniform λ.
    const expected = 1 / 2 - 2 / (4 * 2.5) + 1 / (16 * 3);
    expect(momentsOf(found.map(({ labelShare }) => labelShare)).mean).toBeCloseTo(expected, 1.7);
    // Every place is as likely: mirrored boxes have the same mean.
    const middle = momentsOf(found.map(({ left, width }) => left + width / 2)).mean;
    expect(Math.abs(middle - SIDE / 2)).toBeLessThan(0.75);
  });

  it('reaches from nothing to everything', () => {
    const shares = draws({ mixup: 0, cutmix: 0.2 }).map(({ labelShare }) => labelShare);
    expect(Math.min(...shares)).toBe(0);
    expect(Math.max(...shares)).toBeGreaterThan(0.95);
  });
});

describe('both', () => {
  it('takes turns with even odds', () => {
    const found = draws({ mixup: 1, cutmix: 1 }, 4000);
    const mixed = found.filter(({ share }) => share > 0).length;
    expect(Math.abs(mixed / 4000 - 0.5)).toBeLessThan(0.03);
  });

  it('draws nothing where both are off', () => {
    for (const draw of draws({ mixup: 0, cutmix: 0 }, 5)) {
      expect(new Set(Object.values(draw))).toEqual(new Set([0]));
    }
  });

  it('gives the same for the same key, and other draws for another', () => {
    const options = { mixup: 0.4, cutmix: 1 };
    expect(draws(options, 50)).toEqual(draws(options, 50));
    expect(new Set(draws(options, 50).map((draw) => JSON.stringify(draw))).size).toBe(50);
  });
});
