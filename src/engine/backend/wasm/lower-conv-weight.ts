import type { KernelArgs } from '../../kernels.ts';
import {
  convolutionKind,
  GROUP_TILES,
  inPieces,
  PATCHES,
  planeFloats,
  tilesOf,
  tilingFor,
} from './conv-choice.ts';
import type { EntryList } from './entry.ts';
import * as CODE from './kernels/codes.ts';
import type { LoweringOptions } from './lowering.ts';

/** Transformed gradients larger than this are made and used up in squares. */
const SQUARE_BYTES = 16 << 20;
/** As in kernels/winogradGradient.ts. */
const SQUARE = 64;
/** Tiles transformed between two products of the weight gradient. */
const CHUNK_TILES = 512;
/** Parts of a sum over images: fixed, so that the result does not depend on the threads. */
const SPLITS = 8;

export function lowerBackwardWeight(
  { x, dy, dw, db }: KernelArgs['conv3x3.backwardWeight'],
  list: EntryList,
  options: LoweringOptions,
): void {
  const [N, H, W, C] = x.shape;
  const K = dy.shape[3];
  const kind = convolutionKind({ C, K, ...options });
  const splits = Math.min(SPLITS, N);
  if (kind === 'first') {
    const parts = list.temporary('parts', splits * 10 * K);
    list.push('conv.first.dw', CODE.FIRST_GRADIENT, splits, [x, dy, parts, H, W, K, N, splits], {
      scratch: 3 * (W + 2) * 4,
      multiplications: N * H * W * 9 * K,
    });
    list.push('conv.first.dw.sum', CODE.FIRST_GRADIENT_SUM, 1, [parts, dw, db, K, splits]);
    return;
  }
  if (kind === 'direct') {
    const parts = list.temporary('parts', splits * 9 * C * K);
    list.push('conv.direct.dw', CODE.DIRECT_GRADIENT, splits, [x, dy, parts, H, W, C, K, N, splits], {
      scratch: 3 * (W + 2) * C * 4,
      multiplications: N * H * W * 9 * C * K,
    });
    list.push('conv.direct.dw.sum', CODE.DIRECT_GRADIENT_SUM, K, [parts, dw, C, K, splits]);
    list.push('conv.direct.db', CODE.COLUMN_SUMS, K / 8, [dy, db, N * H * W, K, 8]);
    return;
  }
  const tiling = tilingFor(H, W);
  const { points, code } = tiling;
  const tiles = tilesOf(tiling, N, H, W);
  const inSquares = inPieces({ C, K, points, tiles }, SQUARE_BYTES);
  const chunk = inSquares ? tiles : Math.min(CHUNK_TILES, tiles);
  const v = list.temporary('V', points * planeFloats(chunk * C));
  const d = list.temporary('D', points * planeFloats(chunk * K));
  const transform = (first: number, count: number): void =>
    list.push(
      'winograd.dw.transform',
      code + CODE.WINOGRAD_GRADIENT_TRANSFORM,
      Math.ceil(count / GROUP_TILES),
      [x, dy, v, d, H, W, C, K, first, count, GROUP_TILES, chunk],
      { scratch: PATCHES },
    );
  if (inSquares) {
    transform(0, tiles);
    const items = Math.ceil(C / SQUARE) * Math.ceil(K / SQUARE);
    list.push(
      'winograd.dw.square',
      code + CODE.WINOGRAD_GRADIENT_SQUARE,
      items,
      [v, d, dw, db, C, K, tiles],
      {
        scratch: PATCHES + points * planeFloats(SQUARE * SQUARE) * 4,
        multiplications: points * tiles * C * K,
      },
    );
    return;
  }
  const du = list.temporary('dU', points * planeFloats(C * K));
  // A slice of the channels keeps an item short where there are few points a thread.
  const slices = C % 128 === 0 ? C / 128 : 1;
  for (let first = 0; first < tiles; first += chunk) {
    const count = Math.min(chunk, tiles - first);
    transform(first, count);
    list.push(
      'winograd.dw.gemm',
      code + CODE.WINOGRAD_GRADIENT_GEMM,
      points * slices,
      [v, d, du, db, C, K, count, chunk, first > 0 ? 1 : 0, slices],
      { multiplications: points * count * C * K },
    );
  }
  const outputSlices = C % 32 === 0 ? C / 32 : 1;
  const outputItems = Math.ceil(K / 16) * outputSlices;
  list.push(
    'winograd.dw.output',
    code + CODE.WINOGRAD_GRADIENT_OUTPUT,
    outputItems,
    [du, dw, C, K, outputSlices],
    {
      scratch: PATCHES,
    },
  );
}
