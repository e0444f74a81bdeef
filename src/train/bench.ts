import { defaultsOf } from '../config/option.ts';
import { type BenchConfig, optimizerOptions } from '../config.ts';
import { FACE_SIZE } from '../data/dataset.ts';
import { AUGMENTATIONS } from '../engine/augment.ts';
import type { Backend, ProfileRow, Program } from '../engine/backend.ts';
import { allocateData } from '../engine/deviceData.ts';
import { Parameters } from '../engine/parameters.ts';
import { bits } from '../engine/random.ts';
import { Inference } from '../evaluate/inference.ts';
import { decodeHalf, encodeHalf } from '../io/half.ts';
import { buildNetwork } from '../nn/networks.ts';
import { createOptimizer } from '../optim/optimizers.ts';
import { Stepper } from './stepper.ts';

/** One measurement; the JSON of `fer bench` is an array of them. */
export interface BenchResult {
  readonly what: 'train' | 'infer';
  readonly bs: number;
  readonly crops: number;
  readonly threads: number;
  readonly device: string;
  /** Images, not crops, a second. */
  readonly imagesPerSecond: number;
  /** Median of one step; the mean, where a backend has several under way. */
  readonly seconds: number;
  /** With `profile=true`: the time of each kind of kernel in one step, the longest first. */
  readonly profile?: readonly ProfileSum[];
}

export interface ProfileSum {
  readonly kernel: string;
  readonly calls: number;
  readonly seconds: number;
  /** Multiply-adds counted as two, of the algorithm that ran; null for kernels that are no product. */
  readonly gflops: number | null;
}

const CLASSES = 7;
/** Steps before the clock starts: V8 compiles the kernels a second time while they run. */
const WARM_UP_STEPS = 2;

/** Times whole steps of a network on random images: no data is needed. */
export async function bench(
  config: BenchConfig,
  backend: Backend,
  onStep?: (done: number) => void,
): Promise<BenchResult> {
  const { network, width, crop_size: inputSize } = config;
  const graph = buildNetwork(network, { width, drop: 0.2, classes: CLASSES, inputSize });
  const parameters = new Parameters(graph);
  const { values, statistics } = parameters.initial(0);
  // A released model's weights are float16.
  backend.write(parameters.values, config.what === 'infer' ? decodeHalf(encodeHalf(values)) : values);
  backend.write(parameters.statistics, statistics);
  const imageSize = Math.max(FACE_SIZE, inputSize);
  const data = allocateData(config.bs, imageSize);
  backend.write(
    data.images,
    Uint8Array.from({ length: config.bs * imageSize ** 2 }, (_, i) => bits(1, i)),
  );
  backend.write(
    data.targets,
    Uint8Array.from({ length: config.bs }, (_, i) => i % CLASSES),
  );
  const order = Int32Array.from({ length: config.bs }, (_, i) => i);

  let step: () => Promise<unknown>;
  let program: Program;
  if (config.what === 'train') {
    // Nothing that is not in every framework's step: no moving average, and one weight decay for all.
    const plain = { weight_decay: 1e-4, no_decay: [], ema: 0 };
    const optimizer = createOptimizer(parameters, { ...defaultsOf(optimizerOptions), ...plain });
    const stepper = new Stepper(backend, graph, parameters, data, optimizer, config.bs, {
      inputSize,
      crops: config.crops,
      augment: true,
      augmentations: AUGMENTATIONS,
      label_smoothing: 0,
      sam: 0,
      mixup: 0,
      cutmix: 0,
      seed: 0,
    });
    stepper.setOrder(order);
    stepper.setTotals({ loss: 0, correct: 0, samples: 0 });
    let count = 0;
    step = () => {
      const at = { epoch: 0, start: 0, count: config.bs, step: count, optimizerStep: count };
      stepper.run({ ...at, lr: 0.001 });
      count++;
      return stepper.totals();
    };
    program = stepper.program(config.bs);
  } else {
    const { bs: batch, crops } = config;
    const options = { crops, batch, capacity: batch, fixedWeights: true };
    const inference = new Inference(backend, graph, parameters, data, options);
    step = () => inference.run(order);
    program = inference.program(batch);
  }

  await backend.ready?.();
  const seconds = await secondsOf(step, config.steps, backend.ahead ?? 0, onStep);
  return {
    what: config.what,
    bs: config.bs,
    crops: config.crops,
    threads: backend.threads,
    device: backend.describe(),
    imagesPerSecond: config.bs / seconds,
    seconds,
    ...(config.profile ? { profile: sums(await backend.profile(program)) } : {}),
  };
}

export const benchSteps = (config: BenchConfig): number => WARM_UP_STEPS + config.steps;

/** @param ahead steps that are under way when the result of the oldest is waited for */
async function secondsOf(
  step: () => Promise<unknown>,
  steps: number,
  ahead: number,
  onStep?: (done: number) => void,
): Promise<number> {
  const times: number[] = [];
  const underWay: Promise<unknown>[] = [];
  let last = performance.now();
  for (let i = 0; i < WARM_UP_STEPS + steps; i++) {
    while (underWay.length <= ahead && i + underWay.length < WARM_UP_STEPS + steps) underWay.push(step());
    await underWay.shift();
    const now = performance.now();
    if (i >= WARM_UP_STEPS) times.push((now - last) / 1000);
    last = now;
    onStep?.(i + 1);
  }
  // Results that were waited for together arrive together.
  return ahead > 0 ? times.reduce((sum, time) => sum + time, 0) / steps : median(times);
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Rows of the same kernel added up. */
function sums(rows: readonly ProfileRow[]): ProfileSum[] {
  const byKernel = new Map<string, { calls: number; seconds: number; multiplications: number }>();
  for (const { kernel, seconds, multiplications } of rows) {
    const sum = byKernel.get(kernel) ?? { calls: 0, seconds: 0, multiplications: 0 };
    sum.calls++;
    sum.seconds += seconds;
    sum.multiplications += multiplications;
    byKernel.set(kernel, sum);
  }
  return [...byKernel]
    .map(([kernel, { calls, seconds, multiplications }]) => {
      const gflops = multiplications > 0 ? (2 * multiplications) / seconds / 1e9 : null;
      return { kernel, calls, seconds, gflops };
    })
    .sort((a, b) => b.seconds - a.seconds);
}
