import { expect, test } from 'vitest';
import { keyOf, STREAMS, uniform } from '../engine/random.ts';
import { bootstrap, intervalOf } from './bootstrap.ts';
import { calibration } from './calibration.ts';
import { argmax, computeMetrics, softmax } from './metrics.ts';

const LABELS = ['angry', 'happy', 'sad', 'fear'];

/** Random logits of N images, of which class 3 has none. */
function judged(N: number, C = 4) {
  const logits = Float32Array.from({ length: N * C }, (_, i) => 3 * uniform(1, i));
  const targets = Uint8Array.from({ length: N }, (_, n) => Math.floor(3 * uniform(2, n)));
  return { logits, targets, metrics: computeMetrics(logits, targets, LABELS.slice(0, C)) };
}

/** Images of which `hits` of N are right, two classes. */
function hits(count: number, N: number) {
  const targets = Uint8Array.from({ length: N }, (_, n) => n % 2);
  const logits = Float32Array.from({ length: 2 * N }, (_, i) => {
    const n = i >> 1;
    return (i % 2 === targets[n]) === n < count ? 1 : 0;
  });
  return { logits, targets, metrics: computeMetrics(logits, targets, ['a', 'b']) };
}

test('one resample is the figures of the images drawn', () => {
  const given = judged(50);
  const { figures, perClass, accuracies } = bootstrap(given, { resamples: 1, seed: 7 });
  const key = keyOf(7, STREAMS.bootstrap, 0);
  const drawn = Array.from({ length: 50 }, (_, i) => Math.floor(50 * uniform(key, i)));
  expect(new Set(drawn).size).toBeLessThan(45);
  const logits = Float32Array.from(drawn.flatMap((n) => [...given.logits.subarray(4 * n, 4 * n + 4)]));
  const targets = drawn.map((n) => given.targets[n]);
  const metrics = computeMetrics(logits, targets, LABELS);
  const rows = drawn.map((_, i) => logits.subarray(4 * i, 4 * i + 4));
  const { ece } = calibration(
    rows.map((row) => Math.max(...softmax(row))),
    rows.map((row, i) => argmax(row) === targets[i]),
  );
  const { accuracy, balancedAccuracy, top2, loss, cohenKappa, matthews } = metrics;
  const expected = {
    accuracy,
    balancedAccuracy,
    macroF1: metrics.macro.f1,
    top2,
    loss,
    ece,
    cohenKappa,
    matthews,
  };
  for (const [name, value] of Object.entries(expected)) {
    const { low, high } = figures[name as keyof typeof figures];
    expect(low, name).toBeCloseTo(value, 12);
    expect(high, name).toBe(low);
  }
  expect([...accuracies]).toEqual([accuracy]);
  metrics.perClass.forEach(({ label, recall, precision, f1, support }, c) => {
    expect(perClass[c].label).toBe(label);
    expect(perClass[c].recall).toEqual(support === 0 ? null : { low: recall, high: recall });
    expect(perClass[c].precision?.low).toBe(precision);
    expect(perClass[c].f1?.low).toBe(f1);
  });
  expect(perClass[3].recall).toBeNull();
});

// The accuracy of a resample is a binomial count: scipy.stats.binom.ppf([.025, .975], 20, .5) = [6, 14].
test('the interval is that of the binomial distribution', () => {
  const { figures } = bootstrap(hits(10, 20), { resamples: 4000, seed: 1 });
  expect(figures.accuracy).toEqual({ low: 0.3, high: 0.7 });
});

test('the interval of a large sample is the normal one', () => {
  const { figures } = bootstrap(hits(1400, 2000), { resamples: 2000 });
  const half = 1.959964 * Math.sqrt((0.7 * 0.3) / 2000);
  expect(Math.abs(figures.accuracy.low - (0.7 - half))).toBeLessThan(0.002);
  expect(Math.abs(figures.accuracy.high - (0.7 + half))).toBeLessThan(0.002);
});

test('the same seed gives the same intervals, another others; a lower level narrower ones', () => {
  const given = judged(200);
  const at = (seed: number, level?: number) => bootstrap(given, { resamples: 300, seed, level }).figures;
  expect(at(3)).toEqual(at(3));
  expect(at(3)).not.toEqual(at(4));
  const width = ({ low, high }: { low: number; high: number }): number => high - low;
  expect(width(at(3, 0.5).accuracy)).toBeLessThan(width(at(3).accuracy));
});

// numpy.quantile([3, 1, 4, 1, 5, 9, 2, 6], [.025, .975]) = [1, 8.475].
test('quantiles are those of NumPy', () => {
  const { low, high } = intervalOf([3, 1, 4, 1, 5, 9, 2, 6], 0.95);
  expect([low, high]).toEqual([1, expect.closeTo(8.475, 12)]);
  expect(intervalOf([5], 0.95)).toEqual({ low: 5, high: 5 });
});
