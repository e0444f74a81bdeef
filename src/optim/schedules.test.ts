import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { learningRate } from './schedules.ts';

const reference = JSON.parse(
  readFileSync(new URL('../../test/reference/schedulers.json', import.meta.url), 'utf8'),
).schedulers;

describe('learningRate', () => {
  it('equals ReduceLROnPlateau of PyTorch', () => {
    const { metric, lr } = reference.plateau;
    const options = { scheduler: 'plateau', lr: 0.01, plateau_factor: 0.75, plateau_patience: 5 } as const;
    const rates = lr.map((_: number, epoch: number) => learningRate(options, metric.slice(0, epoch)));
    expect(new Set(lr).size).toBeGreaterThan(3);
    rates.forEach((rate: number, epoch: number) => {
      expect(Math.abs(rate - lr[epoch])).toBeLessThan(1e-15);
    });
  });

  it('stays where it is when constant', () => {
    const options = { scheduler: 'constant', lr: 0.3, plateau_factor: 0.75, plateau_patience: 0 } as const;
    expect(learningRate(options, [0.5, 0.4, 0.3])).toBe(0.3);
  });
});
