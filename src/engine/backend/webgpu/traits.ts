import type { TileName } from './kernels/gemm.ts';

/**
 * What the choice of kernels may look at, each a property that an adapter states: never its name.
 */
export interface Traits {
  /** Large register tiles: 256 threads a workgroup and 16 KiB of its memory for the two operands of a product. */
  readonly largeTiles: boolean;
  /** The same for matrix units: 256 threads a workgroup, and 24 KiB for operands and sums. */
  readonly largeMatrixTiles: boolean;
  /** Units that multiply matrices of 16-bit floats and add up in 32 bits; null where there are none. */
  readonly matrices: MatrixUnit | null;
  /** A clock in the queue, for profiles. */
  readonly timestamps: boolean;
  /** The most bytes of a buffer that a kernel can see at once. */
  readonly bindingBytes: number;
}

/** A product of a subgroup, [M, K] by [K, N], and the threads of a subgroup. */
export interface MatrixUnit {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly lanes: number;
}

/** What tests and comparisons force; nothing is forced where it is not given. */
export interface LoweringOptions {
  /** The tile of all products. */
  readonly tile?: TileName;
  /** Convolutions by the definition instead of Winograd. */
  readonly direct?: boolean;
  /** Values between kernels as 16-bit floats, and the matrix units where there are some: see `mixedPrecision`. */
  readonly mixed?: boolean;
  /** Products without matrix units, though there are some. */
  readonly withoutMatrices?: boolean;
  /** The most bytes of a buffer of transformed tiles: smaller ones cut a convolution into more pieces. */
  readonly chunkBytes?: number;
}

/** Storage as 16-bit floats. */
export const HALVES = 'shader-f16';
/** What matrix units need; the last is still an experiment of Dawn's. */
export const MATRIX_FEATURES = [HALVES, 'subgroups', 'chromium-experimental-subgroup-matrix'] as const;

/** What an adapter says of its matrix units, not yet in the types of WebGPU. */
interface MatrixConfig {
  readonly componentType: string;
  readonly resultComponentType: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
}

/** Sides that the tiles of a product are made of. */
const MATRIX_SIDES = [8, 16];

/** The largest unit from 16-bit floats to 32-bit sums, if all subgroups have one size. */
function matrixUnit(info: GPUAdapterInfo): MatrixUnit | null {
  const {
    subgroupMinSize,
    subgroupMaxSize,
    subgroupMatrixConfigs = [],
  } = info as GPUAdapterInfo & {
    readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
  };
  if (!subgroupMinSize || subgroupMinSize !== subgroupMaxSize) return null;
  const [best] = [...subgroupMatrixConfigs]
    .filter(
      ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
    )
    .filter(({ M, N, K }) => [M, N, K].every((side) => MATRIX_SIDES.includes(side)))
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return best ? { M: best.M, N: best.N, K: best.K, lanes: subgroupMinSize } : null;
}

/** The traits of an adapter with these limits and features. */
export function traitsOf(
  limits: GPUSupportedLimits,
  features: ReadonlySet<string>,
  info: GPUAdapterInfo,
): Traits {
  const threads = limits.maxComputeInvocationsPerWorkgroup;
  const bytes = limits.maxComputeWorkgroupStorageSize;
  return {
    largeTiles: threads >= 256 && bytes >= 16384,
    largeMatrixTiles: threads >= 256 && bytes >= 24576,
    matrices: MATRIX_FEATURES.every((feature) => features.has(feature)) ? matrixUnit(info) : null,
    timestamps: features.has('timestamp-query'),
    // Kernels count in 32 bits.
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, 2 ** 32 - 4),
  };
}
