import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { expectClose } from '../../../test/compare.ts';
import { linearNetwork, madeUpModel, randomFaces, smallNetwork } from '../../../test/models.ts';
import { faces as drawnFaces, trainTiny } from '../../../test/training.ts';
import { defaultsOf } from '../../config/option.ts';
import { methodOptions } from '../../config.ts';
import { ReferenceBackend } from '../../engine/backend/reference.ts';
import { WasmBackend } from '../../engine/backend/wasm.ts';
import { loadModel, readModel } from '../../nn/model.ts';
import { BASELINES, baselineOf } from '../baseline.ts';
import { Probe } from '../probe.ts';
import { gradient } from './gradient.ts';
import { integrated } from './integrated.ts';

const SETTINGS = defaultsOf(methodOptions);
const total = (values: Float64Array): number => values.reduce((sum, value) => sum + value, 0);

/** The score at the face less that at the baseline. */
async function rise(probe: Probe, face: Float64Array, baseline: Float64Array, target: number) {
  const scores = await probe.scores({ count: 2, draw: (i) => [baseline, face][i] });
  return scores[probe.labels + target] - scores[target];
}

describe('in float64', () => {
  const backend = new ReferenceBackend();
  const faces = randomFaces(2, 12);
  const subjects = faces.map((pixels, target) => ({ pixels, target, score: 0 }));

  it.each(BASELINES)('a linear network: weight times way from %s, complete at once', async (baseline) => {
    const probe = new Probe(backend, madeUpModel(backend, linearNetwork(8)), { crops: 10, batch: 4 });
    const found = await integrated.explain(probe, subjects, { ...SETTINGS, steps: 3, baseline });
    const weights = await gradient.explain(probe, subjects, SETTINGS);
    for (const [i, { values, figures }] of found.entries()) {
      const base = baselineOf(faces[i], baseline);
      const expected = weights[i].values.map((weight, p) => weight * (faces[i][p] - base[p]));
      expectClose(values, expected, { eps: 1e-12 }, `face ${i}`);
      expect(figures?.difference).toBeCloseTo(await rise(probe, faces[i], base, i), 10);
      expect(figures).toMatchObject({ points: 3, sum: total(values) });
      expect(figures?.gap).toBeLessThan(1e-9);
    }
  });

  it('a network with kinks: points are added until the sum is complete', async () => {
    const probe = new Probe(backend, madeUpModel(backend, smallNetwork(8)), { crops: 10, batch: 8 });
    const found = await integrated.explain(probe, subjects, { ...SETTINGS, steps: 2 });
    for (const [i, { values, figures }] of found.entries()) {
      const difference = await rise(probe, faces[i], baselineOf(faces[i], SETTINGS.baseline), i);
      expect(Math.abs(total(values) / difference - 1)).toBeLessThan(0.01);
      expect(figures?.gap).toBeCloseTo(Math.abs(total(values) / difference - 1), 9);
    }
    expect(Math.max(...found.map(({ figures }) => figures?.points ?? 0))).toBeGreaterThan(2);
  });

  it('the added points agree with a fine even division', async () => {
    const probe = new Probe(backend, madeUpModel(backend, smallNetwork(8)), { crops: 1, batch: 64 });
    const [coarse] = await integrated.explain(probe, [subjects[0]], { ...SETTINGS, steps: 16 });
    const base = baselineOf(faces[0], SETTINGS.baseline);
    const fine = new Float64Array(144);
    const way = faces[0].map((x, p) => x - base[p]);
    const count = 4000;
    const draw = (i: number) => way.map((d, p) => base[p] + (d * (i + 0.5)) / count);
    await probe.gradients({ count, draw, target: () => 0 }, (_, slope) => {
      for (let p = 0; p < 144; p++) fine[p] += (slope[p] * way[p]) / count;
    });
    expectClose(coarse.values, fine, { eps: 0.02, growth: 1 }, 'attributions');
  });

  it('a face that is its own baseline has nothing to explain', async () => {
    const probe = new Probe(backend, madeUpModel(backend, smallNetwork(8)), { crops: 10, batch: 8 });
    const flat = { pixels: new Float64Array(144).fill(0.3), target: 1, score: 0 };
    const [{ values, figures }] = await integrated.explain(probe, [flat], SETTINGS);
    expect(Math.max(...values.map(Math.abs))).toBeLessThan(1e-12);
    expect(Math.abs(figures?.difference ?? 1)).toBeLessThan(1e-12);
    expect(figures).toMatchObject({ gap: 0, points: SETTINGS.steps });
  });
});

describe('a trained network on wasm', () => {
  const runs = mkdtempSync(join(tmpdir(), 'fer-integrated-'));
  const dataset = drawnFaces({ Training: 140 });
  let backend: WasmBackend;
  beforeAll(async () => {
    await trainTiny({ runs, n_epochs: 5, lr: 0.02, augment: false }, { dataset });
    backend = await WasmBackend.create({ threads: 2 });
  });
  afterAll(async () => {
    await backend.close();
    rmSync(runs, { recursive: true });
  });

  it.each([1, 10] as const)(
    'attributions add up to the score difference within two percent, %i crops',
    async (crops) => {
      const probe = new Probe(backend, loadModel(backend, readModel(join(runs, 'a'))), { crops, batch: 16 });
      for (const baseline of BASELINES) {
        const subjects = (crops === 1 ? [0, 1, 2, 3] : [0, 1]).map((i) => ({
          pixels: Float64Array.from(dataset.images.subarray(i * 2304, (i + 1) * 2304), (v) => v / 255),
          target: dataset.targets[i],
          score: 0,
        }));
        const found = await integrated.explain(probe, subjects, { ...SETTINGS, baseline });
        for (const [i, { values }] of found.entries()) {
          const { pixels, target } = subjects[i];
          const difference = await rise(probe, pixels, baselineOf(pixels, baseline), target);
          expect(Math.abs(total(values) / difference - 1), `face ${i} from ${baseline}`).toBeLessThan(0.02);
        }
      }
    },
  );
});
