import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { defaultsOf } from '../src/config/option.ts';
import { benchOptions, optimizerOptions } from '../src/config.ts';
import { AUGMENTATIONS } from '../src/engine/augment.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { openAdapter } from '../src/engine/backend/webgpu/adapter.ts';
import { WebGpuBackend } from '../src/engine/backend/webgpu.ts';
import type { Backend } from '../src/engine/backend.ts';
import { createBackend } from '../src/engine/createBackend.ts';
import { uploadData } from '../src/engine/deviceData.ts';
import { call } from '../src/engine/kernels.ts';
import { Parameters } from '../src/engine/parameters.ts';
import { tensor } from '../src/engine/tensor.ts';
import { Inference } from '../src/evaluate/inference.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { Explainer } from '../src/explain/explainer.ts';
import { readModel } from '../src/nn/model.ts';
import { buildNetwork } from '../src/nn/networks.ts';
import { createOptimizer } from '../src/optim/optimizers.ts';
import { bench } from '../src/train/bench.ts';
import { Stepper } from '../src/train/stepper.ts';
import { lengthOf } from './compare.ts';
import { temporaryFolder } from './dataFiles.ts';
import { hasGpu, openGpu } from './gpu.ts';
import { start, TRAIN_PROCESS } from './process.ts';
import { faces, outcomeOf, TINY, trainTiny } from './training.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const opened: Backend[] = [];
// One backend for all: a GPU in software takes long to compile kernels, and busy machines for everything.
vi.setConfig({ testTimeout: 600_000, hookTimeout: 600_000 });
let gpu: WebGpuBackend;
let cpu: WasmBackend;
beforeAll(async () => {
  cpu = await open(WasmBackend.create({ threads: 2 }));
  if (hasGpu) gpu = await open(openGpu());
});
afterAll(async () => {
  for (const backend of opened) await backend.close();
  folder.remove();
});

async function open<T extends Backend>(backend: Promise<T>): Promise<T> {
  opened.push(await backend);
  return backend;
}
const SIZE = 8;
/**
 * A value near a tie falls on either side of a ReLU, between builds of the CPU backend as well, and what
 * follows differs by about the rate: with 1e-3 two such builds are 1e-3 apart after 15 steps.
 */
const LR = 1e-4;

/** The first steps from one seed: their losses, how they moved the weights, and the augmented pixels. */
async function firstSteps(
  backend: Backend,
  sam: number,
  network: string,
  lr: number,
  steps: number,
): Promise<{ losses: number[]; moves: number[]; pixels: ArrayLike<number> }> {
  const dataset = faces({ Training: steps * SIZE });
  const graph = buildNetwork(network, { width: 8, drop: 0.2, classes: 7 });
  const parameters = new Parameters(graph);
  const { values, statistics } = parameters.initial(0);
  backend.write(parameters.values, values);
  backend.write(parameters.statistics, statistics);
  const optimizer = createOptimizer(parameters, { ...defaultsOf(optimizerOptions), weight_decay: 1e-4 });
  const data = uploadData(backend, dataset);
  const stepper = new Stepper(backend, graph, parameters, data, optimizer, steps * SIZE, {
    ...{
      inputSize: 40,
      crops: 1,
      augment: true,
      augmentations: AUGMENTATIONS,
      label_smoothing: 0.1,
      sam,
      mixup: 0.2,
      cutmix: 0,
      seed: 3,
    },
  });
  const training = Int32Array.from({ length: steps * SIZE }, (_, i) => i);
  stepper.setOrder(training);
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) {
    stepper.setTotals({ loss: 0, correct: 0, samples: 0 });
    stepper.run({ epoch: 0, start: step * SIZE, count: SIZE, step, optimizerStep: step, lr });
    losses.push((await stepper.totals()).loss / SIZE);
  }
  const after = await backend.read(parameters.values);
  const moves = Array.from(values, (value, i) => after[i] - value);
  const [order, words] = [
    tensor('order', [steps * SIZE], 'i32', 'persistent'),
    tensor('step', [4], 'i32', 'persistent'),
  ];
  const out = tensor('out', [steps * SIZE, 40, 40, 1], 'f32', 'persistent');
  backend.write(order, training);
  backend.write(words, [3, 0, 0, 0]);
  const { images, size } = data;
  const args = { images, order, out, step: words, size, crops: 1, draws: AUGMENTATIONS } as const;
  backend.run(backend.compile([call('augment', args)]));
  return { losses, moves, pixels: await backend.read(out) };
}

function furthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  expect(a).toHaveLength(b.length);
  return Array.from(b).reduce((most, value, i) => Math.max(most, Math.abs(a[i] - value)), 0);
}

describe.runIf(hasGpu)('training on a GPU', () => {
  test.each([
    [20, 0, 'vgg', LR],
    [5, 0.05, 'vgg', LR],
    // Its gradients are larger, so it is as sensitive at a tenth of the rate.
    [5, 0, 'vgg_lite', LR / 10],
  ])(
    '%d steps are those of the CPU: pixels to 1e-5, losses to 1e-3; sam=%d, %s',
    async (steps, sam, network, lr) => {
      const [here, there] = [
        await firstSteps(gpu, sam, network, lr, steps),
        await firstSteps(cpu, sam, network, lr, steps),
      ];
      expect(furthest(here.pixels, there.pixels)).toBeLessThan(1e-5);
      expect(furthest(here.losses, there.losses)).toBeLessThan(1e-3);
      const error = lengthOf(here.moves.map((move, i) => move - there.moves[i]));
      expect(lengthOf(there.moves)).toBeGreaterThan(1e-3);
      // A ReLU or a pool that falls otherwise in a near tie turns a few single gradients over.
      expect(error / lengthOf(there.moves)).toBeLessThan(0.1);
      expect(new Set(here.losses).size).toBe(steps);
    },
  );

  test('the same seed gives the same bits, killed and resumed as well', async () => {
    // Several steps are under way here, and each is waited for where a checkpoint follows it.
    const settings = {
      ...TINY,
      optimizer: 'adam',
      lr: 1e-3,
      ema: 0.9,
      name: 'a',
      data: 'synthetic:60',
    } as const;
    const run = (runs: string, more: object, saveSeconds: number) =>
      start(process.execPath, [
        TRAIN_PROCESS,
        JSON.stringify({ ...settings, device: 'gpu-software', runs, ...more }),
        JSON.stringify(saveSeconds),
      ]);
    const unbroken = await run(at('unbroken'), {}, 1e9).ended;
    expect(unbroken).toMatchObject({ code: 0, stderr: '' });
    const killed = run(at('killed'), {}, 0);
    await killed.said('step 2\n');
    killed.child.kill('SIGKILL');
    expect((await killed.ended).signal).toBe('SIGKILL');
    expect(await run(at('killed'), { resume: true }, 1e9).ended).toMatchObject({ code: 0 });
    expect(outcomeOf(at('killed', 'a'))).toEqual(outcomeOf(at('unbroken', 'a')));
  });

  test('the network that it trained answers and explains there as on the CPU', async () => {
    const settings = { runs: at('used'), n_epochs: 1 };
    await trainTiny(settings, { dataset: faces(), backend: gpu });
    const model = readModel(at('used', 'a'));
    const { images } = faces();
    const some = images.slice(0, 5 * 48 * 48);
    const found: ArrayLike<number>[][] = [];
    for (const backend of [gpu, cpu]) {
      const logits = await new Recognizer(backend, model, { crops: 10, batch: 3 }).logits(some);
      const explainer = new Explainer(backend, model, {
        methods: ['gradient', 'gradcam'],
        crops: 10,
        batch: 2,
      });
      const [{ maps }] = await explainer.explain(some.slice(0, 48 * 48));
      found.push([logits, ...maps.map(({ values }) => values)]);
    }
    expect(found[0]).toHaveLength(3);
    found[0].forEach((values, i) => {
      const scale = furthest(found[1][i], new Float32Array(values.length));
      expect(scale).toBeGreaterThan(0);
      expect(furthest(values, found[1][i]) / scale).toBeLessThan(1e-3);
    });
  });

  test('a training that diverges stops with advice, and a NaN anywhere reaches the logits', async () => {
    const diverging = trainTiny(
      { runs: at('diverging'), n_epochs: 1, lr: 1e30 },
      { dataset: faces(), backend: gpu },
    );
    await expect(diverging).rejects.toThrow(/diverged.*resume=true and a lower lr=/);

    const dataset = faces();
    const graph = buildNetwork('vgg', { width: 8, drop: 0, classes: 7 });
    const parameters = new Parameters(graph);
    const { values, statistics } = parameters.initial(0);
    gpu.write(parameters.statistics, statistics);
    const data = uploadData(gpu, dataset);
    const options = { crops: 1, batch: 4, capacity: 4, fixedWeights: true } as const;
    const inference = new Inference(gpu, graph, parameters, data, options);
    for (const [name, visible] of [
      ['', false],
      ['conv1a.weight', true],
      ['bn3b.bias', true],
      ['lin1.weight', true],
    ] as const) {
      const changed = values.slice();
      // One of thousands: through ReLU, pooling and dropout it must not become a number.
      if (visible) changed[parameters.value(name).offset] = Number.NaN;
      gpu.write(parameters.values, changed);
      const logits = await inference.run(Int32Array.from([0, 1, 2, 3]));
      expect(logits.filter(Number.isNaN), name).toHaveLength(visible ? 28 : 0);
    }
  });

  test('bench times steps and kernels there, and names the device', async () => {
    const config = { ...defaultsOf(benchOptions), width: 8, bs: 2, steps: 2, profile: true };
    const { device, imagesPerSecond, profile = [] } = await bench(config, gpu);
    expect(device).toMatch(/^GPU, WebGPU, /);
    expect(imagesPerSecond).toBeGreaterThan(0);
    const product = profile.find(({ kernel }) => kernel === 'winograd.gemm');
    expect(product).toMatchObject({ calls: 7 });
    expect(product?.gflops).toBeGreaterThan(0);
  });

  test('mixed precision is refused by a GPU without 16-bit floats', async () => {
    const { adapter, label } = await openAdapter({ software: true });
    const made = WebGpuBackend.create({ software: true, mixed: true });
    if (adapter.features.has('shader-f16')) await open(made);
    else
      await expect(made).rejects.toThrow(`${label} has no 16-bit floats (shader-f16), which precision=mixed`);
  });

  test('a software GPU is taken only when asked for', async () => {
    const isSoftware = gpu.describe().includes('software adapter');
    const refused = expect(createBackend({ device: 'gpu', threads: 1 }).then((found) => found.close()));
    if (isSoftware) await refused.rejects.toThrow('device=gpu-software');
    else await refused.resolves.toBeUndefined();
    const auto = await open(createBackend({ device: 'auto', threads: 1 }));
    expect(auto.name).toBe(isSoftware ? 'wasm' : 'webgpu');
    // A few samples are not worth a GPU's start.
    expect((await open(createBackend({ device: 'auto', threads: 1, samples: 10 }))).name).toBe('wasm');
  });
});
