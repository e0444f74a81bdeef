import { FerError } from '../../../errors.ts';
import { AUGMENTATIONS } from '../../augment.ts';
import type { KernelArgs, KernelName } from '../../kernels.ts';
import { dropThreshold, STREAMS } from '../../random.ts';
import { sizeOf, type Tensor, tensor } from '../../tensor.ts';
import { type EntryList, F32, flat } from './entry.ts';
import * as CODE from './kernels/codes.ts';
import { fixedAffine, lowerBackwardInput, lowerForward, pushDots, pushStatistics } from './lower-conv.ts';
import { lowerBackwardWeight } from './lower-conv-weight.ts';
import { DOT_SAMPLES, type LoweringOptions, NORM_BLOCK, statisticsShape } from './lowering.ts';

/** Bytes of a pixel's place in its pooled map, as in kernels/normPool.ts. */
const NORM_PLACE = 8;
/** Rows up to which a linear layer reads its weights as a stream instead of packing them. */
const STREAM_ROWS = 2;
const STREAM_BLOCK = 32;
/** As in kernels/stream.ts: inputs of a turn, bytes of the head of a block, bytes of its sums and constants. */
const STREAM_TURN = 16;
const STREAM_HEAD = 64;
const STREAM_SCRATCH = 4 * 64 + 8;
/** Outputs of a block of a linear layer on more rows, and samples of a packed panel. */
const LINEAR_BLOCK = 32;
const PANEL = 8;
/** Inputs of a run of packed samples, as in kernels/dots.ts. */
const DOT_RUN = 256;
/** Samples up to which dot products are tried. */
const MOST_DOT_SAMPLES = 20;
/** A block of the input gradient of a linear layer: the weights are packed once for each block of rows. */
const GEMM_BLOCK = { mostRows: 128, columns: 256 } as const;
/** Depth of a packed block, as in kernels/gemm.ts. */
const GEMM_DEPTH = 256;
/** The block itself and its packed operands, panels of 8 columns with a cache line behind each. */
const gemmScratch = (rows: number, columns: number): number =>
  (rows * columns + (rows + columns) * GEMM_DEPTH) * 4 + (columns / 8) * 64;
const COLUMN_BLOCK = 256;
/** Bytes of the gradients of 8 outputs and 2048 inputs, as in kernels/linearUpdate.ts. */
const UPDATE_SCRATCH = 8 * 2048 * 4;

/** Turns each kind of call into entries of the interpreter; a row for every kernel. */
export const LOWER: {
  readonly [Name in KernelName]: (args: KernelArgs[Name], list: EntryList, options: LoweringOptions) => void;
} = {
  augment({ images, order, out, step, size, crops, draws }, list) {
    const [samples, side] = out.shape;
    const drawn = AUGMENTATIONS.reduce((bits, name, i) => bits | (draws.includes(name) ? 1 << i : 0), 0);
    const operands = [images, order, out, step, size, side, crops, drawn, STREAMS.augment];
    list.push(draws.length === 0 ? 'augment.cut' : 'augment.warp', CODE.AUGMENT, samples, operands);
  },
  gatherLabels({ targets, order, labels, step, crops }, list) {
    list.push('gatherLabels', CODE.GATHER_LABELS, 1, [
      targets,
      order,
      labels,
      step,
      crops,
      sizeOf(labels.shape),
    ]);
  },

  mix({ x, y, mixture }, list) {
    list.push('mix', CODE.MIX, x.shape[0], [x, y, mixture, ...x.shape]);
  },

  'conv3x3.forward': lowerForward,
  'conv3x3.backwardInput': lowerBackwardInput,
  'conv3x3.backwardWeight': lowerBackwardWeight,

  'batchNorm.forward'(args, list, { pool, statistics }) {
    const { x, gamma, beta, runningMean, runningVar, saved, y, eps, momentum, relu } = args;
    const { P, C, blocks } = pixels(x);
    const parts = statistics ?? tensor('parts', statisticsShape(x));
    const affine = list.temporary('affine', 2 * C);
    if (!statistics) pushStatistics(x, parts, list);
    list.push('norm.finish', CODE.NORM_FINISH, C, [
      ...[parts, saved, gamma, beta, runningMean, runningVar, affine, P, C, NORM_BLOCK],
      ...[new F32(eps), new F32(momentum)],
    ]);
    if (pool) {
      const [N, H, W] = x.shape;
      const operands = [x, affine, pool.y, pool.codes, H, W, C, relu ? 1 : 0];
      list.push('norm.apply.pool', CODE.NORM_APPLY_POOL, (N * H) / 2, operands);
    } else list.push('norm.apply', CODE.NORM_APPLY, blocks, [x, affine, y, P, C, NORM_BLOCK, relu ? 1 : 0]);
  },
  'batchNorm.evaluate'(args, list) {
    const { x, y, relu } = args;
    const { P, C, blocks } = pixels(x);
    const affine = fixedAffine(args, list);
    list.push('norm.apply', CODE.NORM_APPLY, blocks, [x, affine, y, P, C, NORM_BLOCK, relu ? 1 : 0]);
  },
  'batchNorm.backward'({ x, gamma, beta, saved, dy, dx, dgamma, dbeta, relu }, list, { pool }) {
    const { P, C, blocks } = pixels(x);
    const affine = affineOf({ saved, gamma, beta, C }, list);
    const parts = list.temporary('parts', blocks * 2 * C);
    const factors = list.temporary('factors', 3 * C);
    const flags = [P, C, NORM_BLOCK, relu ? 1 : 0];
    const [N, H, W] = x.shape;
    if (pool) {
      const operands = [x, pool.dy, saved, affine, parts, ...flags, pool.codes, W];
      const scratch = NORM_BLOCK * NORM_PLACE;
      list.push('norm.dsums.pool', CODE.NORM_GRADIENT_SUMS_POOL, blocks, operands, { scratch });
    } else list.push('norm.dsums', CODE.NORM_GRADIENT_SUMS, blocks, [x, dy, saved, affine, parts, ...flags]);
    list.push('norm.dfinish', CODE.NORM_GRADIENT_FINISH, C, [
      ...[parts, saved, gamma, dgamma, dbeta, factors, P, C, NORM_BLOCK],
    ]);
    if (pool) {
      const operands = [x, pool.dy, affine, factors, dx, pool.codes, W, C, relu ? 1 : 0];
      list.push('norm.dapply.pool', CODE.NORM_GRADIENT_APPLY_POOL, (N * H) / 2, operands);
    } else list.push('norm.dapply', CODE.NORM_GRADIENT_APPLY, blocks, [x, dy, affine, factors, dx, ...flags]);
  },
  'batchNorm.evaluateBackward'({ x, gamma, beta, saved, dy, dx, relu }, list) {
    const { P, C, blocks } = pixels(x);
    const affine = affineOf({ saved, gamma, beta, C }, list);
    const factors = list.temporary('factors', 3 * C);
    list.push('norm.dfixed', CODE.NORM_GRADIENT_FIXED, C, [saved, gamma, factors, C]);
    const flags = [P, C, NORM_BLOCK, relu ? 1 : 0];
    list.push('norm.dapply', CODE.NORM_GRADIENT_APPLY, blocks, [x, dy, affine, factors, dx, ...flags]);
  },

  'maxPool2.forward'({ x, y }, list) {
    const [N, H, W, C] = inVectors('max pooling', x);
    list.push('pool', CODE.POOL, N * (H >> 1), [x, y, H, W, C]);
  },
  'maxPool2.backward'({ x, dy, dx }, list) {
    const [N, H, W, C] = inVectors('max pooling', x);
    list.push('pool.dx', CODE.POOL_GRADIENT, N * Math.ceil(H / 2), [x, dy, dx, H, W, C]);
  },

  'linear.forward'({ x, w, b, y }, list) {
    const [N, I] = x.shape;
    const O = w.shape[0];
    const wholeBlocks = O >= STREAM_BLOCK && I % STREAM_TURN === 0;
    if (N <= STREAM_ROWS) {
      const items = Math.ceil(O / STREAM_BLOCK);
      const operands = [x, w, b, y, N, I, O, STREAM_BLOCK];
      const figures = { multiplications: N * I * O, scratch: STREAM_SCRATCH };
      if (list.fixedWeights && wholeBlocks) {
        const halves = halvesOf(w, list);
        list.push('linear.stream.halves', CODE.LINEAR_STREAM_HALVES, items, [...operands, halves], figures);
      } else list.push('linear.stream', CODE.LINEAR_STREAM, items, operands, figures);
    } else if (fillsDots(N, I)) {
      if (list.fixedWeights && wholeBlocks) pushDotsOfHalves({ x, w, b, y }, list);
      else pushDots('linear.dots', { x, w, b, y, N, I, O, affine: null, relu: 0 }, list);
    } else {
      const panels = Math.ceil(N / PANEL);
      const packed = list.temporary('packed', panels * PANEL * I);
      list.push('linear.pack', CODE.LINEAR_PACK, panels, [x, packed, N, I]);
      list.push(
        'linear',
        CODE.LINEAR,
        Math.ceil(O / LINEAR_BLOCK),
        [packed, w, b, y, N, I, O, LINEAR_BLOCK],
        {
          scratch: LINEAR_BLOCK * panels * PANEL * 4,
          multiplications: N * I * O,
        },
      );
    }
  },
  'linear.backwardInput'({ dy, w, dx }, list) {
    const [N, O] = dy.shape;
    const I = w.shape[1];
    const { mostRows, columns } = GEMM_BLOCK;
    const rows = Math.min(mostRows, Math.ceil(N / 4) * 4);
    const items = Math.ceil(N / rows) * Math.ceil(I / columns);
    list.push('linear.dx', CODE.GEMM, items, [dy, w, dx, N, I, O, rows, columns], {
      scratch: gemmScratch(rows, columns),
      multiplications: N * I * O,
    });
  },
  'linear.backwardWeight'({ x, dy, dw, db }, list, { update }) {
    const [N, I] = x.shape;
    const O = dy.shape[1];
    const strips = (name: string, of: Tensor, F: number, width: number): Tensor => {
      const items = Math.ceil(F / width);
      const packed = list.temporary(name, items * width * N);
      list.push('linear.dw.strips', CODE.LINEAR_STRIPS, items, [of, packed, N, F, width]);
      return packed;
    };
    const ofX = strips('strips of x', x, I, PANEL);
    const ofDy = strips('strips of dy', dy, O, 4);
    const items = Math.ceil(O / LINEAR_BLOCK);
    const multiplications = N * I * O;
    if (update) {
      const { sgd, average } = update;
      const memory = [sgd.velocity, average, sgd.hyper, sgd.decay ? 1 : 0, sgd.nesterov ? 1 : 0];
      const operands = [ofX, ofDy, sgd.param, N, I, O, LINEAR_BLOCK, ...memory];
      list.push('linear.dw.sgd', CODE.LINEAR_UPDATE, items, operands, {
        scratch: UPDATE_SCRATCH,
        multiplications,
      });
    } else {
      const operands = [ofX, ofDy, dw, N, I, O, LINEAR_BLOCK];
      list.push('linear.dw', CODE.LINEAR_GRADIENT, items, operands, { scratch: 128, multiplications });
    }
    list.push('linear.db', CODE.COLUMN_SUMS, Math.ceil(O / COLUMN_BLOCK), [dy, db, N, O, COLUMN_BLOCK]);
  },

  'relu.forward'({ x, y }, list) {
    const { items, length, block } = flat(x);
    list.push('relu', CODE.RELU, items, [x, y, length, block]);
  },
  'relu.backward'({ y, dy, dx }, list) {
    const { items, length, block } = flat(y);
    list.push('relu.dx', CODE.RELU_GRADIENT, items, [y, dy, dx, length, block]);
  },
  'dropout.forward'({ x, y, step, p, layer }, list) {
    dropout(list, 'dropout', x, y, { step, p, layer });
  },
  'dropout.backward'({ dy, dx, step, p, layer }, list) {
    dropout(list, 'dropout.dx', dy, dx, { step, p, layer });
  },
  'flatten.forward'({ x, y }, list) {
    const [N, H, W, C] = x.shape;
    list.push('flatten', CODE.FLATTEN, N, [x, y, H * W, C]);
  },
  'flatten.backward'({ dy, dx }, list) {
    const [N, H, W, C] = dx.shape;
    list.push('flatten.dx', CODE.UNFLATTEN, N, [dy, dx, H * W, C]);
  },
  add({ a, b, y }, list) {
    const { items, length, block } = flat(y);
    list.push('add', CODE.ADD, items, [a, b, y, length, block]);
  },

  crossEntropy: (args, list) => lowerCrossEntropy({ ...args, mixture: null }, list),
  mixedCrossEntropy: (args, list) => lowerCrossEntropy(args, list),
  distill({ logits, teacher, dlogits, temperature, share }, list) {
    const [N, L] = logits.shape;
    const operands = [logits, teacher, dlogits, N, L, new F32(temperature), new F32(share)];
    list.push('distill', CODE.DISTILL, 1, operands);
  },
  averageCrops({ logits, out, step, crops }, list) {
    const [N, L] = logits.shape;
    list.push('averageCrops', CODE.AVERAGE_CROPS, N / crops, [logits, out, step, crops, L]);
  },
  sgd({ param, grad, velocity, hyper, decay, nesterov }, list) {
    const { items, length, block } = flat(param);
    const flags = [decay ? 1 : 0, nesterov ? 1 : 0];
    list.push('sgd', CODE.SGD, items, [param, grad, velocity, hyper, length, block, ...flags]);
  },
  adam: (args, list) => lowerAdam('adam', { ...args, maximum: null }, list),
  amsgrad: (args, list) => lowerAdam('amsgrad', args, list),
  adadelta({ param, grad, square, delta, hyper, decay }, list) {
    const { items, length, block } = flat(param);
    const operands = [param, grad, square, delta, hyper, length, block, decay ? 1 : 0];
    list.push('adadelta', CODE.ADADELTA, items, operands);
  },
  adagrad({ param, grad, sum, hyper, decay }, list) {
    const { items, length, block } = flat(param);
    list.push('adagrad', CODE.ADAGRAD, items, [param, grad, sum, hyper, length, block, decay ? 1 : 0]);
  },
  squareSum({ x, sum }, list) {
    const { items, length, block } = flat(x);
    const parts = list.temporary('parts', items);
    list.push('squareSum', CODE.SQUARE_SUMS, items, [x, parts, length, block]);
    list.push('squareSum.finish', CODE.COLUMN_SUMS, 1, [parts, sum, items, 1, COLUMN_BLOCK]);
  },
  ascend({ param, grad, squareSum, start, radius }, list) {
    const { items, length, block } = flat(param);
    const operands = [param, grad, squareSum, start, length, block, new F32(radius)];
    list.push('ascend', CODE.ASCEND, items, operands);
  },
  copy({ x, y }, list) {
    const { items, length, block } = flat(x);
    list.push('copy', CODE.COPY, items, [x, y, length, block]);
  },
  average({ value, average, hyper }, list) {
    const { items, length, block } = flat(value);
    list.push('average', CODE.AVERAGE, items, [value, average, hyper, length, block]);
  },
};

/** A null tensor is one the kernel does without. */
type Without<Name extends KernelName, Key extends keyof KernelArgs[Name]> = Omit<KernelArgs[Name], Key> &
  Record<Key, Tensor | null>;

function lowerCrossEntropy(
  { logits, labels, mixture, dlogits, totals, smoothing }: Without<'mixedCrossEntropy', 'mixture'>,
  list: EntryList,
): void {
  const [N, L] = logits.shape;
  const operands = [logits, labels, dlogits, totals, N, L, new F32(smoothing), mixture];
  list.push('crossEntropy', CODE.CROSS_ENTROPY, 1, operands);
}

function lowerAdam(
  name: string,
  { param, grad, mean, square, maximum, hyper, decay }: Without<'amsgrad', 'maximum'>,
  list: EntryList,
): void {
  const { items, length, block } = flat(param);
  const operands = [param, grad, mean, square, maximum, hyper, length, block, decay ? 1 : 0];
  list.push(name, CODE.ADAM, items, operands);
}

/** Whether a few samples fill tiles of five better than panels of eight: 5, ten crops, not 8. */
function fillsDots(N: number, I: number): boolean {
  const few = N >= DOT_SAMPLES && N <= MOST_DOT_SAMPLES;
  const wholeRuns = I % 8 === 0;
  const fewerRows = Math.ceil(N / DOT_SAMPLES) * DOT_SAMPLES < Math.ceil(N / PANEL) * PANEL;
  return few && wholeRuns && fewerRows;
}

/** The shape of images whose channels fill vectors, as their kernels take them. */
function inVectors(what: string, { shape }: Tensor): readonly number[] {
  const C = shape[3];
  if (C % 4 === 0) return shape;
  throw new FerError(
    `${what} over ${C} channels does not fit the wasm kernels: use a multiple of 4, or device=reference`,
  );
}

function pixels(x: Tensor): { P: number; C: number; blocks: number } {
  const [N, H, W, C] = inVectors('batch norm', x);
  const P = N * H * W;
  return { P, C, blocks: Math.ceil(P / NORM_BLOCK) };
}

/** A linear layer with fixed weights on a few samples, a whole number of fives or nearly. */
function pushDotsOfHalves({ x, w, b, y }: KernelArgs['linear.forward'], list: EntryList): void {
  const [N, I] = x.shape;
  const O = w.shape[0];
  const groups = Math.ceil(N / DOT_SAMPLES);
  const halves = halvesOf(w, list);
  const packed = list.temporary('packed', groups * DOT_SAMPLES * I);
  list.push('linear.dots.pack', CODE.DOTS_PACK, groups * Math.ceil(I / DOT_RUN), [x, packed, N, I]);
  const operands = [x, w, b, y, N, I, O, STREAM_BLOCK, null, 0, halves, packed];
  list.push('linear.dots.halves', CODE.LINEAR_DOTS_HALVES, Math.ceil(O / STREAM_BLOCK), operands, {
    scratch: STREAM_HEAD + 4 * DOT_RUN * 4 + groups * (4 + STREAM_BLOCK) * DOT_SAMPLES * 32,
    multiplications: N * I * O,
  });
}

/** The weights of a linear layer in 16 bits, in blocks, for streaming; a block says whether that is exact. */
function halvesOf(w: Tensor, list: EntryList): Tensor {
  const [O, I] = w.shape;
  const blocks = Math.ceil(O / STREAM_BLOCK);
  return list.derive({
    name: 'halves',
    floats: (blocks * (STREAM_HEAD + STREAM_BLOCK * I * 2)) / 4,
    sources: [w],
    fill(into, to) {
      into.push('linear.halves', CODE.LINEAR_HALVES, blocks, [w, to, I, O, STREAM_BLOCK]);
    },
  });
}

/** y = scale·x + shift of a batch norm whose statistics are saved, for the ReLU's mask. */
function affineOf(
  { saved, gamma, beta, C }: { saved: Tensor; gamma: Tensor; beta: Tensor; C: number },
  list: EntryList,
): Tensor {
  const affine = list.temporary('affine', 2 * C);
  list.push('norm.affine', CODE.NORM_AFFINE, C, [saved, gamma, beta, affine, C]);
  return affine;
}

function dropout(
  list: EntryList,
  name: string,
  x: Tensor,
  y: Tensor,
  { step, p, layer }: { step: Tensor; p: number; layer: number },
): void {
  const { items, length, block } = flat(x);
  const operands = [
    x,
    y,
    step,
    length,
    block,
    dropThreshold(p),
    new F32(1 / (1 - p)),
    STREAMS.dropout,
    layer,
  ];
  list.push(name, CODE.DROPOUT, items, operands);
}
