import { expect, test } from 'vitest';
import type { Split } from '../data/dataset.ts';
import { ancestryOf, exposureOf } from './ancestry.ts';
import type { RunRecord, WeightsOrigin } from './runRecord.ts';

type Training = Pick<RunRecord, 'train' | 'changes' | 'from' | 'teachers' | 'averaged'>;
const training = (train: Split[], val: string, others: Partial<Training> = {}): Training => ({
  train: { train, val } as unknown as RunRecord['train'],
  ...others,
});
const origin = (learned: Split[], watched: Split[]): WeightsOrigin => ({
  file: 'x',
  sha256: 'y',
  seen: { learned, watched },
});
const unknown: WeightsOrigin = { file: 'x', sha256: 'y' };

test('a training alone has seen its own splits', () => {
  expect(ancestryOf(training(['Training'], 'PublicTest'))).toEqual({
    learned: ['Training'],
    watched: ['PublicTest'],
    known: true,
  });
  expect(ancestryOf(training(['Training', 'PublicTest'], 'none')).watched).toEqual([]);
});

test('and those of all it was made from, each once', () => {
  const from = origin(['Training', 'PublicTest'], []);
  const teachers = [origin(['Training'], ['PrivateTest'])];
  const found = ancestryOf(training(['Training'], 'PublicTest', { from, teachers }));
  expect(found).toEqual({
    learned: ['Training', 'PublicTest'],
    watched: ['PublicTest', 'PrivateTest'],
    known: true,
  });
  const models = [teachers[0], from];
  const averaged = { models, train: ['PrivateTest'] } as unknown as RunRecord['averaged'];
  const mean = ancestryOf(training(['Training'], 'none', { averaged }));
  expect(mean).toMatchObject({
    learned: ['PrivateTest', 'Training', 'PublicTest'],
    watched: ['PrivateTest'],
  });
});

test('and those it had seen before its settings changed', () => {
  const before = { train: ['Training', 'PrivateTest'] as Split[], val: 'PublicTest' as const };
  const changes = [{ epoch: 3, images: 0, before, after: {}, teachers: [origin(['PublicTest'], [])] }];
  expect(ancestryOf(training(['Training'], 'none', { changes }))).toEqual({
    learned: ['Training', 'PrivateTest', 'PublicTest'],
    watched: ['PublicTest'],
    known: true,
  });
});

test('is not known where one source or teacher has none', () => {
  expect(ancestryOf(training(['Training'], 'none', { from: unknown })).known).toBe(false);
  expect(ancestryOf(training(['Training'], 'none', { teachers: [origin([], []), unknown] })).known).toBe(
    false,
  );
});

test('what a split was to the weights: the strongest that is known, and whether it was before this training', () => {
  const both = training(['Training', 'PublicTest'], 'PublicTest');
  expect(exposureOf(both, 'PublicTest')).toEqual({ seen: 'learned', inherited: false });
  const later = training(['Training'], 'none', { from: origin(['PublicTest'], ['PrivateTest']) });
  expect(exposureOf(later, 'Training')).toEqual({ seen: 'learned', inherited: false });
  expect(exposureOf(later, 'PublicTest')).toEqual({ seen: 'learned', inherited: true });
  expect(exposureOf(later, 'PrivateTest')).toEqual({ seen: 'watched', inherited: true });
  const alone = training(['Training'], 'PublicTest');
  expect(exposureOf(alone, 'PrivateTest')).toEqual({ seen: 'none', inherited: false });
  const untold = training(['Training'], 'PublicTest', { from: unknown });
  expect(exposureOf(untold, 'PublicTest').seen).toBe('watched');
  expect(exposureOf(untold, 'PrivateTest').seen).toBe('unknown');
  expect(exposureOf({}, 'Training').seen).toBe('unknown');
});
