import { expect, test } from 'vitest';
import { percent, percentRange, pValue, range } from './format.ts';

const plain = (text: string): string => text.replaceAll('\u00a0', ' ');

test('shares and intervals', () => {
  expect(plain(percent(0.65314))).toBe('65.31 %');
  expect(plain(percentRange({ low: 0.6374, high: 0.669 }))).toBe('63.74 – 66.90');
  expect(plain(range({ low: -0.01, high: 0.25 }))).toBe('−0.0100 – 0.2500');
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
