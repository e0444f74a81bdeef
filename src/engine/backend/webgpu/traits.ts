import type { MatrixTileName, TileName } from './kernels/tiles.ts';

/**
 * What the choice of kernels may look at, each a property that an adapter states: never its name.
 */
export interface Traits {
  /** Large register tiles: 256 threads a workgroup and 16 KiB of its memory for the two operands of a product. */
  readonly largeTiles: boolean;
  /** The same for matrix units: 256 threads a workgroup, and 24 KiB for operands and sums. */
  readonly largeMatrixTiles: boolean;
  /** Threads of a subgroup, which add up without workgroup memory; null where their number may differ, or there are none. */
  readonly subgroup: number | null;
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
export interface GpuLoweringOptions {
  /** The tile of all products. */
  readonly tile?: TileName;
  /** The tile of all products on matrix units. */
  readonly matrixTile?: MatrixTileName;
  /** Convolutions by the definition instead of Winograd. */
  readonly direct?: boolean;
  /** Values between kernels as 16-bit floats, and the matrix units where there are some: see `mixedPrecision`. */
  readonly mixed?: boolean;
  /** Products without matrix units, though there are some. */
  readonly withoutMatrices?: boolean;
  /** Sums among threads without subgroups, though there are some. */
  readonly withoutSubgroups?: boolean;
  /** The most bytes of a buffer of transformed tiles: smaller ones cut a convolution into more pieces. */
  readonly chunkBytes?: number;
}

/** Storage as 16-bit floats. */
export const HALVES = 'shader-f16';
/** Operations among the threads of a subgroup, and what they need of WGSL: its number in the workgroup. */
export const SUBGROUPS = 'subgroups';
const SUBGROUP_ID = 'subgroup_id';
/** What matrix units need; the last is still an experiment of Dawn's. */
export const MATRIX_FEATURES = [HALVES, SUBGROUPS, 'chromium-experimental-subgroup-matrix'] as const;

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

/** The size of all subgroups, if there is one. */
function subgroupSize({ subgroupMinSize, subgroupMaxSize }: GPUAdapterInfo): number | null {
  return subgroupMinSize && subgroupMinSize === subgroupMaxSize ? subgroupMinSize : null;
}

/** The largest unit from 16-bit floats to 32-bit sums. */
function matrixUnit(info: GPUAdapterInfo, lanes: number): MatrixUnit | null {
  const { subgroupMatrixConfigs = [] } = info as GPUAdapterInfo & {
    readonly subgroupMatrixConfigs?: Iterable<MatrixConfig>;
  };
  const [best] = [...subgroupMatrixConfigs]
    .filter(
      ({ componentType, resultComponentType }) => componentType === 'f16' && resultComponentType === 'f32',
    )
    .filter(({ M, N, K }) => [M, N, K].every((side) => MATRIX_SIDES.includes(side)))
    .sort((a, b) => b.M * b.N * b.K - a.M * a.N * a.K);
  return best ? { M: best.M, N: best.N, K: best.K, lanes } : null;
}

/** The traits of an adapter with these limits and features, and of its WGSL. */
export function traitsOf(
  limits: GPUSupportedLimits,
  features: ReadonlySet<string>,
  info: GPUAdapterInfo,
  language: ReadonlySet<string>,
): Traits {
  const subgroup = features.has(SUBGROUPS) && language.has(SUBGROUP_ID) ? subgroupSize(info) : null;
  const hasMatrices = MATRIX_FEATURES.every((feature) => features.has(feature));
  const threads = limits.maxComputeInvocationsPerWorkgroup;
  const bytes = limits.maxComputeWorkgroupStorageSize;
  return {
    largeTiles: threads >= 256 && bytes >= 16384,
    largeMatrixTiles: threads >= 256 && bytes >= 24576,
    subgroup,
    matrices: hasMatrices && subgroup !== null ? matrixUnit(info, subgroup) : null,
    timestamps: features.has('timestamp-query'),
    // Kernels count in 32 bits.
    bindingBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize, 2 ** 32 - 4),
  };
}

/** The matrix units that products are computed on, if any. */
export function matricesOf(
  { matrices }: Pick<Traits, 'matrices'>,
  { mixed, withoutMatrices }: GpuLoweringOptions,
): MatrixUnit | null {
  return mixed && !withoutMatrices ? matrices : null;
}
