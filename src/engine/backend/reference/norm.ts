import type { KernelTable } from '../../kernels.ts';
import type { Tensor } from '../../tensor.ts';
import type { Memory } from './memory.ts';

type Names = 'batchNorm.forward' | 'batchNorm.backward' | 'batchNorm.evaluate' | 'batchNorm.evaluateBackward';

/**
 * z = γ·x̂ + β with x̂ = (x - mean)·rstd, rstd = 1/sqrt(variance + eps), for each channel; y = max(z, 0)
 * where relu (Ioffe & Szegedy, arXiv 1502.03167). P = N·H·W is the number of pixels.
 */
export const NORM: Pick<KernelTable<Memory>, Names> = {
  'batchNorm.forward'(args, memory) {
    const { P, C } = pixels(args.x);
    const x = memory.floats(args.x);
    const saved = memory.floats(args.saved);
    const runningMean = memory.floats(args.runningMean);
    const runningVar = memory.floats(args.runningVar);
    for (let c = 0; c < C; c++) {
      let sum = 0;
      for (let i = c; i < P * C; i += C) sum += x[i];
      const mean = sum / P;
      let squares = 0;
      for (let i = c; i < P * C; i += C) squares += (x[i] - mean) ** 2;
      saved[c] = mean;
      saved[C + c] = 1 / Math.sqrt(squares / P + args.eps);
      const unbiased = P > 1 ? squares / (P - 1) : squares;
      runningMean[c] += args.momentum * (mean - runningMean[c]);
      runningVar[c] += args.momentum * (unbiased - runningVar[c]);
    }
    apply(args, memory);
  },

  'batchNorm.evaluate'(args, memory) {
    const { C } = pixels(args.x);
    const saved = memory.floats(args.saved);
    const runningVar = memory.floats(args.runningVar);
    saved.set(memory.floats(args.runningMean));
    for (let c = 0; c < C; c++) saved[C + c] = 1 / Math.sqrt(runningVar[c] + args.eps);
    apply(args, memory);
  },

  'batchNorm.backward'(args, memory) {
    const { P, C } = pixels(args.x);
    const { normalized, g } = throughRelu(args, memory);
    const gamma = memory.floats(args.gamma);
    const saved = memory.floats(args.saved);
    const dx = memory.floats(args.dx);
    const dgamma = memory.floats(args.dgamma);
    const dbeta = memory.floats(args.dbeta);
    for (let c = 0; c < C; c++) {
      let sum = 0;
      let product = 0;
      for (let i = c; i < P * C; i += C) {
        sum += g[i];
        product += g[i] * normalized[i];
      }
      dbeta[c] = sum;
      dgamma[c] = product;
      // The mean and the variance depend on every pixel: their share of the gradient is taken off.
      const scale = gamma[c] * saved[C + c];
      for (let i = c; i < P * C; i += C) dx[i] = scale * (g[i] - sum / P - (normalized[i] * product) / P);
    }
  },

  'batchNorm.evaluateBackward'(args, memory) {
    const { P, C } = pixels(args.x);
    const { g } = throughRelu(args, memory);
    const gamma = memory.floats(args.gamma);
    const saved = memory.floats(args.saved);
    const dx = memory.floats(args.dx);
    for (let i = 0; i < P * C; i++) dx[i] = gamma[i % C] * saved[C + (i % C)] * g[i];
  },
};

interface Affine {
  x: Tensor;
  gamma: Tensor;
  beta: Tensor;
  saved: Tensor;
  relu: boolean;
}

function apply({ y, relu, ...affine }: Affine & { y: Tensor }, memory: Memory): void {
  const { z } = normalize(affine, memory);
  const output = memory.floats(y);
  for (let i = 0; i < z.length; i++) output[i] = relu ? Math.max(z[i], 0) : z[i];
}

/** x̂, and dy where the ReLU let the forward value through. */
function throughRelu(
  { dy, relu, ...affine }: Affine & { dy: Tensor },
  memory: Memory,
): { normalized: Float64Array; g: Float64Array } {
  const { normalized, z } = normalize(affine, memory);
  const g = memory.floats(dy).map((value, i) => (!relu || z[i] > 0 ? value : 0));
  return { normalized, g };
}

function normalize(
  { x, gamma, beta, saved }: Omit<Affine, 'relu'>,
  memory: Memory,
): { normalized: Float64Array; z: Float64Array } {
  const { C } = pixels(x);
  const [scale, shift, statistics] = [memory.floats(gamma), memory.floats(beta), memory.floats(saved)];
  const normalized = memory
    .floats(x)
    .map((value, i) => (value - statistics[i % C]) * statistics[C + (i % C)]);
  const z = normalized.map((value, i) => scale[i % C] * value + shift[i % C]);
  return { normalized, z };
}

function pixels({ shape: [N, H, W, C] }: Tensor): { P: number; C: number } {
  return { P: N * H * W, C };
}
