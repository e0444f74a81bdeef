import type { KernelArgs } from '../../kernels.ts';
import { sizeOf, type Tensor } from '../../tensor.ts';
import {
  convolutionKind,
  inPieces,
  PATCHES,
  planeFloats,
  type Tiling,
  tilesOf,
  tilingFor,
  VECTOR,
} from './conv-choice.ts';
import { type EntryList, F32 } from './entry.ts';
import * as CODE from './kernels/codes.ts';
import { DOT_SAMPLES, type LoweringOptions, NORM_BLOCK, statisticsShape } from './lowering.ts';

/** Tiles whose transformed data lie together: the rows of a register tile. */
const ROWS = 4;
/**
 * Bytes of the tiles of a block of the output pass, which should stay in the second cache; where a larger kernel
 * is read anew for every block, blocks must be large enough to pay for that.
 */
const BLOCK_BYTES = 640 << 10;
const LARGER_KERNEL = { bytes: 2 << 20, blockBytes: 1280 << 10 } as const;
/** Blocks are whole pairs of register tiles, and several, so that threads share few tiles evenly. */
const BLOCK_TILES = { multiple: 8, streaming: 32 } as const;
const LEAST_BLOCKS = 8;
/** Transformed kernels larger than this are made and used up in pieces: panels of 8 outputs. */
const PANEL_BYTES = 8 << 20;
/** And smaller ones where so few tiles could not share the work otherwise. */
const FEW = { tiles: 64, panelBytes: 4 << 20, panelTiles: 8 } as const;
/** Tiles whose products an item holds, and most inputs of its kernels: so many panels of 8, or fewer of several. */
const PANEL_TILES = 256;
const PANEL_INPUTS = 512;
/** Outputs of an item of the dot products. */
const DOT_BLOCK = 32;
/** Rows of images that an item of the first layer takes, at most. */
const FIRST_ROWS = 8;

/**
 * How many panels of 8 outputs an item takes: more of them read V fewer times, as long as their kernels fit. Where V is
 * small that saves nothing, and one panel's kernels stay in a second cache of half a megabyte.
 */
function panelsOf(inputs: number, outputs: number, tiles: number): number {
  if (tiles <= FEW.panelTiles) return 1;
  return [4, 2].find((panels) => outputs % (8 * panels) === 0 && inputs <= PANEL_INPUTS / panels) ?? 1;
}

/** Scale and shift [2, C] of a batch norm with fixed statistics. */
export function fixedAffine(
  { gamma, beta, runningMean, runningVar, saved, eps }: KernelArgs['batchNorm.evaluate'],
  list: EntryList,
): Tensor {
  const [C] = gamma.shape;
  return list.derive({
    name: `affine ${eps}`,
    floats: 2 * C,
    sources: [gamma, beta, runningMean, runningVar],
    fill(into, affine) {
      // Mean and deviation are for the backward pass, which has no program with fixed weights.
      const statistics = into === list ? saved : into.temporary('saved', 2 * C);
      into.push('norm.fixed', CODE.NORM_FIXED, C, [
        ...[null, statistics, gamma, beta, runningMean, runningVar, affine, 0, C, 0],
        ...[new F32(eps), new F32(0)],
      ]);
    },
  });
}

/** What an output pass does to each output before it is stored. */
interface Finish {
  readonly bias: Tensor | null;
  readonly affine: Tensor | null;
  readonly relu: 0 | 1;
  /** Takes the statistics of the outputs, if wanted. */
  readonly parts: Tensor | null;
}

export function lowerForward(
  { x, w, b, y: plain }: KernelArgs['conv3x3.forward'],
  list: EntryList,
  options: LoweringOptions,
): void {
  const [N, H, W, C] = x.shape;
  const K = w.shape[0];
  const { norm } = options;
  const affine = norm ? fixedAffine(norm, list) : null;
  const y = norm?.y ?? plain;
  const relu = norm?.relu ? 1 : 0;
  const parts = options.statistics ?? null;
  if (convolutionKind({ C, K, ...options }) === 'first') {
    const rows = firstRows(N * H, W, parts !== null);
    const items = Math.ceil((N * H) / rows);
    list.push(
      'conv.first',
      CODE.FIRST_CONV,
      items,
      [x, w, b, y, H, W, K, affine, relu, N * H, rows, parts, NORM_BLOCK],
      { scratch: 9 * K * 4 + 3 * (W + 2) * 4, multiplications: N * H * W * 9 * K },
    );
  } else correlate(x, w, { bias: b, affine, relu, parts }, y, false, list, options);
}

/** Rows of an item of the first layer: a few, or with statistics as many as fill whole blocks of pixels. */
function firstRows(all: number, W: number, statistics: boolean): number {
  if (!statistics) return Math.max(1, Math.min(FIRST_ROWS, Math.floor(all / LEAST_BLOCKS)));
  let rows = 1;
  while ((rows * W) % NORM_BLOCK !== 0) rows++;
  return rows;
}

/**
 * Statistics of batch norm over x: all of its blocks, or those that lie across multiples of `stride` pixels, where the
 * others are done elsewhere.
 */
export function pushStatistics(x: Tensor, parts: Tensor, list: EntryList, stride = 0): void {
  const [blocks, , C] = statisticsShape(x);
  const P = sizeOf(x.shape) / C;
  const items = stride === 0 ? blocks : Math.ceil(P / stride) - 1;
  if (items > 0) {
    list.push('norm.statistics', CODE.NORM_STATISTICS, items, [x, parts, P, C, NORM_BLOCK, stride]);
  }
}

export function lowerBackwardInput(
  { dy, w, dx }: KernelArgs['conv3x3.backwardInput'],
  list: EntryList,
  options: LoweringOptions,
): void {
  const [N, H, W, K] = dy.shape;
  const C = w.shape[1];
  if (convolutionKind({ C, K, ...options }) === 'first') {
    list.push('conv.first.dx', CODE.FIRST_INPUT_GRADIENT, N * H, [dy, w, dx, H, W, K], {
      scratch: 9 * K * 4,
      multiplications: N * H * W * 9 * K,
    });
  } else correlate(dy, w, { bias: null, affine: null, relu: 0, parts: null }, dx, true, list, options);
}

/** y = correlate(x, w), finished, or with w turned and exchanged, which makes it the input gradient. */
function correlate(
  x: Tensor,
  w: Tensor,
  { bias, affine, relu, parts }: Finish,
  y: Tensor,
  flip: boolean,
  list: EntryList,
  options: LoweringOptions,
): void {
  const [N, H, W, inputs] = x.shape;
  const outputs = y.shape[3];
  const [K, C] = w.shape;
  const suffix = flip ? '.dx' : '';
  const kind = convolutionKind({ C: inputs, K: outputs, pixels: N * H * W, ...options });
  if (kind === 'patches') {
    const rows = Math.max(DOT_SAMPLES, N * H * W);
    const patches = list.temporary('patches', rows * 9 * inputs);
    list.push(`conv.patches.gather${suffix}`, CODE.GATHER_PATCHES, rows, [x, patches, N, H, W, inputs]);
    const sizes = { N: N * H * W, I: 9 * inputs, O: outputs };
    const kernel = flip ? turnedKernel(w, list) : w;
    pushDots(`conv.patches${suffix}`, { x: patches, w: kernel, b: bias, y, ...sizes, affine, relu }, list);
    if (parts) pushStatistics(y, parts, list);
    return;
  }
  if (kind === 'direct') {
    const packed = packedKernel(w, flip, list);
    list.push(`conv.direct${suffix}`, CODE.DIRECT_CONV, N * H, [x, packed, bias, y, H, W, inputs, outputs], {
      scratch: 3 * (W + 6) * inputs * 4 + 128,
      multiplications: N * H * W * 9 * inputs * outputs,
    });
    if (parts) pushStatistics(y, parts, list);
    return;
  }
  const tiling = tilingFor(H, W);
  const { m, points, code } = tiling;
  const tiles = tilesOf(tiling, N, H, W);
  const columns = Math.ceil(W / m);
  const wholeRows = H % m === 0;
  if (inPieces({ C, K, points, tiles }, tiles <= FEW.tiles ? FEW.panelBytes : PANEL_BYTES)) {
    const groups = Math.ceil(tiles / ROWS);
    const v = list.temporary('V', points * planeFloats(groups * ROWS * inputs));
    list.push(`winograd.input${suffix}`, code + CODE.WINOGRAD_INPUT, groups, [x, v, H, W, inputs, tiles], {
      scratch: PATCHES + points * ROWS * VECTOR,
    });
    const panels = panelsOf(inputs, outputs, tiles);
    const block = PANEL_TILES / panels;
    const within = wholeRows && block % columns === 0;
    const planes = planeFloats(panels * inputs * 8) + planeFloats(panels * block * 8);
    const taps = list.fixedWeights ? packedTaps(w, flip, tiling, list) : null;
    const kernel = [K, C, flip ? 1 : 0];
    const finish = [affine, relu, taps, within ? parts : null, NORM_BLOCK];
    list.push(
      `winograd.panel${suffix}`,
      code + CODE.WINOGRAD_PANEL,
      outputs / 8 / panels,
      [v, w, bias, y, H, W, ...kernel, tiles, panels, block, ...finish],
      { scratch: PATCHES + points * planes * 4, multiplications: tiles * points * inputs * outputs },
    );
    if (parts && !within) pushStatistics(y, parts, list);
    return;
  }
  const u = fromKernel(w, flip, list, {
    name: `U ${tiling.m}`,
    kernel: 'winograd.kernel',
    code: code + CODE.WINOGRAD_KERNEL,
    floats: points * planeFloats(K * C),
    scratch: PATCHES,
  });
  const block = blockOf({ inputs, outputs, points, tiles });
  const planes = planeFloats(ROWS * inputs) + planeFloats(ROWS * outputs);
  const scratch = PATCHES + Math.ceil(block / ROWS) * points * planes * 4;
  const stride = (block / columns) * m * W;
  const within = wholeRows && block % columns === 0 && stride >= NORM_BLOCK;
  list.push(
    `winograd.conv${suffix}`,
    code + CODE.WINOGRAD_CONV,
    Math.ceil(tiles / block),
    [x, u, bias, y, H, W, inputs, outputs, tiles, block, affine, relu, within ? parts : null, NORM_BLOCK],
    { scratch, multiplications: tiles * points * inputs * outputs },
  );
  if (parts) pushStatistics(y, parts, list, within ? stride : 0);
}

/** What a kernel makes from w [K, C, 3, 3], an item for each panel of 8 outputs; `flip` as in kernels/winograd.ts. */
function fromKernel(
  w: Tensor,
  flip: boolean,
  list: EntryList,
  {
    name,
    code,
    kernel,
    floats,
    scratch,
  }: {
    /** Tells it from what else is made from w, and how its entry is called in profiles. */
    name: string;
    kernel: string;
    code: number;
    floats: number;
    scratch?: number;
  },
): Tensor {
  const [K, C] = w.shape;
  const suffix = flip ? '.dx' : '';
  return list.derive({
    name: `${name}${suffix}`,
    floats,
    sources: [w],
    fill(into, to) {
      const panels = (flip ? C : K) / 8;
      into.push(`${kernel}${suffix}`, code, panels, [w, to, K, C, flip ? 1 : 0], { scratch });
    },
  });
}

/** y = x·wᵀ + b, finished, by `linearDots`: `x` [≥ N, ≥ 5 rows, I], `w` [O, I]. */
export function pushDots(
  name: string,
  {
    x,
    w,
    b,
    y,
    N,
    I,
    O,
    affine,
    relu,
  }: { x: Tensor; w: Tensor; b: Tensor | null; y: Tensor; N: number; I: number; O: number } & Pick<
    Finish,
    'affine' | 'relu'
  >,
  list: EntryList,
): void {
  const operands = [x, w, b, y, N, I, O, DOT_BLOCK, affine, relu];
  list.push(name, CODE.LINEAR_DOTS, Math.ceil(O / DOT_BLOCK), operands, {
    scratch: (2 + Math.ceil(N / DOT_SAMPLES) * DOT_BLOCK) * DOT_SAMPLES * 32,
    multiplications: N * I * O,
  });
}

/** w [K, C, 3, 3] turned and exchanged to [C, K, 3, 3]: the kernel of the input gradient. */
function turnedKernel(w: Tensor, list: EntryList): Tensor {
  const [K, C] = w.shape;
  return list.derive({
    name: 'turned',
    floats: sizeOf(w.shape),
    sources: [w],
    fill: (into, to) => into.push('conv.patches.kernel.dx', CODE.TURN_KERNEL, C, [w, to, K, C]),
  });
}

/** The taps of w in panels of 8 outputs, for convolutions by the definition. */
function packedKernel(w: Tensor, flip: boolean, list: EntryList): Tensor {
  const kernel = 'conv.direct.kernel';
  return fromKernel(w, flip, list, {
    name: 'packed',
    kernel,
    code: CODE.DIRECT_KERNEL,
    floats: sizeOf(w.shape),
  });
}

/** Tiles of a block of the output pass. */
function blockOf({
  inputs,
  outputs,
  points,
  tiles,
}: {
  inputs: number;
  outputs: number;
  points: number;
  tiles: number;
}): number {
  const kernelBytes = points * inputs * outputs * 4;
  if (kernelBytes > PANEL_BYTES) return BLOCK_TILES.streaming;
  const bytes = kernelBytes > LARGER_KERNEL.bytes ? LARGER_KERNEL.blockBytes : BLOCK_BYTES;
  const { multiple } = BLOCK_TILES;
  const fit = Math.floor(bytes / (points * (inputs + outputs) * 4) / multiple) * multiple;
  const even = Math.ceil(tiles / LEAST_BLOCKS / multiple) * multiple;
  return Math.max(multiple, Math.min(fit, even));
}

/** The taps of w in the order in which the transform of a panel reads them. */
function packedTaps(w: Tensor, flip: boolean, { code: tiles }: Tiling, list: EntryList): Tensor {
  const code = tiles + CODE.WINOGRAD_TAPS;
  return fromKernel(w, flip, list, { name: 'taps', kernel: 'winograd.taps', code, floats: sizeOf(w.shape) });
}
