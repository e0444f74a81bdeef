import { describe, expect, test } from 'vitest';
import { asked, resultOf } from '../../test/trials.ts';
import type { TrialResult } from './result.ts';
import { shareThreads } from './runner.ts';
import { StudyProgress } from './studyProgress.ts';

test('bar, best so far, trials under way and time left', () => {
  const { study } = asked('lr=0.1,0.01,0.001,0.0001', 'n_epochs=5', 'test=false');
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

describe('successive halving', () => {
  const args = ['search=asha', 'trials=9', 'lr=1e-3..1', 'n_epochs=9', 'reduction=3', 'test=false'];

  test('what a trial leaves out that ended early is no more than it would have been given', () => {
    const { study } = asked(...args);
    const results = new Map<string, TrialResult>();
    let time = 0;
    const progress = new StudyProgress(study, results, () => time);
    for (const { trial } of study.search.due(results).slice(0, 4)) {
      results.set(trial.hash, resultOf(trial, [], { status: 'diverged' }));
    }
    // Of 9 * 1 + 3 * 2 + 1 * 6 epochs only the first four are spared.
    expect(progress.lines()[0]).toMatch(/ 19% {2}4\/9 trials$/);
    for (const { trial } of study.search.due(results)) results.set(trial.hash, resultOf(trial, [0.1]));
    time = 60;
    // Five epochs a minute, and twelve to go.
    expect(progress.left).toBe('2m 24s left');
    expect(progress.count).toBe('6/9');
  });

  test('what was trained beyond a rung brings no other trial forward', () => {
    const { study } = asked(...args);
    const [{ trial }] = study.search.due(new Map());
    const results = new Map([[trial.hash, resultOf(trial, Array(9).fill(0.5))]]);
    // One epoch of 21: whether it is among the best is not decided.
    expect(new StudyProgress(study, results).lines()[0]).toMatch(/ 4% {2}1\/9 trials$/);
  });

  test('nothing is missing where fewer than could go on are left', () => {
    const { study } = asked(...args);
    const results = new Map<string, TrialResult>();
    for (const { trial } of study.search.due(results)) {
      results.set(trial.hash, resultOf(trial, [], { status: 'diverged' }));
    }
    expect(new StudyProgress(study, results).lines()[0]).toMatch(/ 100% {2}9\/9 trials$/);
  });
});

test('finished trials that are yet to be judged count as due', () => {
  const { study } = asked('lr=0.1,0.01', 'n_epochs=5');
  const [one, other] = study.configurations.map(({ trials }) => trials[0]);
  const judged = { split: 'PrivateTest', accuracy: 0.3, images: 10 } as const;
  const accuracies = [0.1, 0.2, 0.3, 0.4, 0.5];
  const results = new Map([
    [one.hash, resultOf(one, accuracies, { test: judged })],
    [other.hash, resultOf(other, accuracies)],
  ]);
  expect(new StudyProgress(study, results).lines()[0]).toMatch(/ 50% {2}1\/2 trials$/);
});

test('of how many seeds the best so far are', () => {
  const { study } = asked('lr=0.1,0.01', 'n_epochs=1', 'seeds=2', 'test=false');
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
