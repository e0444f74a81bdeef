import { afterAll, beforeAll, expect, test } from 'vitest';
import { synthetic } from '../data/synthetic.ts';
import { WasmBackend } from '../engine/backend/wasm.ts';
import type { Backend } from '../engine/backend.ts';
import { uploadData } from '../engine/deviceData.ts';
import { Parameters } from '../engine/parameters.ts';
import { UsageError } from '../errors.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { buildNetwork } from '../nn/networks.ts';
import { Inference, type InferenceOptions } from './inference.ts';
import { Recognizer } from './recognizer.ts';

const dataset = synthetic({ counts: { Training: 9 } });
const graph = buildNetwork('vgg', { width: 8, drop: 0.9, classes: 7 });
const parameters = new Parameters(graph);
let backend: Backend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 2 });
  const { values, statistics } = parameters.initial(0);
  // Fresh weights answer every face alike; larger ones do not.
  backend.write(
    parameters.values,
    values.map((value) => 3 * value),
  );
  backend.write(parameters.statistics, statistics);
});
afterAll(() => backend.close());

const inference = (options: Partial<InferenceOptions> = {}) =>
  new Inference(backend, graph, parameters, uploadData(backend, dataset), {
    crops: 1,
    batch: 4,
    capacity: 9,
    fixedWeights: false,
    ...options,
  });
/** The same but for the order of additions. */
function expectClose(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  expect(actual).toHaveLength(expected.length);
  const error = Math.max(...Array.from(actual, (value, i) => Math.abs(value - expected[i])));
  expect(error / Math.max(...Array.from(expected, Math.abs))).toBeLessThan(1e-5);
}

const ALL = Int32Array.from(Array(9).keys());

test('a row of logits for each index, in its order, again and again', async () => {
  const some = inference();
  const all = await some.run(ALL);
  expect(all).toHaveLength(63);
  const row = (i: number) => all.subarray(i * 7, i * 7 + 7);
  expect(new Set(Array.from(ALL, (i) => row(i)[0])).size).toBe(9);
  expectClose(await some.run(Int32Array.of(8, 0, 8)), [...row(8), ...row(0), ...row(8)]);
  const [first, other] = [row(0), row(8)];
  expect(Math.max(...first.map((value, i) => Math.abs(value - other[i])))).toBeGreaterThan(0.01);
  expect(await some.run(ALL)).toEqual(all);
  expect(await some.run(new Int32Array(0))).toHaveLength(0);
});

test.each([1, 3, 9, 16])('the size of a step changes rounding at most: %i', async (batch) => {
  for (const crops of [1, 10] as const) {
    expectClose(await inference({ batch, crops }).run(ALL), await inference({ crops }).run(ALL));
  }
});

test('tells how far it is, and stops where that says so', async () => {
  const done: number[] = [];
  const whole = await inference().run(ALL, (n) => {
    done.push(n);
    return true;
  });
  expect(done).toEqual([4, 8, 9]);
  const part = await inference().run(ALL, async (n) => {
    done.push(n);
    return n < 8;
  });
  expect(done).toEqual([4, 8, 9, 4, 8]);
  expect(part.subarray(0, 56)).toEqual(whole.subarray(0, 56));
  expect(part.subarray(56)).not.toEqual(whole.subarray(56));
});

test('more images than it was made for', async () => {
  await expect(inference({ capacity: 8 }).run(ALL)).rejects.toThrow('9 images for a capacity of 8');
});

test.each([
  [{ crops: 10 }, 'batch is undefined, expected a whole number above 0'],
  [{ crops: 1, batch: 0 }, 'batch is 0, expected a whole number above 0'],
  [{ crops: 1, batch: 1.5 }, 'batch is 1.5, expected a whole number above 0'],
  [{ crops: 5, batch: 4 }, 'crops is 5, expected 1 or 10'],
])('a recognizer takes no %o', (options, message) => {
  const model = { description: {}, graph, parameters } as unknown as LoadedModel;
  expect(() => new Recognizer(backend, model, options as never)).toThrow(new UsageError(message));
});
