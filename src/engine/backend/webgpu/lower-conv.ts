import type { KernelArgs } from '../../kernels.ts';
import { sizeOf, type Tensor, view } from '../../tensor.ts';
import { type DispatchList, MOST_GROUPS, row } from './dispatches.ts';
import { directGradientShader, directInputGradientShader, directShader } from './kernels/direct.ts';
import {
  firstGradientShader,
  firstGradientSumShader,
  firstInputGradientShader,
  firstLayerGroup,
  firstShader,
} from './kernels/first.ts';
import { pushGemm } from './kernels/gemm.ts';
import { FIXED } from './kernels/norm.ts';
import { pushColumnSums } from './kernels/sums.ts';
import { TILES } from './kernels/tiles.ts';
import {
  gradientShader,
  inputShader,
  kernelGradientShader,
  kernelShader,
  outputShader,
  POINTS,
  tilesOf,
  UNIT_POINT,
} from './kernels/winograd.ts';
import { THREADS } from './shader.ts';

/** Threads of a workgroup of the transforms. */
const TRANSFORM_THREADS = 128;
/** Workgroups of a weight gradient: its sums over tiles are cut so that there are about so many. */
const GRADIENT_GROUPS = 1024;
/** Tiles that a part of such a sum has at least. */
const LEAST_PART = 256;
/** Parts of the first layer's weight gradient. */
const FIRST_PARTS = 1024;

/** Which algorithm a convolution takes: the only place that decides it. */
export function convolutionKind({
  C,
  K,
  direct,
}: {
  C: number;
  K: number;
  direct: boolean;
}): 'first' | 'winograd' | 'direct' {
  if (C === 1 && K % 4 === 0) return 'first';
  // Products read and write in fours.
  return !direct && C % 4 === 0 && K % 4 === 0 ? 'winograd' : 'direct';
}

/** A batch norm with fixed statistics. */
export type FixedNorm = KernelArgs['batchNorm.evaluate'];

/** Mean and 1/deviation of its running statistics, in `saved`. */
export function pushFixed({ runningMean, runningVar, saved, eps }: FixedNorm, list: DispatchList): void {
  const [channels] = runningMean.shape;
  list.push(FIXED, row(Math.ceil(channels / 64)), { runningMean, runningVar, saved }, { channels, eps });
}

/** @param norm is done with the output pass: its y is written, and that of the convolution is not */
export function lowerForward(
  { x, w, b, y: plain }: KernelArgs['conv3x3.forward'],
  list: DispatchList,
  norm?: FixedNorm,
): void {
  if (norm) pushFixed(norm, list);
  const y = norm?.y ?? plain;
  const [N, H, W, C] = x.shape;
  const K = w.shape[0];
  const work = { multiplications: sizeOf(y.shape) * 9 * C };
  switch (convolutionKind({ C, K, direct: list.options.direct ?? false })) {
    case 'first': {
      const group = firstLayerGroup({ H, W, K });
      const strips = N * H * group.perRow;
      const [across, down] = row(Math.ceil(strips / group.strips));
      const groups = [across, down, Math.ceil(K / group.channels)] as const;
      const shader = firstShader({ H, W, K }, norm && { relu: norm.relu });
      list.push(shader, groups, { x, w, b, y, ...normOperands(norm) }, { strips }, work);
      return;
    }
    case 'direct':
      pushByElement(list, directShader({ H, W, C, K }), { x, w, b, y }, y, work);
      return;
    default:
      correlate(list, { x, w, bias: b, y }, norm);
  }
}

export function lowerBackwardInput(
  { dy, w, dx }: KernelArgs['conv3x3.backwardInput'],
  list: DispatchList,
): void {
  const [, H, W, K] = dy.shape;
  const C = w.shape[1];
  const work = { multiplications: sizeOf(dx.shape) * 9 * K };
  switch (convolutionKind({ C, K, direct: list.options.direct ?? false })) {
    case 'first':
      pushByElement(list, firstInputGradientShader({ H, W, K }), { dy, w, dx }, dx, work);
      return;
    case 'direct':
      pushByElement(list, directInputGradientShader({ H, W, C, K }), { dy, w, dx }, dx, work);
      return;
    default:
      correlate(list, { x: dy, w, y: dx });
  }
}

/** A launch with a thread for each element of `of`. */
function pushByElement(
  list: DispatchList,
  shader: Parameters<DispatchList['push']>[0],
  operands: Readonly<Record<string, Tensor>>,
  of: Tensor,
  info: { multiplications: number },
): void {
  const count = sizeOf(of.shape);
  list.push(shader, row(Math.ceil(count / THREADS)), operands, { count }, info);
}

/**
 * y = correlate(x, w) + bias by Winograd; without a bias the input gradient, which is the same with the
 * kernel turned and its channels exchanged. Tiles go in chunks where the buffers would be too large.
 */
function correlate(
  list: DispatchList,
  { x, w, bias, y }: { x: Tensor; w: Tensor; bias?: Tensor; y: Tensor },
  norm?: FixedNorm,
): void {
  const [N, H, W, C] = x.shape;
  const K = y.shape[3];
  const turned = bias === undefined;
  const suffix = turned ? '.dx' : '';
  const u = list.ofWeights(list.working('U', [POINTS, C, K]));
  const shader = kernelShader({ K: w.shape[0], C: w.shape[1], turned });
  const kernel = (name: string): string => `winograd.${name}${suffix}`;
  list.push(shader, row(Math.ceil((C * K) / TRANSFORM_THREADS)), { w, u }, {}, { kernel: kernel('kernel') });
  for (const { first, tiles, whole } of chunks(list, N, { H, W }, Math.max(C, K))) {
    const v = list.working('V', [POINTS, tiles, C]);
    const products = list.working('products', [POINTS, tiles, K]);
    const numbers = { first, tiles };
    list.push(inputShader({ H, W, C }), groupsOf(tiles * C), { x, v }, numbers, { kernel: kernel('input') });
    if (whole && !turned) list.keepTransformed(x, v);
    const product = { M: tiles, N: K, D: C, batch: POINTS, a: 'rows', b: 'rows' } as const;
    pushGemm(list, kernel('gemm'), { a: v, b: u, c: products }, product);
    const operands: Record<string, Tensor> = bias ? { products, bias, y } : { products, y };
    const output = outputShader({ H, W, C: K }, bias !== undefined, norm && { relu: norm.relu });
    const all = { ...operands, ...normOperands(norm) };
    list.push(output, groupsOf(tiles * K), all, numbers, { kernel: kernel('output') });
  }
}

function normOperands(norm?: FixedNorm): Record<string, Tensor> {
  return norm ? { saved: norm.saved, gamma: norm.gamma, beta: norm.beta } : {};
}

const groupsOf = (threads: number) => row(Math.ceil(threads / TRANSFORM_THREADS));

/** Runs of tiles whose transformed values fit a buffer, and their products a grid. */
function chunks(
  { traits, options }: DispatchList,
  N: number,
  side: { H: number; W: number },
  channels: number,
): { first: number; tiles: number; whole: boolean }[] {
  const { down, across } = tilesOf(side);
  const all = N * down * across;
  const bytes = Math.min(options.chunkBytes ?? traits.bindingBytes, traits.bindingBytes);
  const fitting = Math.floor(bytes / (POINTS * channels * 4));
  const most = Math.max(1, Math.min(fitting, MOST_GROUPS * TILES.least.rows));
  const runs: { first: number; tiles: number; whole: boolean }[] = [];
  for (let first = 0; first < all; first += most) {
    runs.push({ first, tiles: Math.min(most, all - first), whole: most >= all });
  }
  return runs;
}

export function lowerBackwardWeight(
  { x, dy, dw, db }: KernelArgs['conv3x3.backwardWeight'],
  list: DispatchList,
): void {
  const [N, H, W, C] = x.shape;
  const K = dy.shape[3];
  const work = { multiplications: sizeOf(dy.shape) * 9 * C };
  switch (convolutionKind({ C, K, direct: list.options.direct ?? false })) {
    case 'first': {
      const layer = { H, W, K };
      const { perRow, strips: atOnce, channels } = firstLayerGroup(layer);
      const strips = N * H * perRow;
      const block = Math.ceil(Math.ceil(strips / FIRST_PARTS) / atOnce) * atOnce;
      const groups = Math.ceil(strips / block);
      const parts = list.temporary('parts', [groups, 10, K]);
      const grid = [groups, 1, Math.ceil(K / channels)] as const;
      list.push(firstGradientShader(layer), grid, { x, dy, parts }, { strips, block }, work);
      for (const [of, sums] of [
        ['weights', dw],
        ['bias', db],
      ] as const) {
        const count = sizeOf(sums.shape);
        list.push(firstGradientSumShader(K, of), row(Math.ceil(count / 64)), { parts, sums }, { groups });
      }
      return;
    }
    case 'direct': {
      const parts = list.temporary('parts', [N, K, C, 9]);
      pushByElement(list, directGradientShader({ H, W, C, K }), { x, dy, parts }, parts, work);
      pushColumnSums(list, 'conv.direct.dw.sum', parts, dw, [N, sizeOf(dw.shape)]);
      pushColumnSums(list, 'conv.direct.db', dy, db, [sizeOf(dy.shape) / K, K]);
      return;
    }
    default:
      winogradGradient(list, { x, dy, dw, db });
  }
}

function winogradGradient(list: DispatchList, { x, dy, dw, db }: KernelArgs['conv3x3.backwardWeight']): void {
  const [N, H, W, C] = x.shape;
  const K = dy.shape[3];
  const runs = chunks(list, N, { H, W }, Math.max(C, K));
  const blocks = POINTS * Math.ceil(C / 64) * Math.ceil(K / 64);
  const splits = Math.max(
    1,
    Math.min(Math.ceil(GRADIENT_GROUPS / blocks), Math.floor(runs[0].tiles / LEAST_PART)),
  );
  // Large ones are not split.
  const du = list.ofWeights(list.temporary('dU', [splits, POINTS, C, K]));
  const sums = list.temporary('sums', [runs.length, K]);
  runs.forEach(({ first, tiles, whole }, index) => {
    const numbers = { first, tiles };
    const kept = whole ? list.transformedOf(x) : undefined;
    const v = kept ?? list.working('V', [POINTS, tiles, C]);
    if (!kept) {
      const kernel = 'winograd.dw.input';
      list.push(inputShader({ H, W, C }), groupsOf(tiles * C), { x, v }, numbers, { kernel });
    }
    const d = list.working('D', [POINTS, tiles, K]);
    const transform = gradientShader({ H, W, C: K });
    list.push(transform, groupsOf(tiles * K), { x: dy, v: d }, numbers, { kernel: 'winograd.dw.gradient' });
    const product = { M: C, N: K, D: tiles, batch: POINTS, splits, a: 'turned', b: 'rows' } as const;
    pushGemm(list, 'winograd.dw.gemm', { a: v, b: d, c: du }, { ...product, accumulate: index > 0 });
    const plane = view(d, UNIT_POINT * tiles * K, [tiles, K]);
    pushColumnSums(list, 'winograd.dw.bias', plane, runs.length === 1 ? db : view(sums, index * K, [K]), [
      tiles,
      K,
    ]);
  });
  if (runs.length > 1) pushColumnSums(list, 'winograd.dw.bias', sums, db, [runs.length, K]);
  const output = kernelGradientShader({ K, C });
  const kernel = 'winograd.dw.output';
  list.push(output, groupsOf(C * K), { du, dw }, { parts: splits }, { kernel });
}
