import { describe, expect, it } from 'vitest';
import { bits, dropThreshold, keyOf, mix, normal, permutation, STREAMS, uniform } from './random.ts';

describe('random numbers', () => {
  it('are 32 bits without sign, each input its own', () => {
    const mixed = Array.from({ length: 10000 }, (_, i) => mix(i));
    expect(new Set(mixed).size).toBe(10000);
    expect(mixed.every((value) => Number.isInteger(value) && value >= 0 && value < 2 ** 32)).toBe(true);
  });

  it('depend on every word of a key and on their order', () => {
    const keys = [keyOf(1, 2), keyOf(2, 1), keyOf(1), keyOf(1, 2, 0), keyOf(1, 3), keyOf(-1, 2), keyOf()];
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf(-1)).toBe(keyOf(2 ** 32 - 1));
  });

  it('extend: a key of words is the key of its beginning, continued', () => {
    expect(keyOf(5, STREAMS.augment, 0)).toBe(mix(keyOf(5, STREAMS.augment) ^ mix(0x85ebca6b)));
  });

  it('are uniform in [0, 1) and exact in float32', () => {
    const values = Array.from({ length: 100000 }, (_, i) => uniform(7, i));
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const square = values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(mean).toBeCloseTo(1 / 2, 2);
    expect(square).toBeCloseTo(1 / 3, 2);
    expect(values.every((value) => value >= 0 && value < 1 && Math.fround(value) === value)).toBe(true);
  });

  it('drop a share of p, and nearly all for p near 1', () => {
    expect(dropThreshold(0)).toBe(0);
    expect(dropThreshold(0.25)).toBe(2 ** 30);
    // 2^32 would be 0 in 32 bits, which keeps all.
    expect(dropThreshold(1 - 1e-12)).toBe(2 ** 32 - 1);
  });

  it('have each of their bits set half of the time', () => {
    const counts = new Array<number>(32).fill(0);
    for (let i = 0; i < 20000; i++) for (let b = 0; b < 32; b++) counts[b] += (bits(3, i) >>> b) & 1;
    for (const count of counts) expect(count / 20000).toBeCloseTo(0.5, 1);
  });

  it('are normal where asked for', () => {
    const values = Array.from({ length: 20000 }, (_, i) => normal(4, i));
    const moment = (power: number) => values.reduce((sum, value) => sum + value ** power, 0) / values.length;
    expect(moment(1)).toBeCloseTo(0, 1);
    expect(moment(2)).toBeCloseTo(1, 1);
    expect(moment(3)).toBeCloseTo(0, 1);
    expect(moment(4)).toBeGreaterThan(2.8);
    expect(moment(4)).toBeLessThan(3.2);
    expect(values.every(Number.isFinite)).toBe(true);
  });

  it('shuffle to every order alike', () => {
    const seen = new Map<string, number>();
    for (let key = 0; key < 6000; key++) {
      const order = permutation(keyOf(key), 3).join();
      seen.set(order, (seen.get(order) ?? 0) + 1);
    }
    expect(seen.size).toBe(6);
    for (const count of seen.values()) expect(Math.abs(count - 1000)).toBeLessThan(120);
    expect([...permutation(1, 1000)].sort((a, b) => a - b)).toEqual(
      Array.from({ length: 1000 }, (_, i) => i),
    );
    expect(permutation(1, 0)).toHaveLength(0);
  });
});
