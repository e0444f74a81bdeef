import type { KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';
import { addScaled, dot } from './rows.ts';

type Names = 'linear.forward' | 'linear.backwardInput' | 'linear.backwardWeight';

/** y[n,o] = b[o] + Σ_i x[n,i] · w[o,i]. The loop over o is outside, for the weights are the large operand. */
export const LINEAR: Pick<KernelTable<Memory>, Names> = {
  'linear.forward'({ x, w, b, y }, memory) {
    const [N, I] = x.shape;
    const O = w.shape[0];
    const input = memory.floats(x);
    const weights = memory.floats(w);
    const bias = memory.floats(b);
    const output = memory.floats(y);
    for (let o = 0; o < O; o++) {
      for (let n = 0; n < N; n++) output[n * O + o] = bias[o] + dot(input, n * I, weights, o * I, I);
    }
  },

  'linear.backwardInput'({ dy, w, dx }, memory) {
    const [N, O] = dy.shape;
    const I = w.shape[1];
    const dOutput = memory.floats(dy);
    const weights = memory.floats(w);
    const dInput = memory.floats(dx).fill(0);
    for (let o = 0; o < O; o++) {
      for (let n = 0; n < N; n++) addScaled(dInput, n * I, weights, o * I, dOutput[n * O + o], I);
    }
  },

  'linear.backwardWeight'({ x, dy, dw, db }, memory) {
    const [N, I] = x.shape;
    const O = dy.shape[1];
    const input = memory.floats(x);
    const dOutput = memory.floats(dy);
    const dWeights = memory.floats(dw).fill(0);
    const dBias = memory.floats(db).fill(0);
    for (let o = 0; o < O; o++) {
      for (let n = 0; n < N; n++) {
        addScaled(dWeights, o * I, input, n * I, dOutput[n * O + o], I);
        dBias[o] += dOutput[n * O + o];
      }
    }
  },
};
