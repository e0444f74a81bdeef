/** Which algorithm a convolution takes, in which tiles, and whether a piece at a time. */
import { FerError } from '../../../errors.ts';
import * as CODE from './kernels/codes.ts';

/**
 * Winograd's tiles: outputs of a side, points, and what tells their kernels. F(5, 3) tiles 40, 20, 10 and 5 exactly; the
 * others waste less of some small maps, such as 12 and 6.
 */
export const TILINGS = [
  { m: 5, points: 49, code: 0 },
  { m: 4, points: 36, code: CODE.TILES_OF_4 },
  { m: 3, points: 25, code: CODE.TILES_OF_3 },
] as const;
export type Tiling = (typeof TILINGS)[number];
/** Most points of a tile. */
const MOST_POINTS = 49;
/** Tiles that an item of the weight gradient's transform takes. */
export const GROUP_TILES = 8;
/** Most bytes of channels that a transform takes at a time: VECTOR of the wide build in kernels/tiles.ts. */
export const VECTOR = 32;
/** Bytes of the constants of the transforms, at most. */
export const CONSTANTS = 256;
/** Bytes of the two patches that a transform works in, of its constants, and of the places of a group of tiles. */
export const PATCHES = 2 * MOST_POINTS * VECTOR + CONSTANTS + GROUP_TILES * 16;
/** Tiles up to which all of them are transformed at once, so that a kernel can be taken in pieces. */
const MOST_TILES = 1024;
/** Pixels up to which the definition is faster than making Winograd's kernels: tried with two maps of 5x5. */
const FEW_PIXELS = 50;

/**
 * Which algorithm a convolution takes: the only place that decides it. `direct` forces the definition,
 * for comparisons.
 *
 * @param pixels of all images together: matters for outputs and input gradients, not for weight gradients
 */
export function convolutionKind({
  C,
  K,
  direct,
  pixels = Number.POSITIVE_INFINITY,
}: {
  C: number;
  K: number;
  direct: boolean;
  pixels?: number;
}): 'first' | 'winograd' | 'patches' | 'direct' {
  const oneChannel = C === 1;
  const fewPixels = pixels <= FEW_PIXELS;
  const fillsLanes = K % 4 === 0;
  const fillsTiles = C % 8 === 0 && K % 8 === 0;
  if (oneChannel && fillsLanes) return 'first';
  if (fillsTiles) return direct ? 'direct' : fewPixels ? 'patches' : 'winograd';
  throw new FerError(
    `a convolution from ${C} to ${K} channels does not fit the wasm kernels: ` +
      'use multiples of 8 (a first layer from 1 channel: a multiple of 4), or device=reference',
  );
}

export const tilesOf = ({ m }: Tiling, N: number, H: number, W: number): number =>
  N * Math.ceil(H / m) * Math.ceil(W / m);

/** The tiles with the fewest multiplications for maps of H by W, of several the largest. */
export function tilingFor(H: number, W: number): Tiling {
  const products = (tiling: Tiling): number => tilesOf(tiling, 1, H, W) * tiling.points;
  return TILINGS.reduce((best, tiling) => (products(tiling) < products(best) ? tiling : best));
}

/**
 * Whether a transformed kernel is made or used up a piece at a time, so that it stays in the cache while the
 * tiles go through memory: worth it where the kernel is the larger of the two.
 */
export function inPieces(
  { C, K, points, tiles }: { C: number; K: number; points: number; tiles: number },
  bytes: number,
): boolean {
  const largeKernel = points * K * C * 4 > bytes;
  const fewTiles = tiles <= MOST_TILES;
  return largeKernel && fewTiles;
}

/** Floats from one point's data to the next: an odd number of cache lines, as in kernels/winogradTile.ts. */
export function planeFloats(floats: number): number {
  return (Math.ceil(floats / 16) | 1) * 16;
}
