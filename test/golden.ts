import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import type { Backend, NumericArray } from '../src/engine/backend.ts';
import { CompiledNetwork } from '../src/engine/compile.ts';
import { type Call, call, HYPER, operandsOf, STEP } from '../src/engine/kernels.ts';
import { Parameters } from '../src/engine/parameters.ts';
import { type Buffer, sizeOf, type Tensor, tensor } from '../src/engine/tensor.ts';
import { buildNetwork } from '../src/nn/networks.ts';

/** A tensor in a few figures; `samples` are pairs of position and value. */
export interface Figures {
  readonly shape: readonly number[];
  readonly sum: number;
  readonly l2: number;
  readonly max_abs: number;
  readonly samples: readonly (readonly number[])[];
}
export type FiguresByName = Readonly<Record<string, Figures>>;

interface GoldenFile {
  readonly parameter_order: readonly string[];
  readonly labels: readonly number[];
  readonly eval_logits: readonly (readonly number[])[];
  readonly eval_input_gradient_of_top_score: Figures & { readonly sample0_row20: readonly number[] };
  readonly train_logits: readonly (readonly number[])[];
  readonly train_loss: number;
  readonly gradients: FiguresByName;
  readonly input_gradient: Figures;
  readonly running_after_one_batch: FiguresByName;
  readonly five_steps: { readonly losses: readonly number[]; readonly parameters: FiguresByName };
}

/** What PyTorch computed in float64 for the network of the paper; `about`, `hash` and `streams` say how. */
export const GOLDEN: GoldenFile = JSON.parse(
  readFileSync(new URL('reference/vgg.json', import.meta.url), 'utf8'),
) as GoldenFile;

const N = GOLDEN.labels.length;
const CLASSES = 7;
const SIDE = 40;
/** Of the five steps, as the file says: Nesterov, weight decay on every parameter. */
const SGD = { lr: 0.0005, momentum: 0.9, weightDecay: 1e-4 } as const;

export const GRAPH = buildNetwork('vgg', { width: 64, drop: 0, classes: CLASSES });
export const PARAMETERS = new Parameters(GRAPH);

const step = tensor('step', [STEP.length], 'i32', 'persistent');
const pixels = tensor('pixels', [N, SIDE, SIDE, 1], 'f32', 'persistent');
const labels = tensor('labels', [N], 'i32', 'persistent');
const totals = tensor('totals', [3], 'f64', 'persistent');
const hyper = tensor('hyper', [HYPER.length], 'f64', 'persistent');
const velocity = tensor('velocity', PARAMETERS.values.shape, 'f32', 'persistent');

/** A host cannot write a transient tensor; flattening images of one channel copies them. */
function copy(from: Tensor, to: Tensor): Call {
  const length = sizeOf(to.shape);
  return call('flatten.forward', {
    x: { ...from, shape: [1, length, 1, 1] },
    y: { ...to, shape: [1, length] },
  });
}

function compile(training: boolean, dlogits: Tensor) {
  const network = new CompiledNetwork(GRAPH, PARAMETERS, { batch: N, training, step });
  const { calls: backward, inputGradient } = network.backward(dlogits, { parameters: training, input: true });
  if (!inputGradient) throw new Error('no input gradient');
  return {
    logits: network.logits,
    forward: [copy(pixels, network.input), ...network.forward],
    backward,
    inputGradient,
  };
}

const chosen = tensor('chosen', [N, CLASSES], 'f32', 'persistent');
const dlogits = tensor('dlogits', [N, CLASSES]);
export const EVALUATION = compile(false, chosen);
export const TRAINING = compile(true, dlogits);
const LOSS = call('crossEntropy', { logits: TRAINING.logits, labels, dlogits, totals, smoothing: 0 });
const UPDATE = call('sgd', {
  param: PARAMETERS.values,
  grad: PARAMETERS.gradients,
  velocity,
  hyper,
  decay: true,
  nesterov: true,
});

/** Values of the forward pass that the backward pass reads. */
export const ACTIVATIONS: readonly Tensor[] = (() => {
  const transient = (calls: readonly Call[]) =>
    calls
      .flatMap(operandsOf)
      .map(([, of]) => of)
      .filter(({ buffer }) => buffer.lifetime === 'transient');
  const before = new Map(transient([...TRAINING.forward, LOSS]).map((of) => [of.buffer, of]));
  const read = new Set(transient(TRAINING.backward).map(({ buffer }) => buffer));
  return [...before.values()].filter(({ buffer }) => read.has(buffer));
})();

/** The file's hash: uniform in ±½. */
function hash(i: number, s: number): number {
  let x = (Math.imul(i, 2654435761) + Math.imul(s, 97531)) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 2246822519) >>> 0;
  x = (x ^ (x >>> 13)) >>> 0;
  return x / 2 ** 32 - 0.5;
}

function fill(length: number, stream: number, map: (u: number) => number): Float32Array {
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = map(hash(i, stream));
  return values;
}

function initialValue(name: string, shape: readonly number[]): Float32Array {
  const scale = Math.sqrt(24 / sizeOf(shape.slice(1)));
  const map = (u: number): number => {
    if (name.endsWith('running_mean')) return 0.1 * u;
    if (name.endsWith('running_var')) return 1 + 0.5 * u;
    if (name.endsWith('bias')) return 0.2 * u;
    if (name.startsWith('bn')) return 1 + 0.2 * u;
    return u * scale;
  };
  return fill(sizeOf(shape), 1000 + GOLDEN.parameter_order.indexOf(name), map);
}

/** Parameters and statistics before the first step, by name. */
const INITIAL = new Map(PARAMETERS.state.map(([name, { shape }]) => [name, initialValue(name, shape)]));

/** The golden images, [N, 40, 40]. */
export const IMAGES = fill(sizeOf(pixels.shape), 1900, (u) => u + 0.5);

/** Makes the golden parameters, statistics and inputs those of a backend. */
export function upload(backend: Backend): void {
  for (const [name, to] of PARAMETERS.state) backend.write(to, INITIAL.get(name)!);
  backend.write(pixels, IMAGES);
  backend.write(labels, GOLDEN.labels);
  backend.write(hyper, [SGD.lr, SGD.momentum, SGD.weightDecay]);
}

/** Logits in evaluation mode, and the gradient of each image's highest score by its pixels. */
export async function evaluate(backend: Backend) {
  upload(backend);
  const { forward, backward, logits, inputGradient } = EVALUATION;
  const top = GOLDEN.eval_logits.map((row) => row.map((score) => Number(score === Math.max(...row))));
  backend.write(chosen, top.flat());
  const program = backend.compile([...forward, ...backward], [logits, inputGradient]);
  backend.run(program);
  const scores = await backend.read(logits, program);
  const gradient = await backend.read(inputGradient, program);
  return {
    logits: scores,
    inputGradient: figuresAt(GOLDEN.eval_input_gradient_of_top_score, gradient),
    // The first image's row 20.
    row: gradient.slice(20 * SIDE, 21 * SIDE),
    bits: digest(scores, gradient),
  };
}

/** Steps that the file knows. */
export const STEPS = GOLDEN.five_steps.losses.length;

/** So many steps of training: all that belongs to the first, and the parameters after the last. */
export async function train(backend: Backend, steps = STEPS) {
  upload(backend);
  const { forward, backward, logits, inputGradient } = TRAINING;
  const program = backend.compile(
    [...forward, LOSS, ...backward, UPDATE],
    [logits, inputGradient, ...ACTIVATIONS],
  );
  const losses: number[] = [];
  const advance = async (): Promise<void> => {
    backend.write(totals, [0, 0, 0]);
    backend.run(program);
    losses.push((await backend.read(totals))[0] / N);
  };

  await advance();
  const scores = await backend.read(logits, program);
  const pixelGradient = await backend.read(inputGradient, program);
  const flatGradients = await backend.read(PARAMETERS.gradients);
  const activations: NumericArray[] = [];
  for (const of of ACTIVATIONS) activations.push(await backend.read(of, program));
  const gradients: Record<string, Figures> = {};
  for (const { name } of GRAPH.parameters) {
    gradients[name] = figuresAt(GOLDEN.gradients[name], await backend.read(PARAMETERS.gradient(name)));
  }
  const statistics: Record<string, Figures> = {};
  for (const { name } of GRAPH.statistics) {
    const values = await backend.read(PARAMETERS.statistic(name));
    statistics[name] = figuresAt(GOLDEN.running_after_one_batch[name], values);
  }

  while (losses.length < steps) await advance();
  const after: Record<string, Figures> = {};
  /** How far a parameter moved at most. */
  const moved: Record<string, number> = {};
  for (const { name } of GRAPH.parameters) {
    const values = await backend.read(PARAMETERS.value(name));
    after[name] = figuresAt(GOLDEN.five_steps.parameters[name], values);
    moved[name] = INITIAL.get(name)!.reduce((most, v, i) => Math.max(most, Math.abs(values[i] - v)), 0);
  }
  return {
    logits: scores,
    losses,
    gradients,
    inputGradient: figuresAt(GOLDEN.input_gradient, pixelGradient),
    statistics,
    after,
    moved,
    flatGradients,
    activations,
    bits: [
      digest(scores, pixelGradient, flatGradients, ...activations),
      digest(await backend.read(PARAMETERS.values), await backend.read(PARAMETERS.statistics), losses),
    ].join(' '),
  };
}

/**
 * The gradients of the first step in float64 from the activations of another backend, so that every
 * decision (which side of a ReLU, which pixel of a window) is the one taken there.
 */
export async function gradientsFrom(
  activations: readonly NumericArray[],
): Promise<(name: string) => Promise<NumericArray>> {
  const backend = new ReferenceBackend();
  upload(backend);
  const loads = ACTIVATIONS.map((to, i) => {
    const from = tensor(`${to.buffer.name} there`, to.shape, 'f32', 'persistent');
    backend.write(from, activations[i]);
    return copy(from, to);
  });
  const outputs = new Map<Buffer, Tensor>();
  for (const one of TRAINING.forward) {
    if (one.kernel === 'batchNorm.forward') outputs.set(one.args.x.buffer, one.args.y);
  }
  const backward = TRAINING.backward.flatMap((one) => {
    if (one.kernel !== 'batchNorm.backward') return [one];
    // The mask from the output, as it was rounded there.
    const y = outputs.get(one.args.x.buffer)!;
    const masked = tensor('masked', one.args.dy.shape);
    return [
      call('relu.backward', { y, dy: one.args.dy, dx: masked }),
      call('batchNorm.backward', { ...one.args, dy: masked, relu: false }),
    ];
  });
  backend.run(backend.compile([...loads, ...backward]));
  return (name) => backend.read(PARAMETERS.gradient(name));
}

/** The figures of a tensor, sampled where `expected` is. */
export function figuresAt(expected: Figures, values: ArrayLike<number>): Figures {
  let sum = 0;
  let squares = 0;
  let most = 0;
  for (let i = 0; i < values.length; i++) {
    sum += values[i];
    squares += values[i] ** 2;
    if (!(Math.abs(values[i]) <= most)) most = Math.abs(values[i]);
  }
  const samples = expected.samples.map(([index]) => [index, values[index]]);
  return { shape: expected.shape, sum, l2: Math.sqrt(squares), max_abs: most, samples };
}

/** The largest error of a tensor's figures: of samples and largest value on `scale`, of sum and l2 on theirs. */
export function errorOf(actual: Figures, expected: Figures, scale = expected.max_abs): number {
  const count = sizeOf(expected.shape);
  // Σ and l2 of a tensor whose elements are all off by the scale.
  const l2Scale = scale * Math.sqrt(count);
  return Math.max(
    ...expected.samples.map(([, value], i) => Math.abs(actual.samples[i][1] - value) / scale),
    Math.abs(actual.max_abs - expected.max_abs) / scale,
    Math.abs(actual.l2 - expected.l2) / l2Scale,
    Math.abs(actual.sum - expected.sum) / (scale * count),
  );
}

/** The largest error of a list on the scale of its largest value. */
export function errorOfList(actual: ArrayLike<number>, expected: readonly number[]): number {
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i] - value))) / scale;
}

/**
 * The scale of a parameter's gradient: its largest value. Batch norm takes away whatever a convolution's
 * bias adds, so that gradient is 0 but for rounding; what is rounded is a sum over the pixels of dy, as
 * in the weights' gradient, whose scale it is given.
 */
export function gradientScale(name: string): number {
  const measured = /^conv.*\.bias$/.test(name) ? name.replace('bias', 'weight') : name;
  return GOLDEN.gradients[measured].max_abs;
}

function digest(...parts: readonly ArrayLike<number>[]): string {
  const all = createHash('sha256');
  for (const part of parts) all.update(part instanceof Float32Array ? part : Float64Array.from(part));
  return all.digest('hex');
}
