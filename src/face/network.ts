import { FerError } from '../errors.ts';
import { type FaceKernels, packedSize, packWeights } from './kernels.ts';
import {
  sizeOf,
  type TfliteAction,
  type TfliteGraph,
  type TfliteOperator,
  type TfliteTensor,
} from './tflite.ts';
import { makeKernels } from './wasmKernels.ts';

/** Where a computed tensor lies, and the last step that needs it. */
interface Place {
  offset: number;
  last: number;
}

/** A computed tensor. Reshaped, it shares its place. */
interface Value {
  readonly shape: readonly number[];
  readonly size: number;
  readonly place: Place;
}

/** An operator with what was merged into it. Constants are packed before the first run. */
interface Step {
  readonly action: TfliteAction;
  readonly inputs: readonly Value[];
  readonly output: Value;
  readonly residual?: Value;
  readonly relu: boolean;
  readonly weights?: TfliteTensor;
  readonly bias?: TfliteTensor;
}

/** Values of packed weights start at multiples of it: a cache line. */
const LINE = 16;

/**
 * A detector's graph, ready to run: operators merged where one pass over memory does (a convolution with the sum
 * and the ReLU behind it), weights packed, and a place for every intermediate result, shared by those that are
 * never needed at a time. A run allocates nothing.
 */
export class FaceNetwork {
  /** [side, side, 3], where the input goes. */
  readonly input: Float32Array;
  readonly inputShape: readonly number[];
  readonly outputs: readonly { readonly shape: readonly number[]; readonly values: Float32Array }[];
  readonly #calls: readonly (() => void)[];

  /** @throws FerError if the graph is not of the detectors' kind */
  constructor(graph: TfliteGraph, make: (length: number) => FaceKernels = makeKernels) {
    const { plan, layout } = refusing(() => {
      const planned = new Plan(graph);
      return { plan: planned, layout: planned.place(make(0).panel) };
    });
    const kernels = make(layout.length);
    const view = ({ place: { offset }, size }: Value): Float32Array =>
      kernels.memory.subarray(offset, offset + size);
    this.#calls = plan.steps.map((step, i) => callOf(step, layout.constants[i], layout, kernels));
    this.input = view(plan.input);
    this.inputShape = plan.input.shape;
    this.outputs = plan.outputs.map((value) => ({ shape: value.shape, values: view(value) }));
  }

  /** Computes `outputs` from `input`. */
  run(): void {
    for (const call of this.#calls) call();
  }
}

/** Most values in memory: 256 MiB. The detectors need a fiftieth of it. */
const MOST_VALUES = 1 << 26;

function refusing<T>(action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FerError(`the model's graph cannot be run here: ${error.message}`, { cause: error });
  }
}

class Plan {
  readonly input: Value;
  readonly outputs: readonly Value[];
  readonly steps: Step[] = [];
  readonly #graph: TfliteGraph;
  readonly #values = new Map<number, Value>();
  readonly #producer = new Map<number, TfliteOperator>();
  readonly #consumers = new Map<number, TfliteOperator[]>();
  readonly #merged = new Set<TfliteOperator>();

  constructor(graph: TfliteGraph) {
    this.#graph = graph;
    if (graph.inputs.length !== 1) throw new RangeError(`it has ${graph.inputs.length} inputs`);
    for (const operator of graph.operators) {
      this.#producer.set(operator.output, operator);
      for (const index of operator.inputs) {
        this.#consumers.set(index, [...(this.#consumers.get(index) ?? []), operator]);
      }
    }
    this.input = this.#define(graph.inputs[0]);
    for (const operator of graph.operators) if (!this.#merged.has(operator)) this.#add(operator);
    this.outputs = graph.outputs.map((index) => this.#valueOf(index));
    for (const value of [this.input, ...this.outputs]) value.place.last = this.steps.length;
  }

  #add(operator: TfliteOperator): void {
    const { op, inputs, output } = operator;
    if (op === 'pad') return; // read through by the sum behind it
    if (op === 'reshape') {
      const value = this.#valueOf(inputs[0]);
      const { shape } = this.#graph.tensors[output];
      if (sizeOf(shape) !== value.size)
        throw new RangeError(`${value.size} values become ${shape.join('x')}`);
      this.#values.set(output, { ...value, shape });
      return;
    }
    if (op === 'relu') throw new RangeError('a ReLU follows neither a convolution nor a sum');
    if (op === 'add') {
      const [a, b] = this.#operands(operator);
      this.#push(operator, [a], b);
      return;
    }
    if (op === 'conv' || op === 'depthwise') {
      const [weights, bias] = inputs.slice(1).map((index) => this.#graph.tensors[index]);
      if (inputs.length !== 3) throw new RangeError(`a convolution has ${inputs.length} inputs`);
      const x = this.#valueOf(inputs[0]);
      const sum = op === 'conv' ? this.#onlyConsumer(output, 'add') : undefined;
      const other = sum?.inputs.find((index) => index !== output);
      const residual = other === undefined || operator.relu ? undefined : this.#narrow(other);
      if (sum && residual) this.#merged.add(sum);
      this.#push(operator, [x], residual, weights, bias, residual ? sum?.output : output);
      return;
    }
    this.#push(
      operator,
      inputs.slice(0, op === 'concat' ? undefined : 1).map((index) => this.#valueOf(index)),
    );
  }

  /** Appends a step, together with the ReLU behind it. */
  #push(
    operator: TfliteOperator,
    inputs: readonly Value[],
    residual?: Value,
    weights?: TfliteTensor,
    bias?: TfliteTensor,
    end = operator.output,
  ): void {
    const merges = operator.op === 'conv' || operator.op === 'depthwise' || operator.op === 'add';
    const next = merges ? this.#onlyConsumer(end, 'relu') : undefined;
    if (next) this.#merged.add(next);
    const relu = (merges && operator.relu) || next !== undefined;
    for (const value of [...inputs, ...(residual ? [residual] : [])]) value.place.last = this.steps.length;
    const output = this.#define(next?.output ?? end);
    output.place.last = this.steps.length;
    this.steps.push({ action: operator, inputs, output, residual, relu, weights, bias });
  }

  /** The operator that alone reads a tensor, if it is of the kind asked for. */
  #onlyConsumer(index: number, op: TfliteOperator['op']): TfliteOperator | undefined {
    const consumers = this.#consumers.get(index) ?? [];
    return consumers.length === 1 && consumers[0].op === op && !this.#graph.outputs.includes(index)
      ? consumers[0]
      : undefined;
  }

  /** Both terms of a sum, the one with fewer channels last. */
  #operands({ inputs }: TfliteOperator): [Value, Value] {
    const [a, b] = inputs.map((index) => this.#narrow(index) ?? this.#valueOf(index));
    if (inputs.length !== 2) throw new RangeError(`a sum has ${inputs.length} terms`);
    return a.size < b.size ? [b, a] : [a, b];
  }

  /** A tensor's value if it is computed by now; of one padded with channels of zeros what is without them. */
  #narrow(index: number): Value | undefined {
    const producer = this.#producer.get(index);
    if (producer?.op !== 'pad') return this.#values.get(index);
    const padding = this.#graph.tensors[producer.inputs[1]]?.data ?? [];
    if (padding.length !== 8 || padding.slice(0, 7).some((amount) => amount !== 0))
      throw new RangeError('a padding adds other things than channels at the end');
    return this.#values.get(producer.inputs[0]);
  }

  #valueOf(index: number): Value {
    const value = this.#values.get(index);
    if (value === undefined) throw new RangeError(`tensor ${index} is used before it is computed`);
    return value;
  }

  #define(index: number): Value {
    const { shape } = this.#graph.tensors[index];
    if (shape[0] !== 1) throw new RangeError(`a tensor has the shape ${shape.join('x')}: expected 1 first`);
    if (this.#values.has(index)) throw new RangeError(`tensor ${index} is computed twice`);
    const value: Value = { shape, size: sizeOf(shape), place: { offset: 0, last: 0 } };
    this.#values.set(index, value);
    return value;
  }

  /** Gives every value and constant its place, in values from the start of the memory. */
  place(panel: number): Layout {
    let length = 0;
    const take = (size: number): number => {
      const offset = length;
      length = Math.ceil((length + size) / LINE) * LINE;
      return offset;
    };
    const rows = this.steps.map(({ inputs: [{ shape }] }) => (shape[2] ?? 0) * (shape[3] ?? 0));
    const zeros = take(Math.max(...rows, 1));
    const constants = this.steps.map(({ action, weights, inputs: [x], output }) => {
      if (weights === undefined) return 0;
      const C = x.shape[3];
      if (action.op === 'depthwise') return take(10 * C);
      return take(packedSize(weights.shape[1] * weights.shape[2] * C, output.shape[3], panel));
    });
    const patches = take(Math.max(...this.steps.map(patchSize)));
    const live: { from: number; to: number; last: number }[] = [];
    const settle = (value: Value, step: number): void => {
      // The lowest gap between those that are still needed.
      const busy = live.filter(({ last }) => last >= step).sort((a, b) => a.from - b.from);
      let from = length;
      for (const other of busy) {
        if (other.from - from >= value.size) break;
        from = Math.max(from, other.to);
      }
      value.place.offset = from;
      live.push({ from, to: Math.ceil((from + value.size) / LINE) * LINE, last: value.place.last });
    };
    settle(this.input, 0);
    this.steps.forEach(({ output }, step) => {
      settle(output, step);
    });
    const end = Math.max(length, ...live.map(({ to }) => to));
    // Not a number, where a shape has too few sides, is no more welcome.
    if (!(end <= MOST_VALUES)) throw new RangeError(`it needs ${end} values of memory`);
    return { length: end, zeros, patches, constants };
  }
}

interface Layout {
  readonly length: number;
  readonly zeros: number;
  readonly patches: number;
  /** Of each step, where its constants go. */
  readonly constants: readonly number[];
}

const NHWC = 4;

/** Values of the patches of a row, for a convolution that needs them. */
function patchSize({ action, weights, output }: Step): number {
  if (action.op !== 'conv' || weights === undefined) return 0;
  const [, kernelH, kernelW, C] = weights.shape;
  return kernelH * kernelW === 1 ? 0 : output.shape[2] * kernelH * kernelW * C;
}

/** The kernel call of a step, its operands checked and its constants packed. */
function callOf(step: Step, w: number, { zeros, patches }: Layout, kernels: FaceKernels): () => void {
  const { action, inputs, output, residual, relu } = step;
  const [x] = inputs;
  const { memory } = kernels;
  const y = output.place.offset;
  if (action.op === 'concat') {
    if (inputs.reduce((sum, { size }) => sum + size, 0) !== output.size || action.axis !== 1) refuse(step);
    return () => {
      let to = y;
      for (const { place, size } of inputs) {
        memory.copyWithin(to, place.offset, place.offset + size);
        to += size;
      }
    };
  }
  if (x.shape.length !== NHWC || output.shape.length !== NHWC) refuse(step);
  const [, H, W, C] = x.shape;
  const [, outH, outW, K] = output.shape;
  const P = outH * outW;
  const extra = residual ? { residual: residual.place.offset, R: residual.size / P } : { residual: -1, R: 0 };
  if (residual && (!Number.isInteger(extra.R) || extra.R > K || residual.shape[1] !== outH)) refuse(step);
  switch (action.op) {
    case 'add': {
      if (x.size !== output.size || residual === undefined) refuse(step);
      const call = { a: x.place.offset, b: extra.residual, P, C, R: extra.R, y, relu };
      return () => kernels.add(call);
    }
    case 'resize': {
      if (C !== K) refuse(step);
      const call = { x: x.place.offset, H, W, C, y, outH, outW };
      return () => kernels.resize(call);
    }
    case 'maxPool': {
      const { height, width, strideH, strideW } = action;
      if ([height, width, strideH, strideW].some((side) => side !== 2)) refuse(step);
      if (H !== 2 * outH || W !== 2 * outW || C !== K) refuse(step);
      const call = { x: x.place.offset, H, W, C, y };
      return () => kernels.maxPool2(call);
    }
    case 'depthwise': {
      const weights = constantsOf(step, [1, 3, 3, C], C);
      const { strideH: stride, strideW, padding } = action;
      const fits = stride === strideW && H === stride * outH && W === stride * outW && C === K;
      if (!fits || (stride !== 1 && stride !== 2) || padding !== 'same' || relu) refuse(step);
      memory.set(weights.w, w);
      memory.set(weights.bias, w + 9 * C);
      const call = { x: x.place.offset, H, W, C, w, y, stride: stride as 1 | 2, zeros };
      return () => kernels.depthwise(call);
    }
    case 'conv': {
      const [, kernelH, kernelW] = step.weights?.shape ?? [];
      const constants = constantsOf(step, [K, kernelH, kernelW, C], K);
      const { strideH: stride, strideW, padding } = action;
      if (stride !== strideW) refuse(step);
      const taps = kernelH * kernelW;
      const packed = memory.subarray(w, w + packedSize(taps * C, K, kernels.panel));
      packWeights(constants.w, constants.bias, kernels.panel, packed);
      const product = { w, K, ...extra, relu };
      if (taps === 1 && stride === 1) {
        if (H !== outH || W !== outW) refuse(step);
        const call = { ...product, x: x.place.offset, P, C, y };
        return () => kernels.pointwise(call);
      }
      const [top, left] = [paddingBefore(H, outH, kernelH, step), paddingBefore(W, outW, kernelW, step)];
      if (padding === 'valid' && (top > 0 || left > 0)) refuse(step);
      const row = { x: x.place.offset, H, W, C, y: patches, kernelH, kernelW, outW, left: -left, stride };
      const calls = Array.from({ length: outH }, (_, oh) => ({
        patches: { ...row, top: oh * stride - top },
        product: {
          ...product,
          x: patches,
          P: outW,
          C: taps * C,
          y: y + oh * outW * K,
          residual: residual ? residual.place.offset + oh * outW * extra.R : -1,
        },
      }));
      return () => {
        for (const call of calls) {
          kernels.patches(call.patches);
          kernels.pointwise(call.product);
        }
      };
    }
    default:
      return refuse(step);
  }
}

/** Rows of zeros above the first, as TensorFlow's `SAME` shares them out: the odd one goes below. */
function paddingBefore(size: number, out: number, kernel: number, step: Step): number {
  const { strideH } = step.action as { strideH: number };
  if (out !== Math.ceil(size / strideH) && out !== Math.ceil((size - kernel + 1) / strideH)) refuse(step);
  return Math.max(0, (out - 1) * strideH + kernel - size) >> 1;
}

function constantsOf(
  step: Step,
  shape: readonly number[],
  K: number,
): { w: Float32Array; bias: Float32Array } {
  const [w, bias] = [step.weights, step.bias];
  if (!(w?.data instanceof Float32Array) || !(bias?.data instanceof Float32Array)) refuse(step);
  if (w.shape.join() !== shape.join() || bias.data.length !== K) refuse(step);
  return { w: w.data, bias: bias.data };
}

function refuse({ action, inputs, output, weights }: Step): never {
  const shapes = [...inputs.map(({ shape }) => shape), ...(weights ? [weights.shape] : [])];
  throw new FerError(
    `the model's graph cannot be run here: ${action.op} of ${shapes.map((shape) => shape.join('x')).join(' and ')} ` +
      `to ${output.shape.join('x')} is not of a kind that the face detectors have`,
  );
}
