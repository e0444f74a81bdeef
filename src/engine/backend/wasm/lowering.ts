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

/** How a call is to be lowered, beside what it says itself. */
export interface LoweringOptions {
  /** Convolutions by the definition, for comparisons. */
  readonly direct: boolean;
  /** Of a convolution: the batch norm that is done with its output pass, see `fuseNorms`. */
  readonly norm?: KernelArgs['batchNorm.evaluate'];
  /** Of a batch norm: the max pooling that is done with it, see `fusePools`. */
  readonly pool?: NormPool;
}
