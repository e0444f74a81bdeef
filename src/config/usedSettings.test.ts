import { describe, expect, test } from 'vitest';
import { settingsOf } from '../../test/trials.ts';
import { OPTIMIZERS, type TrialSettings } from '../config.ts';
import { Graph } from '../engine/graph.ts';
import { Parameters } from '../engine/parameters.ts';
import { createOptimizer } from '../optim/optimizers.ts';
import { learningRate, SCHEDULERS } from '../optim/schedules.ts';
import { isUsed, withoutUnused } from './usedSettings.ts';

/** Another value of each setting that only some optimizers or schedules look at. */
const OPTIMIZER = { momentum: 0.5, beta1: 0.5, beta2: 0.5, eps: 0.5, rho: 0.5, lr_decay: 0.5, ema: 0.5 };
const ASGD = { asgd_lambd: 0.5, asgd_alpha: 0.5, asgd_t0: 0 };
const SCHEDULE = { min_lr: 1e-4, step_size: 1, gamma: 0.25, t_max: 3, t_0: 2, t_mult: 3 };
const LATER = {
  pct_start: 0.6,
  div_factor: 3,
  final_div_factor: 5,
  plateau_factor: 0.1,
  plateau_patience: 0,
};

const graph = new Graph();
graph.linear('lin', graph.flatten(graph.input(2)), 3);

/** What an optimizer is given in each of a few steps. */
function updates(settings: TrialSettings): unknown {
  const { hyperValues } = createOptimizer(new Parameters(graph), settings);
  return [0, 1, 7, 5000].map((t) => [...hyperValues(0.1, t)]);
}

/** The rates of each step of a run with ups and downs. */
function rates(settings: TrialSettings): number[] {
  const stepsPerEpoch = 4;
  const all = Array.from({ length: settings.n_epochs }, (_, epoch) => 0.5 - 0.1 * Math.cos(epoch));
  return Array.from({ length: settings.n_epochs * stepsPerEpoch }, (_, step) => {
    const accuracies = all.slice(0, Math.floor(step / stepsPerEpoch));
    return learningRate(settings, { step, stepsPerEpoch, accuracies });
  });
}

describe.each(OPTIMIZERS)('%s', (optimizer) => {
  const before = { ...settingsOf(), optimizer };
  test.each(Object.entries({ ...OPTIMIZER, ...ASGD }))('%s', (key, value) => {
    const after = { ...before, [key]: value };
    const changed = JSON.stringify(updates(after)) !== JSON.stringify(updates(before));
    expect(isUsed(before, key as keyof TrialSettings)).toBe(changed);
  });
});

describe.each(SCHEDULERS)('%s', (scheduler) => {
  const before = { ...settingsOf(), scheduler, n_epochs: 50, warmup: 0 };
  test.each(Object.entries({ ...SCHEDULE, ...LATER }))('%s', (key, value) => {
    const after = { ...before, [key]: value };
    const changed = rates(after).join() !== rates(before).join();
    expect(isUsed(before, key as keyof TrialSettings)).toBe(changed);
  });
});

test('what has no effect is at its default', () => {
  const settings = { ...settingsOf(), optimizer: 'adam', momentum: 0.5, beta1: 0.8, lr: 3 } as const;
  expect(withoutUnused(settings)).toEqual({ ...settings, momentum: 0.9 });
});
