import { type Call, HYPER } from '../engine/kernels.ts';
import { CallList } from '../engine/ops.ts';
import { type ParameterGroup, Parameters } from '../engine/parameters.ts';
import { type Tensor, tensor, view } from '../engine/tensor.ts';

/**
 * What each optimizer takes where nothing is given. Steps of Adam and its kin have about the size of the
 * rate whatever the gradient, those of SGD the gradient's, so that no one rate suits all. Those of SGD with momentum are
 * what the released networks were trained with; the others are PyTorch's, and plain SGD lacks the factor of ten that a
 * momentum of 0.9 gives. ASGD keeps an average of its own.
 */
export const OPTIMIZER_DEFAULTS = {
  sgd: { lr: 0.1, weight_decay: 1e-4, eps: 1e-8, ema: 0.998 },
  sgd_momentum: { lr: 0.04, weight_decay: 5e-4, eps: 1e-8, ema: 0.998 },
  sgd_nesterov: { lr: 0.04, weight_decay: 5e-4, eps: 1e-8, ema: 0.998 },
  asgd: { lr: 0.1, weight_decay: 1e-4, eps: 1e-8, ema: 0 },
  adam: { lr: 1e-3, weight_decay: 1e-4, eps: 1e-8, ema: 0.998 },
  adam_amsgrad: { lr: 1e-3, weight_decay: 1e-4, eps: 1e-8, ema: 0.998 },
  adamw: { lr: 1e-3, weight_decay: 1e-2, eps: 1e-8, ema: 0.998 },
  adadelta: { lr: 1, weight_decay: 1e-4, eps: 1e-6, ema: 0.998 },
  adagrad: { lr: 0.01, weight_decay: 1e-4, eps: 1e-10, ema: 0.998 },
} as const;

export type OptimizerName = keyof typeof OPTIMIZER_DEFAULTS;

/** Parameters that weight decay can leave alone: those of batch norm, and the biases of other layers. */
export const UNDECAYED = ['norm', 'bias'] as const;

const KIND_NAMES = {
  weight: null,
  bias: 'bias',
  scale: 'norm',
  shift: 'norm',
} as const satisfies Record<ParameterGroup['kind'], (typeof UNDECAYED)[number] | null>;

export interface OptimizerOptions {
  readonly optimizer: OptimizerName;
  readonly momentum: number;
  readonly weight_decay: number;
  readonly no_decay: readonly (typeof UNDECAYED)[number][];
  readonly beta1: number;
  readonly beta2: number;
  readonly eps: number;
  readonly rho: number;
  readonly lr_decay: number;
  readonly asgd_lambd: number;
  readonly asgd_alpha: number;
  readonly asgd_t0: number;
  /** Share of an exponential moving average that a step keeps; 0: no such average. */
  readonly ema: number;
}

/** An optimizer's memory on the device and the calls of one step. */
export interface Optimizer {
  /** What a checkpoint must hold beside the parameters, by name. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** The average of parameters and running statistics that is to be used in their place, if one is kept. */
  readonly averaged: Parameters | undefined;
  /** [HYPER.length] f64, written by `hyperValues` before each step. */
  readonly hyper: Tensor;
  readonly calls: readonly Call[];
  /**
   * The values of `hyper` for one update.
   * @param t updates before it since the memory was empty
   */
  hyperValues(lr: number, t: number): Float64Array;
}

type Slots = Partial<Record<Exclude<keyof typeof HYPER, 'length'>, number>>;

/** What the calls of an optimizer work on: a run of parameters that share `decay`. */
interface Run {
  readonly param: Tensor;
  readonly grad: Tensor;
  readonly hyper: Tensor;
  readonly decay: boolean;
}

interface Rule<Memory extends string> {
  /** Tensors as long as the parameters, named as in PyTorch. */
  readonly memory: readonly Memory[];
  /** Whether the next step needs what is in them. */
  readonly remembers: boolean;
  readonly averages: boolean;
  emit(list: CallList, run: Run, memory: Readonly<Record<Memory, Tensor>>): void;
  slots(options: OptimizerOptions, lr: number, t: number): Slots;
}

const sgd = (momentum: (options: OptimizerOptions) => number, nesterov: boolean): Rule<'velocity'> => ({
  memory: ['velocity'],
  remembers: true,
  averages: false,
  emit: (list, run, { velocity }) => list.emit('sgd', { ...run, velocity, nesterov }),
  slots: (options, lr) => ({ lr, momentum: momentum(options), weightDecay: options.weight_decay }),
});

const plain: Rule<'velocity'> = { ...sgd(() => 0, false), remembers: false };

const adam: Rule<'exp_avg' | 'exp_avg_sq'> = {
  memory: ['exp_avg', 'exp_avg_sq'],
  remembers: true,
  averages: false,
  emit: (list, run, { exp_avg: mean, exp_avg_sq: square }) => list.emit('adam', { ...run, mean, square }),
  slots: ({ beta1, beta2, eps, weight_decay }, lr, t) => ({
    // Both averages start at zero; what they lack after so many steps is made up for here.
    lr: lr / (1 - beta1 ** (t + 1)),
    rootScale: 1 / Math.sqrt(1 - beta2 ** (t + 1)),
    momentum: beta1,
    meanShare: 1 - beta1,
    squareDecay: beta2,
    squareShare: 1 - beta2,
    eps,
    weightDecay: weight_decay,
  }),
};

const RULES: { readonly [Name in OptimizerName]: Rule<string> } = {
  sgd: plain,
  sgd_momentum: sgd(({ momentum }) => momentum, false),
  sgd_nesterov: sgd(({ momentum }) => momentum, true),

  // Polyak & Juditsky, SIAM J. Control Optim. 30, 1992. PyTorch shrinks the parameters by eta·lambd, which is
  // a weight decay of lambd, and keeps eta and the average's share in float32. Its eta follows a changed
  // learning rate one step late; here it does so at once.
  asgd: {
    ...plain,
    averages: true,
    slots: ({ weight_decay, asgd_lambd, asgd_alpha, asgd_t0 }, lr, t) => ({
      lr: Math.fround(lr / (1 + asgd_lambd * lr * t) ** asgd_alpha),
      momentum: 0,
      weightDecay: weight_decay,
      decayAll: asgd_lambd,
      average: Math.fround(1 / Math.max(1, t - asgd_t0)),
    }),
  },

  adam,
  adam_amsgrad: {
    ...adam,
    memory: [...adam.memory, 'max_exp_avg_sq'],
    emit: (list, run, { exp_avg: mean, exp_avg_sq: square, max_exp_avg_sq: maximum }) =>
      list.emit('amsgrad', { ...run, mean, square, maximum }),
  },
  adamw: {
    ...adam,
    slots: (options, lr, t) => ({
      ...adam.slots(options, lr, t),
      weightDecay: 0,
      shrink: lr * options.weight_decay,
    }),
  },

  adadelta: {
    memory: ['square_avg', 'acc_delta'],
    remembers: true,
    averages: false,
    emit: (list, run, { square_avg: square, acc_delta: delta }) =>
      list.emit('adadelta', { ...run, square, delta }),
    slots: ({ rho, eps, weight_decay }, lr) => ({
      lr,
      squareDecay: rho,
      squareShare: 1 - rho,
      eps,
      weightDecay: weight_decay,
    }),
  },
  adagrad: {
    memory: ['sum'],
    remembers: true,
    averages: false,
    emit: (list, run, { sum }) => list.emit('adagrad', { ...run, sum }),
    slots: ({ lr_decay, eps, weight_decay }, lr, t) => ({
      lr: lr / (1 + t * lr_decay),
      eps,
      weightDecay: weight_decay,
    }),
  },
};

/** The optimizers of PyTorch 1.13 over the flat parameter buffer. */
export function createOptimizer(parameters: Parameters, options: OptimizerOptions): Optimizer {
  const rule = RULES[options.optimizer];
  const { values, gradients, statistics } = parameters;
  const memory = rule.memory.map((name): [string, Tensor] => [
    name,
    tensor(name, values.shape, 'f32', 'persistent'),
  ]);
  const hyper = tensor('hyper', [HYPER.length], 'f64', 'persistent');
  const list = new CallList();
  for (const { offset, length, decay } of decayRuns(parameters.groups, options.no_decay)) {
    const part = (of: Tensor): Tensor => view(of, offset, [length]);
    const parts = Object.fromEntries(memory.map(([name, of]) => [name, part(of)]));
    rule.emit(list, { param: part(values), grad: part(gradients), hyper, decay }, parts);
  }
  const averaged = rule.averages || options.ema > 0 ? new Parameters(parameters.graph) : undefined;
  if (averaged) {
    list.emit('average', { value: values, average: averaged.values, hyper });
    list.emit('average', { value: statistics, average: averaged.statistics, hyper });
  }
  return {
    state: new Map(rule.remembers ? memory : []),
    averaged,
    hyper,
    calls: list.calls,
    hyperValues(lr, t) {
      const slots = new Float64Array(HYPER.length);
      const values: Slots = { average: emaShare(options.ema, t), ...rule.slots(options, lr, t) };
      for (const [name, value] of Object.entries(values)) {
        slots[HYPER[name as keyof Slots]] = value;
      }
      return slots;
    },
  };
}

/**
 * How far an exponential moving average moves towards the weights after `t` earlier updates. It follows them
 * closely at first, as TensorFlow's does (`num_updates`): the weights it starts from mean nothing.
 */
function emaShare(ema: number, t: number): number {
  return 1 - Math.min(ema, (1 + t) / (10 + t));
}

interface DecayRun {
  readonly offset: number;
  readonly length: number;
  readonly decay: boolean;
}

/** Neighbouring groups of parameters that are treated alike. */
function decayRuns(
  groups: readonly ParameterGroup[],
  without: OptimizerOptions['no_decay'],
): readonly DecayRun[] {
  const runs: DecayRun[] = [];
  for (const { kind, offset, length } of groups) {
    const name = KIND_NAMES[kind];
    const decay = name === null || !without.includes(name);
    const last = runs.at(-1);
    if (last?.decay === decay) runs[runs.length - 1] = { ...last, length: last.length + length };
    else runs.push({ offset, length, decay });
  }
  return runs;
}
