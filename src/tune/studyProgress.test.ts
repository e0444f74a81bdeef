import { expect, test } from 'vitest';
import { asked, resultOf } from '../../test/trials.ts';
import type { TrialResult } from './result.ts';
import { shareThreads } from './runner.ts';
import { StudyProgress } from './studyProgress.ts';

test('bar, best so far, trials under way and time left', () => {
  const { study } = asked('lr=0.1,0.01,0.001,0.0001', 'n_epochs=5');
  const results = new Map<string, TrialResult>();
  const [a, b, c, d] = study.search.due(results);
  results.set(a.trial.hash, resultOf(a.trial, [0.1, 0.2, 0.3, 0.4, 0.5]));
  let time = 0;
  const progress = new StudyProgress(study, results, () => time);
  expect(progress.count).toBe('1/4');
  expect(progress.left).toBe('');
  progress.started(b);
  progress.started(c);
  time = 60;
  progress.epoch(b, { epoch: 3, accuracy: 0.6, seconds: 20 });
  // Three epochs a minute, and twelve to go.
  expect(progress.left).toBe('4m 00s left');
  expect(progress.lines()).toEqual([
    '██████████░░░░░░░░░░░░░░ 40%  1/4 trials  4m 00s left',
    'best so far',
    '  1. 50.00 %  lr=0.1  (5 epochs)',
    'under way',
    '  lr=0.01  epoch 3/5  60.00 %',
    '  lr=0.001  no epoch yet',
  ]);
  results.set(b.trial.hash, resultOf(b.trial, [0.1, 0.2, 0.6, 0.7, 0.6]));
  progress.ended(b);
  // What a failed trial leaves out is not waited for, and says nothing about the speed.
  results.set(c.trial.hash, resultOf(c.trial, [], { status: 'failed', problem: 'x' }));
  progress.ended(c);
  expect(progress.count).toBe('3/4');
  expect(progress.left).toBe('1m 00s left');
  expect(progress.lines()[2]).toBe('  1. 70.00 %  lr=0.01  (5 epochs)');
  results.set(d.trial.hash, resultOf(d.trial, [0.1, 0.1, 0.1, 0.1, 0.1]));
  expect(progress.left).toBe('');
});

test('of how many seeds the best so far are', () => {
  const { study } = asked('lr=0.1,0.01', 'n_epochs=1', 'seeds=2');
  const [[first, second], [other]] = study.configurations.map(({ trials }) => trials);
  const results = new Map([first, other].map((trial) => [trial.hash, resultOf(trial, [trial.settings.lr])]));
  results.set(second.hash, resultOf(second, [0.1]));
  expect(new StudyProgress(study, results).lines().slice(2)).toEqual([
    '  1. 10.00 ± 0.00 %  lr=0.1  (1 epochs)',
    '  2. 1.00 % (1 of 2)  lr=0.01  (1 epochs)',
  ]);
});

test('threads are shared out', () => {
  expect(shareThreads(8, 3)).toEqual([3, 3, 2]);
  expect(shareThreads(2, 2)).toEqual([1, 1]);
  expect(shareThreads(1, 3)).toEqual([1, 1, 1]);
});
