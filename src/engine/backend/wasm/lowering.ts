import type { KernelArgs } from '../../kernels.ts';
import type { Tensor } from '../../tensor.ts';

/** A batch norm whose outputs go into max pooling and nowhere else. */
export interface NormPool {
  /** The pooled values. */
  readonly y: Tensor;
  /** The gradient of the pooled values. */
  readonly dy: Tensor;
  /** Bytes: which of its four pixels a pooled value came from. */
  readonly codes: Tensor;
}

/** The update of a layer's weights that is done together with their gradient, which is not stored. */
export interface WeightUpdate {
  /** `param`, `grad` and `velocity` are those of these weights alone. */
  readonly sgd: KernelArgs['sgd'];
  /** Their moving average; none where null. */
  readonly average: Tensor | null;
}

/** How a call is to be lowered, beside what it says itself. */
export interface LoweringOptions {
  /** Convolutions by the definition, for comparisons. */
  readonly direct: boolean;
  /** Of a convolution: the batch norm that is done with its output pass, see `fuseNorms`. */
  readonly norm?: KernelArgs['batchNorm.evaluate'];
  /** Of a batch norm: the max pooling that is done with it, see `fusePools`. */
  readonly pool?: NormPool;
  /** Of the weight gradient of a linear layer: the update that is done with it, see `fuseUpdates`. */
  readonly update?: WeightUpdate;
}
