import type { KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';
import { addScaled, dot } from './rows.ts';

type Names = 'conv3x3.forward' | 'conv3x3.backwardInput' | 'conv3x3.backwardWeight';

/**
 * y[n,h,w,k] = b[k] + Σ_rsc x[n, h+r-1, w+s-1, c] · w[k,c,r,s], pixels outside the image being 0.
 * Each product of x and w that appears in y gives one term of dx and one of dw.
 */
export const CONVOLUTION: Pick<KernelTable<Memory>, Names> = {
  'conv3x3.forward'({ x, w, b, y }, memory) {
    const [N, H, W, C] = x.shape;
    const K = w.shape[0];
    const taps = toTaps(memory.floats(w), K, C);
    const input = memory.floats(x);
    const bias = memory.floats(b);
    const output = memory.floats(y);
    for (let pixel = 0; pixel < N * H * W; pixel++) output.set(bias, pixel * K);
    forEachTap(N, H, W, (from, to, count, tap) => {
      for (let c = 0; c < C; c++) {
        for (let i = 0; i < count; i++) {
          addScaled(output, (to + i) * K, taps, (tap * C + c) * K, input[(from + i) * C + c], K);
        }
      }
    });
  },

  'conv3x3.backwardInput'({ dy, w, dx }, memory) {
    const [N, H, W, K] = dy.shape;
    const C = w.shape[1];
    const taps = toTaps(memory.floats(w), K, C);
    const dOutput = memory.floats(dy);
    const dInput = memory.floats(dx).fill(0);
    forEachTap(N, H, W, (from, to, count, tap) => {
      for (let c = 0; c < C; c++) {
        for (let i = 0; i < count; i++) {
          dInput[(from + i) * C + c] += dot(dOutput, (to + i) * K, taps, (tap * C + c) * K, K);
        }
      }
    });
  },

  'conv3x3.backwardWeight'({ x, dy, dw, db }, memory) {
    const [N, H, W, C] = x.shape;
    const K = dy.shape[3];
    const input = memory.floats(x);
    const dOutput = memory.floats(dy);
    const dTaps = new Float64Array(9 * C * K);
    forEachTap(N, H, W, (from, to, count, tap) => {
      for (let c = 0; c < C; c++) {
        for (let i = 0; i < count; i++) {
          addScaled(dTaps, (tap * C + c) * K, dOutput, (to + i) * K, input[(from + i) * C + c], K);
        }
      }
    });
    fromTaps(dTaps, memory.floats(dw), K, C);
    const dBias = memory.floats(db).fill(0);
    for (let pixel = 0; pixel < N * H * W; pixel++) addScaled(dBias, 0, dOutput, pixel * K, 1, K);
  },
};

/**
 * Calls `visit` for each tap of each row with the runs of `count` input pixels from `from` and output
 * pixels from `to` on that the tap connects; pixels are counted over the whole batch.
 */
function forEachTap(
  N: number,
  H: number,
  W: number,
  visit: (from: number, to: number, count: number, tap: number) => void,
): void {
  for (let n = 0; n < N; n++) {
    for (let h = 0; h < H; h++) {
      for (let r = 0; r < 3; r++) {
        const row = h + r - 1;
        if (row < 0 || row >= H) continue;
        for (let s = 0; s < 3; s++) {
          const first = Math.max(0, 1 - s);
          const last = Math.min(W, W + 1 - s);
          const from = (n * H + row) * W + first + s - 1;
          const to = (n * H + h) * W + first;
          visit(from, to, last - first, r * 3 + s);
        }
      }
    }
  }
}

/** w [K, C, 9] as [9, C, K]: outputs next to each other. */
function toTaps(w: Float64Array, K: number, C: number): Float64Array {
  const taps = new Float64Array(w.length);
  for (let tap = 0; tap < 9; tap++) {
    for (let c = 0; c < C; c++) {
      for (let k = 0; k < K; k++) taps[(tap * C + c) * K + k] = w[(k * C + c) * 9 + tap];
    }
  }
  return taps;
}

/** The way back. */
function fromTaps(taps: Float64Array, w: Float64Array, K: number, C: number): void {
  for (let k = 0; k < K; k++) {
    for (let c = 0; c < C; c++) {
      for (let tap = 0; tap < 9; tap++) w[(k * C + c) * 9 + tap] = taps[(tap * C + c) * K + k];
    }
  }
}
