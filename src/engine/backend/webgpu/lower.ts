import type { Call, KernelArgs, KernelName } from '../../kernels.ts';
import { dropThreshold } from '../../random.ts';
import { sizeOf, type Tensor, view } from '../../tensor.ts';
import { fuseNorms } from '../fuse.ts';
import { type DispatchList, row } from './dispatches.ts';
import { cutShader, DRAWN_WORDS, drawShader, gatherShader, warpShader } from './kernels/augment.ts';
import { DOT, dotShader } from './kernels/dot.ts';
import { ADD, DROPOUT, flattenShader, mixShader, RELU, RELU_GRADIENT } from './kernels/elementwise.ts';
import { lanesOf, pushFlat } from './kernels/flat.ts';
import { pushGemm } from './kernels/gemm.ts';
import { averageCropsShader, crossEntropyShader, distillShader, TOTALS } from './kernels/loss.ts';
import {
  apply,
  blockOf,
  finishShader,
  gradientApply,
  gradientFinishShader,
  gradientFixed,
  gradientSumsShader,
  lanesAcross,
  statisticsShader,
} from './kernels/norm.ts';
import { ASCEND, AVERAGE, adadelta, adagrad, adam, COPY, sgd } from './kernels/optimizer.ts';
import { poolGradientShader, poolShader } from './kernels/pool.ts';
import { pushColumnSums, pushSquareSum } from './kernels/sums.ts';
import {
  convolutionKind,
  type FixedNorm,
  lowerBackwardInput,
  lowerBackwardWeight,
  lowerForward,
  pushFixed,
} from './lower-conv.ts';
import { THREADS } from './shader.ts';

/** Rows or columns of a linear layer up to which each sum is cut among threads: see `dotShader`. */
const DOT_MOST = 16;
/** Channels that batch norm's statistics and their last step take at once. */
const ACROSS = 32;
const FINISH_ACROSS = 8;

/** Turns the calls of a program into launches. */
export function lowerCalls(calls: readonly Call[], keep: readonly Tensor[], list: DispatchList): void {
  const direct = list.options.direct ?? false;
  const norms = fuseNorms(calls, keep, (channels) => convolutionKind({ ...channels, direct }) !== 'direct');
  const done = new Set<Call['args']>(norms.values());
  for (const one of calls) {
    const { kernel, args } = one;
    if (done.has(args)) continue;
    // The table pairs every name with its own operands; TypeScript cannot follow a pair through a lookup.
    const lower = LOWER[kernel] as (of: typeof args, into: DispatchList, norm?: FixedNorm) => void;
    lower(args, list, norms.get(one));
  }
}

/**
 * Turns each kind of call into launches of kernels; a row for every kernel. A convolution may be given the batch norm that
 * is done with it, see `fuseNorms`.
 */
const LOWER: {
  readonly [Name in KernelName]: (args: KernelArgs[Name], list: DispatchList, norm?: FixedNorm) => void;
} = {
  augment({ images, order, out, step, size, crops, draws }, list) {
    const [samples, side] = out.shape;
    const count = sizeOf(out.shape);
    const sampling = { size, side, crops, draws };
    const groups = row(Math.ceil(count / THREADS));
    if (draws.length === 0) {
      list.push(cutShader(sampling), groups, { images, order, step, out }, { count });
      return;
    }
    const drawn = list.temporary('drawn', [samples, DRAWN_WORDS], 'i32');
    list.push(drawShader(sampling), row(samples), { order, step, drawn }, { samples });
    list.push(warpShader(sampling), groups, { images, order, step, drawn, out }, { count });
  },
  gatherLabels({ targets, order, labels, step, crops }, list) {
    const count = sizeOf(labels.shape);
    list.push(gatherShader(crops), row(Math.ceil(count / 64)), { targets, order, step, labels }, { count });
  },
  mix({ x, y, mixture }, list) {
    const [samples, H, W, C] = x.shape;
    const count = sizeOf(x.shape);
    const groups = row(Math.ceil(count / THREADS));
    list.push(mixShader({ H, W, C }), groups, { x, mixture, y }, { count, samples });
  },

  'conv3x3.forward': lowerForward,
  'conv3x3.backwardInput': lowerBackwardInput,
  'conv3x3.backwardWeight': lowerBackwardWeight,

  'batchNorm.forward'({ x, gamma, beta, runningMean, runningVar, saved, y, eps, momentum, relu }, list) {
    const { P: pixels, C } = sizesOf(x);
    const { block, blocks } = blockOf(pixels);
    const parts = list.temporary('parts', [blocks, 2, C]);
    list.push(statisticsShader(C), [blocks, across(C, ACROSS), 1], { x, parts }, { pixels, block });
    list.push(
      finishShader(C),
      [1, across(C, FINISH_ACROSS), 1],
      { x: view(x, 0, [C]), parts, saved, runningMean, runningVar },
      { pixels, block, blocks, eps, momentum },
    );
    pushFlat(list, apply(C, relu), { x, y, saved, gamma, beta });
  },
  'batchNorm.evaluate'(args, list) {
    const { x, gamma, beta, saved, y, relu } = args;
    const { C } = sizesOf(x);
    pushFixed(args, list);
    pushFlat(list, apply(C, relu), { x, y, saved, gamma, beta });
  },
  'batchNorm.backward'({ x, gamma, beta, saved, dy, dx, dgamma, dbeta, relu }, list) {
    const { P: pixels, C } = sizesOf(x);
    const { block, blocks } = blockOf(pixels);
    const parts = list.temporary('parts', [blocks, 2, C]);
    const factors = list.temporary('factors', [3, C]);
    const sums = gradientSumsShader(C, relu);
    const groups = [blocks, across(C, ACROSS), 1] as const;
    list.push(sums, groups, { x, dy, saved, gamma, beta, parts }, { pixels, block });
    list.push(
      gradientFinishShader(C),
      [1, across(C, FINISH_ACROSS), 1],
      { parts, saved, gamma, dgamma, dbeta, factors },
      { pixels, blocks },
    );
    pushFlat(list, gradientApply(C, relu), { x, dy, dx, saved, gamma, beta, factors });
  },
  'batchNorm.evaluateBackward'({ x, gamma, beta, saved, dy, dx, relu }, list) {
    pushFlat(list, gradientFixed(sizesOf(x).C, relu), { x, dy, dx, saved, gamma, beta });
  },

  'maxPool2.forward'({ x, y }, list) {
    const [, H, W, C] = x.shape;
    const lanes = lanesOf(x, y, C);
    const count = sizeOf(y.shape) / lanes;
    list.push(poolShader({ H, W, C, lanes }), row(Math.ceil(count / THREADS)), { x, y }, { count });
  },
  'maxPool2.backward'({ x, dy, dx }, list) {
    const [N, H, W, C] = x.shape;
    const lanes = lanesOf(x, dy, dx, C);
    const count = (N * Math.ceil(H / 2) * Math.ceil(W / 2) * C) / lanes;
    const shader = poolGradientShader({ H, W, C, lanes });
    list.push(shader, row(Math.ceil(count / THREADS)), { x, dy, dx }, { count });
  },

  'linear.forward'({ x, w, b, y }, list) {
    const [N, I] = x.shape;
    const O = w.shape[0];
    if (Math.min(N, O) > DOT_MOST) {
      pushGemm(list, 'linear', { a: x, b: w, c: y, bias: b }, { M: N, N: O, D: I, a: 'rows', b: 'turned' });
      return;
    }
    const lanes = lanesOf(x, w, I);
    const groups = [Math.ceil(O / DOT.columns), Math.ceil(N / DOT.rows), 1] as const;
    const work = { kernel: 'linear.dot', multiplications: N * I * O };
    list.push(dotShader(lanes, dotSubgroup(list)), groups, { x, w, b, y }, { N, O, depth: I / lanes }, work);
  },
  'linear.backwardInput'({ dy, w, dx }, list) {
    const [N, O] = dy.shape;
    const I = w.shape[1];
    pushGemm(list, 'linear.dx', { a: dy, b: w, c: dx }, { M: N, N: I, D: O, a: 'rows', b: 'rows' });
  },
  'linear.backwardWeight'({ x, dy, dw, db }, list) {
    const [N, I] = x.shape;
    const O = dy.shape[1];
    pushGemm(list, 'linear.dw', { a: dy, b: x, c: dw }, { M: O, N: I, D: N, a: 'turned', b: 'rows' });
    pushColumnSums(list, 'linear.db', dy, db, [N, O]);
  },

  'relu.forward': ({ x, y }, list) => pushFlat(list, RELU, { x, y }),
  'relu.backward': ({ y, dy, dx }, list) => pushFlat(list, RELU_GRADIENT, { y, dy, dx }),
  'dropout.forward': ({ x, y, step, p, layer }, list) => dropout(list, x, y, { step, p, layer }),
  'dropout.backward': ({ dy, dx, step, p, layer }, list) => dropout(list, dy, dx, { step, p, layer }),
  'flatten.forward': ({ x, y }, list) => flatten(list, x.shape, x, y, false),
  'flatten.backward': ({ dy, dx }, list) => flatten(list, dx.shape, dy, dx, true),
  add: ({ a, b, y }, list) => pushFlat(list, ADD, { a, b, y }),

  crossEntropy: (args, list) => crossEntropy(list, args),
  mixedCrossEntropy: (args, list) => crossEntropy(list, args, args.mixture),
  distill({ logits, teacher, dlogits, temperature, share }, list) {
    const [samples, L] = logits.shape;
    const groups = row(Math.ceil(samples / 64));
    const numbers = { samples, temperature, share, zero: 0 };
    list.push(distillShader(L), groups, { logits, teacher, dlogits }, numbers);
  },
  averageCrops({ logits, out, step, crops }, list) {
    const [N, L] = logits.shape;
    const count = (N / crops) * L;
    list.push(averageCropsShader({ L, crops }), row(Math.ceil(count / 64)), { logits, step, out }, { count });
  },

  sgd: ({ decay, nesterov, ...tensors }, list) => pushFlat(list, sgd(decay, nesterov), tensors),
  adam: ({ decay, ...tensors }, list) => pushFlat(list, adam(decay, false), tensors),
  amsgrad: ({ decay, ...tensors }, list) => pushFlat(list, adam(decay, true), tensors),
  adadelta: ({ decay, ...tensors }, list) => pushFlat(list, adadelta(decay), tensors),
  adagrad: ({ decay, ...tensors }, list) => pushFlat(list, adagrad(decay), tensors),
  squareSum: ({ x, sum }, list) => pushSquareSum(list, x, sum),
  ascend: ({ radius, ...tensors }, list) => pushFlat(list, ASCEND, tensors, { radius }),
  copy: (tensors, list) => pushFlat(list, COPY, tensors),
  average: (tensors, list) => pushFlat(list, AVERAGE, tensors),
};

/** Threads that add up their parts of a sum among themselves; a workgroup must consist of such. */
function dotSubgroup({ traits, options }: DispatchList): number | null {
  const { subgroup } = traits;
  return subgroup !== null && subgroup <= DOT.threads && !options.withoutSubgroups ? subgroup : null;
}

function sizesOf({ shape: [N, H, W, C] }: Tensor): { P: number; C: number } {
  return { P: N * H * W, C };
}

/** Workgroups side by side over the channels. */
function across(C: number, most: number): number {
  return Math.ceil(C / lanesAcross(C, most));
}

function dropout(
  list: DispatchList,
  x: Tensor,
  y: Tensor,
  { step, p, layer }: { step: Tensor; p: number; layer: number },
): void {
  pushFlat(list, DROPOUT, { x, y, step }, { threshold: dropThreshold(p), scale: 1 / (1 - p), layer });
}

function flatten(
  list: DispatchList,
  [, H, W, C]: readonly number[],
  x: Tensor,
  y: Tensor,
  back: boolean,
): void {
  const count = sizeOf(x.shape);
  const shader = flattenShader({ P: H * W, C, back });
  list.push(shader, row(Math.ceil(count / THREADS)), { x, y }, { count });
}

function crossEntropy(
  list: DispatchList,
  { logits, labels, dlogits, totals, smoothing }: KernelArgs['crossEntropy'],
  mixture?: Tensor,
): void {
  const [samples, L] = logits.shape;
  const rows = list.temporary('losses', [samples, 2]);
  const shader = crossEntropyShader({ L, mixed: mixture !== undefined });
  const operands = { logits, labels, dlogits, rows, ...(mixture ? { mixture } : {}) };
  list.push(shader, row(Math.ceil(samples / 64)), operands, { samples, smoothing, zero: 0 });
  list.push(TOTALS, [1, 1, 1], { rows, totals }, { samples, zero: 0 });
}
