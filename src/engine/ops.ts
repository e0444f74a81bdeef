import { type Call, call, type KernelArgs, type KernelName } from './kernels.ts';
import type { Tensor } from './tensor.ts';

/** A shape without the batch: [H, W, C] of images or [F] of features. */
export type Shape = readonly number[];

/** What each op of a network is told besides its inputs. */
export interface OpAttributes {
  input: { shape: Shape };
  conv3x3: { name: string; channels: number };
  batchNorm: { name: string; relu: boolean };
  maxPool2: Record<never, never>;
  flatten: Record<never, never>;
  linear: { name: string; features: number };
  relu: Record<never, never>;
  dropout: { p: number; layer: number };
  add: Record<never, never>;
}
export type OpName = keyof OpAttributes;

/** `kind` decides weight decay and initialisation. */
export interface ParameterSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly kind: 'weight' | 'bias' | 'scale' | 'shift';
  /** Inputs of one output, for PyTorch's default initialisation. */
  readonly fanIn: number;
}

/** A value learnt by counting, not by gradient: batch norm's running mean and variance. */
export interface StatisticSpec {
  readonly name: string;
  readonly shape: Shape;
  readonly initial: number;
}

/** What an op's rules see of the program being compiled. Tensors carry the batch in front. */
export interface OpContext<Name extends OpName> {
  readonly attributes: OpAttributes[Name];
  readonly training: boolean;
  /** Whether running statistics move in training. */
  readonly countStatistics: boolean;
  readonly x: Tensor;
  readonly inputs: readonly Tensor[];
  readonly y: Tensor;
  /** Backward only: the gradient of y. */
  readonly dy: Tensor;
  /** Backward only: where the gradient of input i goes; undefined where nobody needs it. */
  dx(i: number): Tensor | undefined;
  readonly step: Tensor;
  parameter(name: string): Tensor;
  /** Undefined where parameter gradients were not asked for. */
  gradient(name: string): Tensor | undefined;
  statistic(name: string): Tensor;
  /** A value that the forward pass leaves for the backward pass. */
  saved(key: string, shape: readonly number[]): Tensor;
  emit<Kernel extends KernelName>(kernel: Kernel, args: KernelArgs[Kernel]): void;
}

export interface OpRule<Name extends OpName> {
  shape(inputs: readonly Shape[], attributes: OpAttributes[Name]): Shape;
  parameters?(input: Shape, attributes: OpAttributes[Name]): readonly ParameterSpec[];
  statistics?(input: Shape, attributes: OpAttributes[Name]): readonly StatisticSpec[];
  forward(context: OpContext<Name>): void;
  backward(context: OpContext<Name>): void;
}

/** PyTorch's defaults of BatchNorm2d. */
export const BATCH_NORM = { eps: 1e-5, momentum: 0.1 } as const;

const nothing = (): void => {};

/** One row an op: shape rule, parameters, forward and backward. */
export const OPS: { readonly [Name in OpName]: OpRule<Name> } = {
  input: { shape: (_, { shape }) => shape, forward: nothing, backward: nothing },

  conv3x3: {
    shape: ([[H, W]], { channels }) => [H, W, channels],
    parameters: ([, , C], { name, channels }) => [
      { name: `${name}.weight`, shape: [channels, C, 3, 3], kind: 'weight', fanIn: 9 * C },
      { name: `${name}.bias`, shape: [channels], kind: 'bias', fanIn: 9 * C },
    ],
    forward: ({ attributes: { name }, x, y, parameter, emit }) =>
      emit('conv3x3.forward', { x, w: parameter(`${name}.weight`), b: parameter(`${name}.bias`), y }),
    backward({ attributes: { name }, x, dy, dx, parameter, gradient, emit }) {
      const dw = gradient(`${name}.weight`);
      const db = gradient(`${name}.bias`);
      if (dw && db) emit('conv3x3.backwardWeight', { x, dy, dw, db });
      const into = dx(0);
      if (into) emit('conv3x3.backwardInput', { dy, w: parameter(`${name}.weight`), dx: into });
    },
  },

  batchNorm: {
    shape: ([input]) => input,
    parameters: ([, , C], { name }) => [
      { name: `${name}.weight`, shape: [C], kind: 'scale', fanIn: 1 },
      { name: `${name}.bias`, shape: [C], kind: 'shift', fanIn: 1 },
    ],
    statistics: ([, , C], { name }) => [
      { name: `${name}.running_mean`, shape: [C], initial: 0 },
      { name: `${name}.running_var`, shape: [C], initial: 1 },
    ],
    forward({
      attributes: { name, relu },
      training,
      countStatistics,
      x,
      y,
      parameter,
      statistic,
      saved,
      emit,
    }) {
      const operands = {
        x,
        gamma: parameter(`${name}.weight`),
        beta: parameter(`${name}.bias`),
        runningMean: statistic(`${name}.running_mean`),
        runningVar: statistic(`${name}.running_var`),
        saved: saved('saved', [2, x.shape[3]]),
        y,
        eps: BATCH_NORM.eps,
        relu,
      };
      const momentum = countStatistics ? BATCH_NORM.momentum : 0;
      if (training) emit('batchNorm.forward', { ...operands, momentum });
      else emit('batchNorm.evaluate', operands);
    },
    backward({ attributes: { name, relu }, training, x, dy, dx, parameter, gradient, saved, emit }) {
      // Nobody may want dx, but dy can also be another branch's gradient: it is not written over.
      const into = dx(0) ?? saved('unwanted', x.shape);
      const gamma = parameter(`${name}.weight`);
      const beta = parameter(`${name}.bias`);
      const stored = saved('saved', [2, x.shape[3]]);
      const dgamma = gradient(`${name}.weight`);
      const dbeta = gradient(`${name}.bias`);
      if (training) {
        if (!dgamma || !dbeta) throw new Error('batch norm in training mode needs parameter gradients');
        emit('batchNorm.backward', { x, gamma, beta, saved: stored, dy, dx: into, dgamma, dbeta, relu });
      } else {
        if (dgamma) throw new Error('parameter gradients are of the training mode only');
        emit('batchNorm.evaluateBackward', { x, gamma, beta, saved: stored, dy, dx: into, relu });
      }
    },
  },

  maxPool2: {
    shape: ([[H, W, C]]) => [H >> 1, W >> 1, C],
    forward: ({ x, y, emit }) => emit('maxPool2.forward', { x, y }),
    backward({ x, dy, dx, emit }) {
      const into = dx(0);
      if (into) emit('maxPool2.backward', { x, dy, dx: into });
    },
  },

  flatten: {
    shape: ([[H, W, C]]) => [H * W * C],
    forward: ({ x, y, emit }) => emit('flatten.forward', { x, y }),
    backward({ dy, dx, emit }) {
      const into = dx(0);
      if (into) emit('flatten.backward', { dy, dx: into });
    },
  },

  linear: {
    shape: (_, { features }) => [features],
    parameters: ([I], { name, features }) => [
      { name: `${name}.weight`, shape: [features, I], kind: 'weight', fanIn: I },
      { name: `${name}.bias`, shape: [features], kind: 'bias', fanIn: I },
    ],
    forward: ({ attributes: { name }, x, y, parameter, emit }) =>
      emit('linear.forward', { x, w: parameter(`${name}.weight`), b: parameter(`${name}.bias`), y }),
    backward({ attributes: { name }, x, dy, dx, parameter, gradient, emit }) {
      // First what reads the weights: with their gradient at hand, a backend may update them.
      const into = dx(0);
      if (into) emit('linear.backwardInput', { dy, w: parameter(`${name}.weight`), dx: into });
      const dw = gradient(`${name}.weight`);
      const db = gradient(`${name}.bias`);
      if (dw && db) emit('linear.backwardWeight', { x, dy, dw, db });
    },
  },

  relu: {
    shape: ([input]) => input,
    forward: ({ x, y, emit }) => emit('relu.forward', { x, y }),
    backward({ y, dy, dx, emit }) {
      const into = dx(0);
      if (into) emit('relu.backward', { y, dy, dx: into });
    },
  },

  dropout: {
    shape: ([input]) => input,
    forward: ({ attributes: { p, layer }, x, y, step, emit }) =>
      emit('dropout.forward', { x, y, step, p, layer }),
    backward({ attributes: { p, layer }, dy, dx, step, emit }) {
      const into = dx(0);
      if (into) emit('dropout.backward', { dy, dx: into, step, p, layer });
    },
  },

  add: {
    shape: ([input]) => input,
    forward: ({ inputs: [a, b], y, emit }) => emit('add', { a, b, y }),
    // The compiler hands dy on to both inputs: see `CompiledNetwork.backward`.
    backward: nothing,
  },
};

/** The calls an op list emits, in order. */
export class CallList {
  readonly calls: Call[] = [];

  emit = <Kernel extends KernelName>(kernel: Kernel, args: KernelArgs[Kernel]): void => {
    this.calls.push(call(kernel, args));
  };
}
