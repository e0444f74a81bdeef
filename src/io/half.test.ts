import { expect, test } from 'vitest';
import { decodeHalf, encodeHalf } from './half.ts';

const half = (x: number) => encodeHalf(new Float32Array([x]))[0];

test('every half that is a number goes to float32 and back unchanged', () => {
  const halves = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((h) => (h & 0x7fff) <= 0x7c00);
  expect(encodeHalf(decodeHalf(halves))).toEqual(halves);
});

test('widening follows the definition', () => {
  const values = decodeHalf(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));
  const expected = Float32Array.from(values, (_, h) => {
    const exponent = h >>> 10;
    const mantissa = h & 0x3ff;
    return exponent === 0 ? mantissa * 2 ** -24 : (1 + mantissa / 1024) * 2 ** (exponent - 15);
  });
  expect(values).toEqual(expected);
});

test('the middle between two halves goes to the even one, a hair off it to the nearer', () => {
  const all = decodeHalf(Uint16Array.from({ length: 0x7c00 }, (_, i) => i));
  const middles = all.subarray(1).map((next, h) => (all[h] + next) / 2);
  const hs = Uint16Array.from(middles, (_, h) => h);
  const even = hs.map((h) => h + (h % 2));
  expect(encodeHalf(middles)).toEqual(even);
  expect(encodeHalf(middles.map((m) => -m))).toEqual(even.map((h) => h | 0x8000));
  expect(encodeHalf(middles.map((m) => m * (1 - 2 ** -22)))).toEqual(hs);
  expect(encodeHalf(middles.map((m) => m * (1 + 2 ** -22)))).toEqual(hs.map((h) => h + 1));
});

test('limits and non-finite values', () => {
  expect(half(65519)).toBe(0x7bff);
  expect(half(65520)).toBe(0x7c00);
  expect(half(-1e30)).toBe(0xfc00);
  expect(half(Number.NEGATIVE_INFINITY)).toBe(0xfc00);
  expect(half(1e-30)).toBe(0);
  expect(half(-0)).toBe(0x8000);
  expect(decodeHalf(encodeHalf(new Float32Array([Number.NaN])))[0]).toBeNaN();
  expect(decodeHalf(Uint16Array.of(0x7c00, 0xfc00))).toEqual(
    new Float32Array([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]),
  );
});
