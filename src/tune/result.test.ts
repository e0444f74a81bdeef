import { describe, expect, test } from 'vitest';
import { resultOf, trialOf } from '../../test/trials.ts';
import { bestWithin, readResult } from './result.ts';

const trial = trialOf({ n_epochs: 3 });
const result = resultOf(trial, [0.2, 0.4, 0.3], {
  test: { split: 'PrivateTest', accuracy: 0.35, images: 20 },
});
const sent = (changed: object): unknown => JSON.parse(JSON.stringify({ ...result, ...changed }));

test('a result is read as it was written', () => {
  expect(readResult(sent({}))).toEqual(result);
  expect(readResult(sent({ test: null }))).toEqual({ ...result, test: null });
  const { test: _, ...unjudged } = result;
  expect(readResult(JSON.parse(JSON.stringify(unjudged)))).toEqual(unjudged);
  expect(readResult(sent({ settings: {}, other: 1 }))).toEqual(result);
  const failed = resultOf(trial, [], { status: 'failed', problem: 'why' });
  expect(readResult(JSON.parse(JSON.stringify(failed)))).toEqual(failed);
});

test('texts of strangers do not reach the terminal as they are', () => {
  const read = readResult(
    sent({ host: 'a\u001b]0;x\u0007b', run: 'x\r\ny', problem: `${'z'.repeat(5000)}` }),
  );
  expect(read?.host).toBe('a ]0;x b');
  expect(read?.run).toBe('x y');
  expect(read?.problem?.length).toBe(1000);
});

describe('what is no result', () => {
  test.each([
    ['nothing', null],
    ['another hash', sent({ trial: '../x' })],
    ['an unknown status', sent({ status: 'great' })],
    ['accuracies that are none', sent({ accuracies: [0.2, 2, 0.3] })],
    ['accuracies that are text', sent({ accuracies: '0.2' })],
    ['a best epoch that is not there', sent({ best: { ...result.best, epoch: 9 } })],
    ['a best accuracy that no epoch has', sent({ best: { ...result.best, valAccuracy: 0.9 } })],
    ['weights without digest', sent({ best: { ...result.best, weights: 'x' } })],
    ['no best in spite of epochs', sent({ best: null })],
    ['a test on no split', sent({ test: { ...result.test, split: 'Secret' } })],
    ['a test on no images', sent({ test: { ...result.test, images: 0 } })],
    ['time that is none', sent({ seconds: null })],
    ['no host', sent({ host: 5 })],
  ])('%s', (_, given) => {
    expect(readResult(given)).toBeUndefined();
  });
});

test('the best of the first epochs', () => {
  expect([1, 2, 3].map((epochs) => bestWithin(result, epochs))).toEqual([0.2, 0.4, 0.4]);
  expect(bestWithin({ ...result, status: 'paused' }, 4)).toBeUndefined();
  // Out of patience: there will be no more.
  expect(bestWithin({ ...result, status: 'finished' }, 4)).toBe(0.4);
});
