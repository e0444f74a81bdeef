import { expect, test } from 'vitest';
import { asked, resultOf } from '../../test/trials.ts';
import type { TrialResult } from './result.ts';
import { settingsText } from './trial.ts';

test('a record keeps earlier results until new ones take their place', () => {
  const { study } = asked('lr=0.1,0.01', 'n_epochs=2');
  const [one, other] = study.configurations.map(({ trials }) => trials[0]);
  const earlier = [one, other].map((trial) => ({
    ...resultOf(trial, [0.1, 0.2]),
    settings: settingsText(trial.settings),
  }));
  const gone = { ...earlier[0], trial: '0123456789abcdef' };
  const now = resultOf(one, [0.1, 0.2], { test: { split: 'PrivateTest', accuracy: 0.3, images: 10 } });
  const record = study.record(new Map([[one.hash, now]]), [...earlier, gone]);
  expect(record.trials).toEqual([{ ...now, settings: earlier[0].settings }, earlier[1], gone]);
  expect(record.configurations.map(({ test: judged }) => judged?.mean)).toEqual([0.3, undefined]);
});

test('a finished result stays where another try of its trial does not get as far', () => {
  const { study } = asked('lr=0.1', 'n_epochs=3');
  const [trial] = study.configurations[0].trials;
  const finished = { ...resultOf(trial, [0.1, 0.2, 0.3]), settings: settingsText(trial.settings) };
  const after = (now: TrialResult) => study.record(new Map([[trial.hash, now]]), [finished]).trials;
  expect(after(resultOf(trial, [0.1]))).toEqual([finished]);
  expect(after(resultOf(trial, [], { status: 'failed', problem: 'x' }))).toEqual([finished]);
  // Out of patience on another machine, whose bits differ.
  const judged = resultOf(trial, [0.3, 0.2], { status: 'finished', test: null });
  expect(after(judged)).toEqual([{ ...judged, settings: finished.settings }]);
});
