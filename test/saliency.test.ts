import { describe, expect, it } from 'vitest';
import { defaultsOf } from '../src/config/option.ts';
import { methodOptions } from '../src/config.ts';
import { FER2013_LABELS } from '../src/data/dataset.ts';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import type { Backend } from '../src/engine/backend.ts';
import { baselineOf } from '../src/explain/baseline.ts';
import { METHODS } from '../src/explain/methods.ts';
import { Probe } from '../src/explain/probe.ts';
import { buildsHere } from './backends.ts';
import { errorOf, errorOfList, figuresAt, GOLDEN, GRAPH, IMAGES, PARAMETERS, upload } from './golden.ts';
import { ran } from './ran.ts';

/** On the scale of the largest value. */
const FLOAT64 = 1e-9;
const FLOAT32 = 1e-4;

const SIDE = 40;
const SETTINGS = defaultsOf(methodOptions);
const EXPECTED = GOLDEN.eval_input_gradient_of_top_score;

const subjects = GOLDEN.eval_logits.map((row, i) => ({
  pixels: Float64Array.from(IMAGES.subarray(i * SIDE * SIDE, (i + 1) * SIDE * SIDE)),
  target: row.indexOf(Math.max(...row)),
  score: Math.max(...row),
}));

/** The golden network with its images as faces that one crop covers. */
function goldenProbe(backend: Backend): Probe {
  upload(backend);
  const labels = [...FER2013_LABELS];
  const description = {
    network: 'vgg',
    width: 64,
    drop: 0,
    labels,
    imageSize: SIDE,
    inputSize: SIDE,
  } as const;
  return new Probe(backend, { description, graph: GRAPH, parameters: PARAMETERS }, { crops: 1, batch: 6 });
}

async function expectReference(backend: Backend, tolerance: number): Promise<void> {
  ran(`saliency of the golden network: ${backend.describe()}`);
  const probe = goldenProbe(backend);
  const scores = await probe.scores({ count: subjects.length, draw: (i) => subjects[i].pixels });
  expect(errorOfList(scores, GOLDEN.eval_logits.flat())).toBeLessThan(tolerance);
  const maps = await METHODS.gradient.explain(probe, subjects, SETTINGS);
  const all = maps.flatMap(({ values }) => [...values]);
  expect(all).toHaveLength(6 * SIDE * SIDE);
  expect(errorOf(figuresAt(EXPECTED, all), EXPECTED)).toBeLessThan(tolerance);
  const row = all.slice(20 * SIDE, 21 * SIDE);
  expect(errorOfList(row, EXPECTED.sample0_row20)).toBeLessThan(tolerance);
}

describe('the gradient of the winning score by the pixels is PyTorch’s', () => {
  it('on reference', { timeout: 200_000 }, () => expectReference(new ReferenceBackend(), FLOAT64));
});

describe.each(await buildsHere())('on wasm, %s build', (build) => {
  const on = async (use: (backend: WasmBackend) => Promise<void>): Promise<void> => {
    const backend = await WasmBackend.create({ threads: 2, build });
    try {
      await use(backend);
    } finally {
      await backend.close();
    }
  };

  it('the gradient is PyTorch’s', () => on((backend) => expectReference(backend, FLOAT32)));

  it('integrated gradients of the golden network are complete within two percent', { timeout: 120_000 }, () =>
    on(async (backend) => {
      const probe = goldenProbe(backend);
      const two = subjects.slice(0, 2);
      const found = await METHODS.integrated.explain(probe, two, SETTINGS);
      for (const [i, { values, figures }] of found.entries()) {
        const { pixels, target, score } = two[i];
        const base = await probe.scores({ count: 1, draw: () => baselineOf(pixels, SETTINGS.baseline) });
        const sum = values.reduce((all, value) => all + value, 0);
        const gap = Math.abs(sum / (score - base[target]) - 1);
        expect(gap).toBeLessThan(0.02);
        expect(figures?.gap).toBeCloseTo(gap, 3);
      }
    }),
  );
});
