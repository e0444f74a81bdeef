import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import { argmax, computeMetrics, softmax } from './metrics.ts';

const LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
const C = LABELS.length;

function u(i: number, stream: number): number {
  let x = (Math.imul(i, 2654435761) + Math.imul(stream, 97531)) >>> 0;
  x = (x ^ (x >>> 15)) >>> 0;
  x = Math.imul(x, 2246822519) >>> 0;
  x = (x ^ (x >>> 13)) >>> 0;
  return x / 2 ** 32 - 0.5;
}

describe('scikit-learn', () => {
  const reference = JSON.parse(
    readFileSync(new URL('../../test/reference/metrics.json', import.meta.url), 'utf8'),
  );
  const targets: number[] = reference.labels;
  const logits = Float64Array.from({ length: reference.n * C }, (_, i) => {
    return u(i, 1991) + (i % C === targets[Math.floor(i / C)] ? 0.35 : 0);
  });
  const metrics = computeMetrics(logits, targets, LABELS);
  const close = (found: number, expected: number) =>
    expect(Math.abs(found - expected)).toBeLessThanOrEqual(1e-12);

  test('the made logits are the reference ones', () => {
    expect(u(0, 1950)).toBe(0.4477559351362288);
    expect(Array.from(targets, (_, n) => Math.floor((u(n, 1990) + 0.5) * C))).toEqual(targets);
    expect(Array.from(targets, (_, n) => argmax(logits.subarray(n * C, n * C + C)))).toEqual(
      reference.predictions,
    );
  });

  test('whole-set figures', () => {
    expect(metrics.n).toBe(400);
    close(metrics.accuracy, reference.accuracy);
    close(metrics.top2, reference.top2);
    close(metrics.balancedAccuracy, reference.balanced_accuracy);
    close(metrics.loss, reference.log_loss);
    close(metrics.cohenKappa, reference.cohen_kappa);
    close(metrics.matthews, reference.matthews);
    for (const key of ['precision', 'recall', 'f1'] as const) {
      close(metrics.macro[key], reference.macro[key]);
      close(metrics.micro[key], reference.micro[key]);
    }
  });

  test('per-class figures and confusion matrix', () => {
    expect(metrics.confusion).toEqual(reference.confusion);
    expect(metrics.perClass.map(({ label }) => label)).toEqual(LABELS);
    expect(metrics.perClass.map(({ support }) => support)).toEqual(reference.support);
    for (const key of ['precision', 'recall', 'f1'] as const) {
      metrics.perClass.forEach((row, c) => {
        close(row[key], reference[key][c]);
      });
    }
    metrics.confusionNormalized.forEach((row, c) => {
      close(row[c], reference.recall[c]);
      close(
        row.reduce((a, b) => a + b),
        1,
      );
    });
  });

  test('float32 logits give the same decisions and nearly the same loss', () => {
    const single = computeMetrics(Float32Array.from(logits), targets, LABELS);
    expect(single.confusion).toEqual(metrics.confusion);
    expect(Math.abs(single.loss - metrics.loss)).toBeLessThan(1e-7);
  });
});

test('the JSON has these keys in this order', () => {
  const metrics = computeMetrics(Float32Array.of(1, 0), [0], ['a', 'b'], 0.5);
  expect(Object.keys(metrics)).toEqual(
    (
      'n accuracy top2 loss macro micro balancedAccuracy cohenKappa matthews perClass labels confusion ' +
      'confusionNormalized imagesPerSecond'
    ).split(' '),
  );
  expect(metrics.imagesPerSecond).toBe(2);
});

test('classes without images or predictions count as zero, and not in the balanced accuracy', () => {
  const metrics = computeMetrics(Float32Array.of(3, 1, 0, 3, 2, 0), [0, 1], ['a', 'b', 'c']);
  expect(metrics.perClass).toEqual([
    { label: 'a', precision: 0.5, recall: 1, f1: 2 / 3, support: 1 },
    { label: 'b', precision: 0, recall: 0, f1: 0, support: 1 },
    { label: 'c', precision: 0, recall: 0, f1: 0, support: 0 },
  ]);
  expect(metrics).toMatchObject({
    accuracy: 0.5,
    top2: 1,
    balancedAccuracy: 0.5,
    cohenKappa: 0,
    matthews: 0,
  });
  expect(metrics.macro.recall).toBeCloseTo(1 / 3, 15);
  expect(metrics.confusionNormalized[2]).toEqual([0, 0, 0]);
  expect(JSON.parse(JSON.stringify(metrics))).toEqual(metrics);
});

test('a single class, all right: kappa and Matthews have no meaning and are 0', () => {
  expect(computeMetrics(Float32Array.of(1, 0), [0], ['a', 'b'])).toMatchObject({
    accuracy: 1,
    cohenKappa: 0,
    matthews: 0,
  });
});

test('of equal logits the lower class wins, for the first and the second place', () => {
  const equal = (target: number) => computeMetrics(new Float32Array(3), [target], ['a', 'b', 'c']);
  expect([0, 1, 2].map((target) => equal(target).accuracy)).toEqual([1, 0, 0]);
  expect([0, 1, 2].map((target) => equal(target).top2)).toEqual([1, 1, 0]);
});

test('large logits neither overflow nor lose the loss', () => {
  const metrics = computeMetrics(Float64Array.of(1000, 0, -1000, 0), [1, 1], ['a', 'b']);
  expect(metrics.loss).toBe(500);
  expect(softmax([1000, 1000])).toEqual([0.5, 0.5]);
});

test.each<[string, Float32Array, number[], RegExp]>([
  ['no images', new Float32Array(0), [], /no image to judge/],
  ['too few logits', new Float32Array(3), [0, 1], /3 logits for 2 images of 2 classes: expected 4/],
  ['a target out of range', new Float32Array(2), [2], /image 0 has the target 2/],
  [
    'a logit that is no number',
    Float32Array.of(0, 1, Number.NaN, 0),
    [0, 0],
    /answers image 1 with NaN.*lower lr/,
  ],
])('%s', (_name, logits, targets, message) => {
  expect(() => computeMetrics(logits, targets, ['a', 'b'])).toThrow(FerError);
  expect(() => computeMetrics(logits, targets, ['a', 'b'])).toThrow(message);
});
