import type { KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';
import { addProduct, sumRows, transposed } from './product.ts';

type Names = 'conv3x3.forward' | 'conv3x3.backwardInput' | 'conv3x3.backwardWeight';

/** The nine taps as offsets in rows and columns of the pixel that is read. */
const TAPS = [-1, 0, 1].flatMap((down) => [-1, 0, 1].map((right) => ({ down, right })));

/**
 * y[n,h,w,k] = b[k] + Σ_rsc x[n, h+r-1, w+s-1, c] · w[k,c,r,s], pixels outside the image being 0: for
 * each tap (r, s) the product of the shifted image, a matrix [P, C] of P = N·H·W pixels, and the tap's
 * weights [K, C]. Each product in y gives one term of dx and one of dw.
 */
export const CONVOLUTION: Pick<KernelTable<Memory>, Names> = {
  'conv3x3.forward'({ x, w, b, y }, memory) {
    const [N, H, W, C] = x.shape;
    const K = w.shape[0];
    const P = N * H * W;
    const input = memory.floats(x);
    const weights = memory.floats(w);
    const output = memory.floats(y);
    const bias = memory.floats(b);
    for (let pixel = 0; pixel < P; pixel++) output.set(bias, pixel * K);
    TAPS.forEach(({ down, right }, tap) => {
      const shifted = shift(input, x.shape, down, right);
      addProduct(output, shifted, ofTap(weights, tap), { M: P, N: K, D: C });
    });
  },

  'conv3x3.backwardInput'({ dy, w, dx }, memory) {
    const [N, H, W, K] = dy.shape;
    const C = w.shape[1];
    const dOutput = memory.floats(dy);
    const weights = memory.floats(w);
    const dInput = memory.floats(dx).fill(0);
    TAPS.forEach(({ down, right }, tap) => {
      // A pixel serves the outputs that lie the other way.
      const shifted = shift(dOutput, dy.shape, -down, -right);
      addProduct(dInput, shifted, transposed(ofTap(weights, tap), K, C), { M: N * H * W, N: C, D: K });
    });
  },

  'conv3x3.backwardWeight'({ x, dy, dw, db }, memory) {
    const [N, H, W, C] = x.shape;
    const K = dy.shape[3];
    const P = N * H * W;
    const input = memory.floats(x);
    const dOutput = memory.floats(dy);
    const dWeights = memory.floats(dw);
    const byChannel = transposed(dOutput, P, K);
    TAPS.forEach(({ down, right }, tap) => {
      const shifted = transposed(shift(input, x.shape, down, right), P, C);
      const gradient = new Float64Array(K * C);
      addProduct(gradient, byChannel, shifted, { M: K, N: C, D: P });
      for (let i = 0; i < K * C; i++) dWeights[i * TAPS.length + tap] = gradient[i];
    });
    sumRows(dOutput, memory.floats(db));
  },
};

/** The images with pixel (h + down, w + right) in the place of (h, w), 0 where there is none. */
function shift(
  images: Float64Array,
  [N, H, W, C]: readonly number[],
  down: number,
  right: number,
): Float64Array {
  const shifted = new Float64Array(images.length);
  const first = Math.max(0, -right);
  const count = Math.max(0, W - Math.abs(right));
  for (let n = 0; n < N; n++) {
    for (let h = Math.max(0, -down); h < Math.min(H, H - down); h++) {
      const to = ((n * H + h) * W + first) * C;
      const from = ((n * H + h + down) * W + first + right) * C;
      shifted.set(images.subarray(from, from + count * C), to);
    }
  }
  return shifted;
}

/** The weights [K, C] of one tap of w [K, C, 9]. */
function ofTap(w: Float64Array, tap: number): Float64Array {
  const weights = new Float64Array(w.length / TAPS.length);
  for (let i = 0; i < weights.length; i++) weights[i] = w[i * TAPS.length + tap];
  return weights;
}
