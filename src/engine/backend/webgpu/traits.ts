import type { TileName } from './kernels/gemm.ts';

/**
 * What the choice of kernels may look at, each a property that an adapter states: never its name.
 */
export interface Traits {
  /** Large register tiles: 256 threads a workgroup and 16 KiB of its memory for the two operands of a product. */
  readonly largeTiles: boolean;
  /** A clock in the queue, for profiles. */
  readonly timestamps: boolean;
  /** The most bytes of a buffer that a kernel can see at once. */
  readonly bindingBytes: number;
}

/** What tests and comparisons force; nothing is forced where it is not given. */
export interface LoweringOptions {
  /** The tile of all products. */
  readonly tile?: TileName;
  /** Convolutions by the definition instead of Winograd. */
  readonly direct?: boolean;
  /** The most bytes of a buffer of transformed tiles: smaller ones cut a convolution into more pieces. */
  readonly chunkBytes?: number;
}

/** The traits of an adapter with these limits and features. */
export function traitsOf(limits: GPUSupportedLimits, features: ReadonlySet<string>): Traits {
  return {
    largeTiles:
      limits.maxComputeInvocationsPerWorkgroup >= 256 && limits.maxComputeWorkgroupStorageSize >= 16384,
    timestamps: features.has('timestamp-query'),
    // Kernels count in 32 bits.
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, 2 ** 32 - 4),
  };
}
