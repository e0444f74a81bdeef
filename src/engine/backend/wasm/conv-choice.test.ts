import { describe, expect, it } from 'vitest';
import { CONSTANTS, TILINGS } from './conv-choice.ts';
import { transformsOf } from './generate.ts';

describe.each(TILINGS)('the transforms of tiles of $m', ({ m, points }) => {
  const figure = (name: string): number =>
    Number(new RegExp(`export const ${name}: usize = (\\d+);`).exec(transformsOf(m))?.[1]);

  it('have their constants in the bytes that are left for them', () => {
    expect(figure('CONSTANTS')).toBeGreaterThan(0);
    expect(figure('CONSTANTS')).toBeLessThanOrEqual(CONSTANTS);
  });
  it('are of that many points', () => {
    expect([figure('M'), figure('TILE') ** 2]).toEqual([m, points]);
  });
});
