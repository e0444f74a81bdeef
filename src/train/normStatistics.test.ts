import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { synthetic } from '../data/synthetic.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { WasmBackend } from '../engine/backend/wasm.ts';
import type { Backend } from '../engine/backend.ts';
import { uploadData } from '../engine/deviceData.ts';
import { buildModel } from '../nn/model.ts';
import { measureNormStatistics, type NormStatisticsOptions } from './normStatistics.ts';

const dataset = synthetic({ counts: { Training: 23, PublicTest: 1, PrivateTest: 1 }, seed: 3 });
const description = {
  network: 'vgg',
  width: 8,
  drop: 0.2,
  labels: dataset.labels,
  imageSize: 48,
  inputSize: 40,
} as const;
const CENTRE = { batch: 10, augmentations: [], seed: 1 } as const;

/** Statistics of a fresh network, by name, after they were measured. */
async function measured(backend: Backend, options: NormStatisticsOptions, first = 0) {
  const { graph, parameters } = buildModel(description);
  const { values, statistics } = parameters.initial(7);
  backend.write(parameters.values, values);
  backend.write(parameters.statistics, statistics.fill(first));
  const images = dataset.splits.Training;
  const loaded = { description, graph, parameters };
  const count = await measureNormStatistics(backend, loaded, uploadData(backend, dataset), images, options);
  const read = async (name: string): Promise<number[]> =>
    Array.from(await backend.read(parameters.statistic(name)));
  const named = graph.statistics.map(async ({ name }) => [name, await read(name)] as const);
  return { count, of: Object.fromEntries(await Promise.all(named)), values, parameters };
}

/** What the first convolution makes of a face's centre: 40x40 values of a channel. */
function firstMap(image: number, weights: ArrayLike<number>, bias: number): number[] {
  const at = (x: number, y: number): number =>
    x < 0 || y < 0 || x > 39 || y > 39 ? 0 : dataset.images[image * 48 * 48 + (y + 4) * 48 + x + 4] / 255;
  return Array.from({ length: 1600 }, (_, i) => {
    let sum = bias;
    for (let k = 0; k < 9; k++)
      sum += weights[k] * at((i % 40) + (k % 3) - 1, Math.floor(i / 40) + Math.floor(k / 3) - 1);
    return sum;
  });
}

describe('statistics of batch norm measured anew', () => {
  let wasm: WasmBackend;
  beforeAll(async () => {
    wasm = await WasmBackend.create({ threads: 2 });
  });
  afterAll(() => wasm.close());

  test('of one batch are its means and unbiased variances', async () => {
    const all = dataset.splits.Training;
    const { count, of, values, parameters } = await measured(wasm, { ...CENTRE, batch: 100 });
    expect(count).toBe(23);
    for (const channel of [0, 5]) {
      const { offset } = parameters.value('conv1a.weight');
      const weights = values.subarray(offset + 9 * channel, offset + 9 * channel + 9);
      const bias = values[parameters.value('conv1a.bias').offset + channel];
      const map = Array.from(all).flatMap((image) => firstMap(image, weights, bias));
      const mean = map.reduce((a, b) => a + b) / map.length;
      const variance = map.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (map.length - 1);
      expect(of['bn1a.running_mean'][channel]).toBeCloseTo(mean, 5);
      expect(of['bn1a.running_var'][channel] / variance).toBeCloseTo(1, 4);
    }
  });

  test('are the same for any number of threads and whatever was there, and near the definition', async () => {
    const { count, of } = await measured(wasm, CENTRE);
    expect(count).toBe(20);
    expect((await measured(wasm, CENTRE, 5)).of).toEqual(of);
    const one = await WasmBackend.create({ threads: 1 });
    expect((await measured(one, CENTRE)).of).toEqual(of);
    await one.close();
    const exact = await measured(new ReferenceBackend(), CENTRE);
    for (const [name, values] of Object.entries(exact.of)) {
      const scale = Math.max(...values.map(Math.abs));
      for (const [i, value] of values.entries()) {
        expect(Math.abs(of[name][i] - value) / scale).toBeLessThan(1e-3);
      }
    }
  });

  test('depend on what is drawn, on the seed, and count each image once', async () => {
    const { of } = await measured(wasm, CENTRE);
    expect((await measured(wasm, { ...CENTRE, augmentations: ['crop', 'flip'] })).of).not.toEqual(of);
    expect((await measured(wasm, { ...CENTRE, seed: 2 })).of).not.toEqual(of);
    const told: number[] = [];
    await measured(wasm, { ...CENTRE, batch: 5, onProgress: (done) => told.push(done) });
    expect(told).toEqual([5, 10, 15, 20]);
  });
});
