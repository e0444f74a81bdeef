import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { lengthOf } from '../../test/compare.ts';
import { defaultsOf } from '../config/option.ts';
import { optimizerOptions } from '../config.ts';
import { synthetic } from '../data/synthetic.ts';
import { AUGMENTATIONS } from '../engine/augment.ts';
import { WasmBackend } from '../engine/backend/wasm.ts';
import type { Backend } from '../engine/backend.ts';
import { uploadData } from '../engine/deviceData.ts';
import { Parameters } from '../engine/parameters.ts';
import { buildNetwork } from '../nn/networks.ts';
import { createOptimizer } from '../optim/optimizers.ts';
import { Stepper, type StepperOptions } from './stepper.ts';

const dataset = synthetic({ counts: { Training: 24 } });
let backend: Backend;
beforeAll(async () => {
  backend = await WasmBackend.create({ threads: 2 });
});
afterAll(() => backend.close());

const SGD = { ...defaultsOf(optimizerOptions), optimizer: 'sgd', weight_decay: 0 } as const;
const PLAIN: StepperOptions = {
  inputSize: 40,
  crops: 1,
  augment: false,
  augmentations: AUGMENTATIONS,
  label_smoothing: 0,
  sam: 0,
  mixup: 0,
  cutmix: 0,
  seed: 0,
};

/** The sums after steps from the same weights. */
async function totalsOf(
  options: Partial<StepperOptions>,
  { drop = 0, lr = 0, counts = [24], epoch = 0, order = [...Array(24).keys()] } = {},
) {
  const graph = buildNetwork('vgg', { width: 8, drop, classes: 7 });
  const parameters = new Parameters(graph);
  const { values, statistics } = parameters.initial(0);
  backend.write(parameters.values, values);
  backend.write(parameters.statistics, statistics);
  const optimizer = createOptimizer(parameters, SGD);
  const data = uploadData(backend, dataset);
  const stepper = new Stepper(backend, graph, parameters, data, optimizer, order.length, {
    ...PLAIN,
    ...options,
  });
  stepper.setOrder(Int32Array.from(order));
  stepper.setTotals({ loss: 0, correct: 0, samples: 0 });
  let start = 0;
  for (const [step, count] of counts.entries()) {
    stepper.run({ epoch, start, count, step, optimizerStep: step, lr });
    start += count;
  }
  return stepper.totals();
}

describe('the seed', () => {
  test('means nothing to a step without chance', async () => {
    expect(await totalsOf({ seed: 1 })).toEqual(await totalsOf({ seed: 0 }));
    expect(await totalsOf({}, { epoch: 3 })).toEqual(await totalsOf({}, { epoch: 0 }));
  });

  test('draws the augmentation, anew in each epoch', async () => {
    const first = await totalsOf({ augment: true });
    expect(await totalsOf({ augment: true })).toEqual(first);
    expect((await totalsOf({ augment: true, seed: 1 })).loss).not.toBe(first.loss);
    expect((await totalsOf({ augment: true }, { epoch: 1 })).loss).not.toBe(first.loss);
    expect((await totalsOf({ augment: false })).loss).not.toBe(first.loss);
    expect((await totalsOf({ augment: true, augmentations: ['crop', 'flip'] })).loss).not.toBe(first.loss);
  });

  test('draws the dropout', async () => {
    const first = await totalsOf({}, { drop: 0.5 });
    expect(await totalsOf({}, { drop: 0.5 })).toEqual(first);
    expect((await totalsOf({ seed: 1 }, { drop: 0.5 })).loss).not.toBe(first.loss);
    expect((await totalsOf({}, { drop: 0 })).loss).not.toBe(first.loss);
  });

  test('may be any whole number of 32 bits', async () => {
    const high = await totalsOf({ augment: true, seed: 0xffffffff });
    expect(high.loss).not.toBe((await totalsOf({ augment: true, seed: 0x7fffffff })).loss);
    expect(high).toEqual(await totalsOf({ augment: true, seed: 0xffffffff }));
  });
});

describe('totals', () => {
  test('add up over steps, with a partial one', async () => {
    const { samples, correct, loss } = await totalsOf({}, { counts: [10, 10, 4] });
    expect(samples).toBe(24);
    expect(Number.isInteger(correct)).toBe(true);
    // Seven classes at random: each image costs about ln 7.
    expect(loss / 24).toBeGreaterThan(1.5);
    expect(loss / 24).toBeLessThan(2.5);
  });

  test('count every crop', async () => {
    expect((await totalsOf({ crops: 10 }, { counts: [3, 1] })).samples).toBe(40);
  });

  test('go on from where they were set', async () => {
    const whole = await totalsOf({}, { counts: [10, 10, 4], lr: 0.1 });
    const graph = buildNetwork('vgg', { width: 8, drop: 0, classes: 7 });
    const parameters = new Parameters(graph);
    const { values, statistics } = parameters.initial(0);
    backend.write(parameters.values, values);
    backend.write(parameters.statistics, statistics);
    const optimizer = createOptimizer(parameters, SGD);
    const stepper = () =>
      new Stepper(backend, graph, parameters, uploadData(backend, dataset), optimizer, 24, PLAIN);
    const order = Int32Array.from(Array(24).keys());
    const [a, b] = [stepper(), stepper()];
    a.setOrder(order);
    const at = { epoch: 0, lr: 0.1 };
    a.run({ ...at, start: 0, count: 10, step: 0, optimizerStep: 0 });
    b.setOrder(order);
    b.setTotals(await a.totals());
    b.run({ ...at, start: 10, count: 10, step: 1, optimizerStep: 1 });
    b.run({ ...at, start: 20, count: 4, step: 2, optimizerStep: 2 });
    expect(await b.totals()).toEqual(whole);
  });
});

describe.each([{ mixup: 1 }, { cutmix: 1 }, { mixup: 0.4, cutmix: 0.4 }])('%j', (mixing) => {
  test('mixes the samples of a step as seed and step say', async () => {
    const plain = await totalsOf({});
    const first = await totalsOf(mixing);
    expect(await totalsOf(mixing)).toEqual(first);
    expect(first.samples).toBe(24);
    const losses = [first.loss, plain.loss, (await totalsOf({ ...mixing, seed: 1 })).loss];
    // Another step, the same images: the first of two programs learns nothing.
    losses.push((await totalsOf(mixing, { counts: [12, 12] })).loss);
    expect(new Set(losses).size).toBe(4);
  });

  test('changes nothing where all samples are the same', async () => {
    const order = new Array(24).fill(3);
    const { loss, correct, samples } = await totalsOf({}, { order });
    const mixed = await totalsOf({ ...mixing, seed: 5 }, { order });
    expect(mixed.loss).toBeCloseTo(loss, 4);
    expect([mixed.correct, mixed.samples]).toEqual([correct, samples]);
  });

  test('teaches all the same', async () => {
    const steps = Array.from({ length: 8 }, () => 24);
    const order = steps.flatMap(() => [...Array(24).keys()]);
    const options = { ...mixing, label_smoothing: 0.1 };
    const still = await totalsOf(options, { counts: steps, order });
    const moved = await totalsOf(options, { counts: steps, order, lr: 0.1 });
    expect(moved.loss).toBeLessThan(still.loss - 1);
    expect(Number.isFinite(moved.correct)).toBe(true);
  });
});

test('the order says which images', async () => {
  const order = [...Array(24).keys()];
  const all = await totalsOf({}, { order });
  const same = await totalsOf({}, { order: [...order].reverse() });
  expect(same.loss).toBeCloseTo(all.loss, 4);
  expect((await totalsOf({}, { order: order.map(() => 3) })).loss).not.toBeCloseTo(all.loss, 4);
});

test('the learning rate moves the weights, and 0 leaves them', async () => {
  const counts = [12, 12];
  const still = await totalsOf({}, { counts, order: [...Array(12).keys(), ...Array(12).keys()] });
  const moved = await totalsOf({}, { counts, order: [...Array(12).keys(), ...Array(12).keys()], lr: 0.1 });
  const once = await totalsOf({}, { counts: [12] });
  expect(still.loss).toBeCloseTo(2 * once.loss, 6);
  expect(moved.loss).toBeLessThan(still.loss - 0.01);
});

describe('sharpness-aware minimization', () => {
  /** Weights, statistics and sums after one step of plain SGD with a rate of 1. */
  async function stepFrom(values: Float32Array, options: Partial<StepperOptions>) {
    const graph = buildNetwork('vgg', { width: 8, drop: 0.5, classes: 7 });
    const parameters = new Parameters(graph);
    backend.write(parameters.values, values);
    backend.write(parameters.statistics, parameters.initial(0).statistics);
    const optimizer = createOptimizer(parameters, SGD);
    const data = uploadData(backend, dataset);
    const stepper = new Stepper(backend, graph, parameters, data, optimizer, 24, { ...PLAIN, ...options });
    stepper.setOrder(Int32Array.from(Array(24).keys()));
    stepper.setTotals({ loss: 0, correct: 0, samples: 0 });
    stepper.run({ epoch: 0, start: 0, count: 24, step: 0, optimizerStep: 0, lr: 1 });
    const after = Float32Array.from(await backend.read(parameters.values));
    const statistics = await backend.read(parameters.statistics);
    return {
      gradient: values.map((value, i) => value - after[i]),
      statistics,
      totals: await stepper.totals(),
    };
  }
  const { values } = new Parameters(buildNetwork('vgg', { width: 8, drop: 0.5, classes: 7 })).initial(0);
  const difference = (a: Float32Array, b: Float32Array): Float32Array => a.map((value, i) => value - b[i]);

  test.each([{}, { augment: true, mixup: 1, label_smoothing: 0.1 }])(
    'follows the gradient of the same samples so far up the slope: %j',
    async (options) => {
      const here = (await stepFrom(values, options)).gradient;
      const far = 0.5 / lengthOf(here);
      const up = values.map((value, i) => value + far * here[i]);
      const there = (await stepFrom(up, options)).gradient;
      const found = (await stepFrom(values, { ...options, sam: 0.5 })).gradient;
      const apart = lengthOf(difference(there, here));
      expect(apart).toBeGreaterThan(0.1 * lengthOf(here));
      expect(lengthOf(difference(found, there))).toBeLessThan(0.01 * apart);
    },
  );

  test('counts its samples, and moves the statistics, once', async () => {
    const plain = await stepFrom(values, {});
    const { totals, statistics } = await stepFrom(values, { sam: 0.5 });
    expect(totals).toEqual(plain.totals);
    expect(statistics).toEqual(plain.statistics);
  });
});
