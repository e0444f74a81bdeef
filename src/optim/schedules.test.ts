import { readFileSync } from 'node:fs';
import { describe, expect, it, test } from 'vitest';
import { learningRate, SCHEDULERS, type ScheduleOptions } from './schedules.ts';

const reference = JSON.parse(
  readFileSync(new URL('../../test/reference/schedulers.json', import.meta.url), 'utf8'),
).schedulers;

const defaults: ScheduleOptions = {
  scheduler: 'constant',
  lr: 0.01,
  n_epochs: 100,
  warmup: 0,
  min_lr: 1e-6,
  step_size: 20,
  gamma: 0.5,
  t_max: 0,
  t_0: 10,
  t_mult: 1,
  decay_epochs: 10,
  pct_start: 0.3,
  div_factor: 25,
  final_div_factor: 1e4,
  plateau_factor: 0.75,
  plateau_patience: 5,
};

const rates = (options: Partial<ScheduleOptions>, steps: number, stepsPerEpoch = 1, metric: number[] = []) =>
  Array.from({ length: steps }, (_, step) =>
    learningRate(
      { ...defaults, ...options },
      { step, stepsPerEpoch, accuracies: metric.slice(0, Math.floor(step / stepsPerEpoch)) },
    ),
  );

test.each<[string, Partial<ScheduleOptions>]>([
  ['plateau', { scheduler: 'plateau' }],
  ['step', { scheduler: 'step' }],
  ['one_cycle', { scheduler: 'one_cycle' }],
  ['cosine', { scheduler: 'cosine' }],
  ['cosine_short', { scheduler: 'cosine', t_max: 10 }],
  ['cosine_warm_restarts', { scheduler: 'cosine_warm_restarts' }],
  ['cosine_warm_restarts_2', { scheduler: 'cosine_warm_restarts', t_0: 5, t_mult: 2 }],
])('%s equals PyTorch', (name, options) => {
  const { lr, metric } = reference[name];
  expect(new Set(lr).size).toBeGreaterThan(3);
  rates(options, lr.length, 1, metric).forEach((rate, epoch) => {
    expect(Math.abs(rate - lr[epoch])).toBeLessThan(1e-14);
  });
});

describe('learningRate', () => {
  it('stays where it is when constant', () => {
    expect(new Set(rates({ lr: 0.3 }, 250))).toEqual(new Set([0.3]));
  });

  it('falls evenly to the least rate when linear', () => {
    const found = rates({ scheduler: 'linear', lr: 1, min_lr: 0, n_epochs: 2 }, 11, 5);
    found.forEach((rate, step) => {
      expect(rate).toBeCloseTo(1 - step / 10, 14);
    });
  });

  it('falls evenly over the last epochs only with wsd', () => {
    const options = { scheduler: 'wsd', lr: 1, min_lr: 0.2, decay_epochs: 1.5, n_epochs: 4 } as const;
    const found = rates(options, 17, 4);
    expect(found.slice(0, 11)).toEqual(Array(11).fill(1));
    found.slice(11).forEach((rate, step) => {
      expect(rate).toBeCloseTo(1 - (0.8 * (step + 1)) / 6, 14);
    });
  });

  it('does not look at the length of the run before the fall of wsd', () => {
    const options = { scheduler: 'wsd', warmup: 1, decay_epochs: 2 } as const;
    const short = rates({ ...options, n_epochs: 6 }, 24, 4);
    const long = rates({ ...options, n_epochs: 9 }, 24, 4);
    expect(short.slice(0, 17)).toEqual(long.slice(0, 17));
    expect(short[17]).toBeLessThan(long[17]);
  });

  it('falls from the warm-up on where wsd has no time to be stable', () => {
    const found = rates({ scheduler: 'wsd', min_lr: 0, warmup: 1, decay_epochs: 9, n_epochs: 3 }, 12, 4);
    expect(found[4]).toBe(0.01);
    expect(found.slice(5).every((rate, step) => rate < found[step + 4])).toBe(true);
    expect(found[11]).toBeCloseTo(0.01 / 8, 14);
  });

  it('moves within an epoch as over epochs', () => {
    const epochs = rates({ scheduler: 'cosine' }, 100);
    const steps = rates({ scheduler: 'cosine' }, 400, 4);
    expect(steps.filter((_, step) => step % 4 === 0)).toEqual(epochs);
    expect(steps.every((rate, step) => step === 0 || rate < steps[step - 1])).toBe(true);
  });

  it('cuts at whole epochs only with step', () => {
    const found = rates({ scheduler: 'step', step_size: 2 }, 12, 3);
    expect(found.slice(0, 6).concat(found.slice(6).map((rate) => rate * 2))).toEqual(Array(12).fill(0.01));
  });

  it.each(SCHEDULERS.filter((scheduler) => scheduler !== 'plateau'))(
    'rises linearly to the start of %s, which then runs as if it began there',
    (scheduler) => {
      const shifted = rates({ scheduler, n_epochs: 4, warmup: 1.5 }, 16, 4);
      const plain = rates({ scheduler, n_epochs: 10 }, 10, 1);
      shifted.slice(0, 7).forEach((rate, step) => {
        expect(rate).toBeCloseTo((shifted[6] * (step + 1)) / 7, 14);
      });
      expect(shifted[6]).toBe(plain[0]);
      if (scheduler === 'cosine' || scheduler === 'linear' || scheduler === 'one_cycle') {
        expect(shifted.slice(6)).toEqual(plain);
      }
    },
  );

  it.each(SCHEDULERS)('rises all the time where the run of %s is no longer than its warm-up', (scheduler) => {
    for (const warmup of [1, 1.5, 3]) {
      const found = rates({ scheduler, n_epochs: 1, warmup }, 5, 5);
      found.forEach((rate, step) => {
        expect(rate).toBeCloseTo((0.01 * (step + 1)) / (Math.round(5 * warmup) + 1), 14);
      });
    }
  });

  it('does not hold the warm-up against plateau', () => {
    const options = { scheduler: 'plateau', warmup: 2, plateau_patience: 0 } as const;
    expect(rates(options, 6, 1, [0.9, 0.8, 0.3, 0.4, 0.3]).slice(2)).toEqual([0.01, 0.01, 0.01, 0.0075]);
  });
});
