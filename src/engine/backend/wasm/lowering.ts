import type { KernelArgs } from '../../kernels.ts';
import type { Tensor } from '../../tensor.ts';

/** Pixels of a block of batch norm's statistics: small enough for the first cache, and fixed. */
export const NORM_BLOCK = 128;

/** Mean and centred sum of squares of each block and channel: [blocks, 2, C] of x [N, H, W, C]. */
export function statisticsShape({ shape: [N, H, W, C] }: Tensor): number[] {
  return [Math.ceil((N * H * W) / NORM_BLOCK), 2, C];
}

/** Samples of a register tile of kernels/dots.ts. */
export const DOT_SAMPLES = 5;

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
  /**
   * Of a convolution and of the training batch norm behind it: what `norm.statistics` leaves, made with the convolution's
   * output pass as far as it can be, see `fuseStatistics`.
   */
  readonly statistics?: Tensor;
  /** Of a batch norm: the max pooling that is done with it, see `fusePools`. */
  readonly pool?: NormPool;
  /** Of the weight gradient of a linear layer: the update that is done with it, see `fuseUpdates`. */
  readonly update?: WeightUpdate;
}
