import { expect, test } from 'vitest';
import { counted, duration, percent, percentRange, points, pValue, range } from './format.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

test('shares, intervals and differences', () => {
  expect(plain(percent(0.65314))).toBe('65.31 %');
  expect(plain(percentRange({ low: 0.6374, high: 0.669 }))).toBe('63.74 – 66.90');
  expect(plain(range({ low: -0.01, high: 0.25 }))).toBe('−0.0100 – 0.2500');
  expect([points(0.0123), points(-0.5), points(0)]).toEqual(['+1.23', '−50.00', '+0.00']);
});

test('p-values never claim more than is known', () => {
  expect([1, 0.0501, 0.001].map(pValue)).toEqual(['1.000', '0.050', '0.001']);
  expect([0.00099, 0.0001, 3e-9, 1e-40, 0].map((p) => plain(pValue(p)))).toEqual([
    '< 0.001',
    '< 0.001',
    '< 1e-8',
    '< 10⁻¹⁵',
    '< 10⁻¹⁵',
  ]);
});

test('counts and durations', () => {
  expect([counted(1, 'image'), counted(3589, 'image')]).toEqual(['1 image', '3,589 images']);
  expect([0.05, 59.94, 61, 3599.6, 7500].map(duration)).toEqual([
    '0.1 s',
    '59.9 s',
    '1 min 1 s',
    '1 h 0 min',
    '2 h 5 min',
  ]);
});
