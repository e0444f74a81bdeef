import { expect, test } from 'vitest';
import { counted, duration, grouped, percent, percentRange, points } from './numbers.ts';

test('shares, intervals and differences', () => {
  expect([percent(0.65314), percent(0.999, 0)]).toEqual(['65.31 %', '100 %']);
  expect(percentRange({ low: 0.6374, high: 0.669 })).toBe('63.74 to 66.90');
  expect(percentRange({ low: 0.2, high: 0.267 }, 0)).toBe('20 to 27');
  expect([points(0.0123), points(-0.5), points(0)]).toEqual(['+1.23', '−50.00', '+0.00']);
});

test('counts and durations', () => {
  expect([counted(1, 'image'), counted(3589, 'image')]).toEqual(['1 image', '3,589 images']);
  expect([grouped(12_345.67), grouped(12_345.67, 1)]).toEqual(['12,346', '12,345.7']);
  expect([0.05, 59.94, 61, 3599.6, 7500].map(duration)).toEqual([
    '0.1 s',
    '59.9 s',
    '1 min 1 s',
    '1 h 0 min',
    '2 h 5 min',
  ]);
});
