import { describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/compare.ts';
import { linearNetwork, madeUpModel, randomFaces } from '../../../test/models.ts';
import { defaultsOf } from '../../config/option.ts';
import { methodOptions } from '../../config.ts';
import { ReferenceBackend } from '../../engine/backend/reference.ts';
import { BASELINES, baselineOf } from '../baseline.ts';
import { Probe } from '../probe.ts';
import { gradient } from './gradient.ts';
import { occlusion } from './occlusion.ts';

const SETTINGS = { ...defaultsOf(methodOptions), patch: 3, stride: 2 };
const SIZE = 12;
const backend = new ReferenceBackend();
const model = madeUpModel(backend, linearNetwork(8));
const probe = new Probe(backend, model, { crops: 10, batch: 5 });
const [pixels] = randomFaces(1, SIZE);
const TARGET = 2;
const [{ values: weights }] = await gradient.explain(probe, [{ pixels, target: TARGET, score: 0 }], SETTINGS);
const scores = await probe.scores({ count: 1, draw: () => pixels });
const subject = { pixels, target: TARGET, score: scores[TARGET] };

/** In a linear network a covered patch takes away weight times what was covered. */
function known(starts: readonly number[], patch: number, baseline: Float64Array): Float64Array {
  const falls: number[][] = Array.from({ length: SIZE * SIZE }, () => []);
  for (const top of starts) {
    for (const left of starts) {
      const patchPixels: number[] = [];
      for (let y = 0; y < patch; y++)
        for (let x = 0; x < patch; x++) patchPixels.push((top + y) * SIZE + left + x);
      const fall = patchPixels.reduce((sum, p) => sum + weights[p] * (pixels[p] - baseline[p]), 0);
      for (const p of patchPixels) falls[p].push(fall);
    }
  }
  return Float64Array.from(falls, (all) => all.reduce((a, b) => a + b) / all.length);
}

describe('occlusion of a linear network', () => {
  it.each(BASELINES)('is known: patches of %s', async (baseline) => {
    const [{ values }] = await occlusion.explain(probe, [subject], { ...SETTINGS, baseline });
    // 9 is the last place of a patch of 3 and no multiple of 2.
    expectClose(values, known([0, 2, 4, 6, 8, 9], 3, baselineOf(pixels, baseline)), { eps: 1e-12 }, baseline);
  });

  it('every pixel is covered, whatever patch and stride', async () => {
    for (const [patch, stride, starts] of [
      [1, 1, Array.from({ length: 12 }, (_, i) => i)],
      [4, 4, [0, 4, 8]],
      [5, 5, [0, 5, 7]],
      [12, 1, [0]],
    ] as const) {
      const [{ values }] = await occlusion.explain(probe, [subject], { ...SETTINGS, patch, stride });
      const expected = known(starts, patch, baselineOf(pixels, SETTINGS.baseline));
      expectClose(values, expected, { eps: 1e-12 }, `${patch} every ${stride}`);
    }
  });

  it('settings that do not fit are refused', () => {
    const check = (patch: number, stride: number) => () =>
      occlusion.check?.({ ...SETTINGS, patch, stride }, probe.crops);
    expect(check(13, 2)).toThrow(/patch=13: .*12x12/);
    expect(check(3, 4)).toThrow(/stride=4 .*stride=3 or less/);
    expect(check(12, 12)).not.toThrow();
  });
});

describe('baselines', () => {
  it('are what they say', () => {
    const face = Float64Array.from({ length: 144 }, (_, p) => (p % 12) / 11);
    expect(new Set(baselineOf(face, 'black'))).toEqual(new Set([0]));
    expect(new Set(baselineOf(face, 'white'))).toEqual(new Set([1]));
    expect(new Set(baselineOf(face, 'grey'))).toEqual(new Set([0.5]));
    for (const value of baselineOf(face, 'mean')) expect(value).toBeCloseTo(0.5, 12);
  });

  it('blur keeps a plain face and takes the detail out of another', () => {
    const plain = new Float64Array(144).fill(0.7);
    for (const value of baselineOf(plain, 'blur')) expect(value).toBeCloseTo(0.7, 12);
    const checks = Float64Array.from({ length: 48 * 48 }, (_, p) => (p + Math.floor(p / 48)) % 2);
    const faded = baselineOf(checks, 'blur');
    // What is on the border is held beyond it, so there half of the pattern is left.
    for (let p = 0; p < 48 * 48; p++) {
      const inside = [p % 48, Math.floor(p / 48)].every((at) => at >= 18 && at < 30);
      expect(Math.abs(faded[p] - 0.5)).toBeLessThan(inside ? 1e-4 : 0.26);
    }
    const ramp = Float64Array.from({ length: 48 * 48 }, (_, p) => (p % 48) / 47);
    const soft = baselineOf(ramp, 'blur');
    for (let row = 0; row < 48; row++) {
      expect(soft[row * 48]).toBeGreaterThan(0.05);
      expect(soft[row * 48 + 24]).toBeCloseTo(ramp[24], 1);
    }
  });
});
