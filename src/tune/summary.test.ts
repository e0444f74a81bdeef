import { describe, expect, test } from 'vitest';
import { asked, resultOf } from '../../test/trials.ts';
import type { TrialResult } from './result.ts';
import { studyTable } from './studyTable.ts';
import { spread, studyCsv, summarize } from './summary.ts';

test('mean and standard deviation', () => {
  expect(spread([])).toBeNull();
  expect(spread([0.5])).toEqual({ mean: 0.5, std: null, n: 1 });
  // Of a sample, as numpy.std(ddof=1).
  expect(spread([0.1, 0.2, 0.6])).toEqual({
    mean: expect.closeTo(0.3, 12),
    std: expect.closeTo(0.264575131106459, 12),
    n: 3,
  });
});

describe('rows', () => {
  const { study } = asked('optimizer=sgd,sgd_nesterov', 'momentum=0.5,0.9', 'seeds=2', 'n_epochs=2');
  const results = new Map<string, TrialResult>();
  const [plain, half, most] = study.configurations;
  const add = (i: number, of: typeof plain, accuracies: number[], rest: Partial<TrialResult> = {}) =>
    results.set(of.trials[i].hash, resultOf(of.trials[i], accuracies, rest));
  const rows = (goesOn = false) => summarize(study.configurations, study.keys, results, goesOn);

  test('none without a result', () => {
    expect(rows()).toEqual([]);
  });

  test('the best mean first; a setting without effect is left out', () => {
    add(0, plain, [0.1, 0.2], { test: { split: 'PrivateTest', accuracy: 0.15, images: 10 } });
    add(1, plain, [0.4, 0.3], { test: { split: 'PrivateTest', accuracy: 0.25, images: 10 } });
    add(0, half, [0.5], {});
    add(0, most, [], { status: 'diverged', problem: 'no' });
    add(1, most, [0.1, 0.1]);
    const [first, second, third] = rows();
    expect(first).toEqual({
      settings: { momentum: '0.5', optimizer: 'sgd_nesterov', lr: '0.04' },
      state: 'paused',
      seeds: 1,
      of: 2,
      epochs: 1,
      val: { mean: 0.5, std: null, n: 1 },
      test: null,
      seconds: 10,
      trials: [half.trials[0].hash],
    });
    expect(second).toMatchObject({
      settings: { optimizer: 'sgd', lr: '0.1' },
      state: 'finished',
      seeds: 2,
      epochs: 2,
      val: { mean: expect.closeTo(0.3, 12), std: expect.closeTo(0.1414, 4), n: 2 },
      test: { mean: expect.closeTo(0.2, 12) },
      seconds: 40,
    });
    expect(second.settings.momentum).toBeUndefined();
    expect(third).toMatchObject({ state: 'diverged', val: { mean: 0.1, std: null, n: 1 } });
  });

  test('what is not done is unfinished while work is due, and left behind afterwards', () => {
    expect(rows(true).map(({ state }) => state)).toEqual(['unfinished', 'finished', 'diverged']);
    expect(rows(false).map(({ state }) => state)).toEqual(['paused', 'finished', 'diverged']);
    expect(study.record(results, []).configurations).toEqual(rows(true));
  });

  test('as csv', () => {
    const [head, first, second] = studyCsv(rows(), study.keys).split('\n');
    expect(head).toBe(
      'rank,lr,optimizer,momentum,state,seeds,epochs,val_mean,val_std,val_n,test_mean,test_std,test_n,seconds',
    );
    expect(first).toBe('1,0.04,sgd_nesterov,0.5,paused,1,1,0.5,,1,,,,10.0');
    expect(second).toMatch(/^2,0\.1,sgd,,finished,2,2,0\.30*\d*,0\.1414\d+,2,0\.2,0\.0707\d+,2,40\.0$/);
  });

  test('cells of a csv that hold commas', () => {
    const csv = studyCsv([{ ...rows()[0], settings: { train: 'Training,"x"' } }], ['train']);
    expect(csv.split('\n')[1]).toContain('1,"Training,""x""",paused');
  });

  test('as a table', () => {
    const lines = studyTable(rows(), study.keys).split('\n');
    expect(lines[0]).toMatch(/^ +lr +optimizer +momentum +validation +test +epochs +state$/);
    expect(lines[2]).toMatch(/^2 +0\.1 +sgd +– +30\.00 ± 14\.14 % +20\.00 ± 7\.07 % +2 +finished$/);
    expect(lines[1]).toMatch(/ 50\.00 % \(1 of 2\) +– +1 +paused$/);
    expect(lines[3]).toMatch(/ 10\.00 % \(1 of 2\) +– +2 +diverged$/);
    expect(studyTable(rows(), study.keys, 1).split('\n').at(-1)).toBe('and 2 more in study.csv');
    expect(new Set(lines.slice(0, 2).map((line) => line.search(/validation|50\.00 %/) >= 0)).size).toBe(1);
  });
});

test.each(['diverged', 'failed'] as const)('one lucky seed among those that %s ranks behind', (status) => {
  const { study } = asked('lr=0.01,0.1', 'seeds=3', 'n_epochs=2');
  const results = new Map<string, TrialResult>();
  const [steady, lucky] = study.configurations;
  for (const trial of steady.trials) results.set(trial.hash, resultOf(trial, [0.4, 0.5]));
  const [survivor, ...others] = lucky.trials;
  results.set(survivor.hash, resultOf(survivor, [0.8, 0.9]));
  for (const trial of others) results.set(trial.hash, resultOf(trial, [], { status, problem: 'no' }));
  const rows = summarize(study.configurations, study.keys, results, false);
  expect(rows.map(({ settings, state, val }) => [settings.lr, state, val?.n])).toEqual([
    ['0.01', 'finished', 3],
    ['0.1', status, 1],
  ]);
  const [, first, second] = studyTable(rows, study.keys).split('\n');
  expect(first).toMatch(/^1 +0\.01 +50\.00 ± 0\.00 % .*finished$/);
  expect(second).toMatch(/^2 +0\.1 +90\.00 % \(1 of 3\) /);
});
