import type { Call } from '../engine/kernels.ts';
import { HYPER } from '../engine/kernels.ts';
import { CallList } from '../engine/ops.ts';
import type { Parameters } from '../engine/parameters.ts';
import { type Tensor, tensor } from '../engine/tensor.ts';

export interface OptimizerOptions {
  readonly optimizer: 'sgd' | 'sgd_momentum' | 'sgd_nesterov';
  readonly momentum: number;
  readonly weight_decay: number;
}

/** An optimizer's memory on the device and the calls of one step. */
export interface Optimizer {
  /** What a checkpoint must hold beside the parameters, by name. */
  readonly state: ReadonlyMap<string, Tensor>;
  /** [HYPER.length] f64, written by `hyperValues`. */
  readonly hyper: Tensor;
  readonly calls: readonly Call[];
  /** The values of `hyper` at a learning rate. */
  hyperValues(lr: number): Float64Array;
}

/** The SGD family of PyTorch over the flat parameter buffer. */
export function createOptimizer(parameters: Parameters, options: OptimizerOptions): Optimizer {
  const velocity = tensor('velocity', parameters.values.shape, 'f32', 'persistent');
  const hyper = tensor('hyper', [HYPER.length], 'f64', 'persistent');
  const list = new CallList();
  list.emit('sgd', {
    param: parameters.values,
    grad: parameters.gradients,
    velocity,
    hyper,
    decay: true,
    nesterov: options.optimizer === 'sgd_nesterov',
  });
  const momentum = options.optimizer === 'sgd' ? 0 : options.momentum;
  return {
    state: new Map([['velocity', velocity]]),
    hyper,
    calls: list.calls,
    hyperValues(lr) {
      const values = new Float64Array(HYPER.length);
      values[HYPER.lr] = lr;
      values[HYPER.momentum] = momentum;
      values[HYPER.weightDecay] = options.weight_decay;
      return values;
    },
  };
}
