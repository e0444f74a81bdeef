import type { KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';
import { addProduct, sumRows, transposed } from './product.ts';

type Names = 'linear.forward' | 'linear.backwardInput' | 'linear.backwardWeight';

/** y = x·wᵀ + b for y [N, O], x [N, I] and w [O, I]. */
export const LINEAR: Pick<KernelTable<Memory>, Names> = {
  'linear.forward'({ x, w, b, y }, memory) {
    const [N, I] = x.shape;
    const O = w.shape[0];
    const output = memory.floats(y);
    for (let n = 0; n < N; n++) output.set(memory.floats(b), n * O);
    addProduct(output, memory.floats(x), memory.floats(w), { M: N, N: O, D: I });
  },

  'linear.backwardInput'({ dy, w, dx }, memory) {
    const [N, O] = dy.shape;
    const I = w.shape[1];
    const dOutput = memory.floats(dy);
    const weights = memory.floats(w);
    const dInput = memory.floats(dx).fill(0);
    // Not as a product with wᵀ: the weights are the large operand, and are read once in their own order.
    for (let o = 0; o < O; o++) {
      for (let n = 0; n < N; n++) {
        const factor = dOutput[n * O + o];
        for (let i = 0; i < I; i++) dInput[n * I + i] += factor * weights[o * I + i];
      }
    }
  },

  'linear.backwardWeight'({ x, dy, dw, db }, memory) {
    const [N, I] = x.shape;
    const O = dy.shape[1];
    const dOutput = memory.floats(dy);
    const dWeights = memory.floats(dw).fill(0);
    const byInput = transposed(memory.floats(x), N, I);
    addProduct(dWeights, transposed(dOutput, N, O), byInput, { M: O, N: I, D: N });
    sumRows(dOutput, memory.floats(db));
  },
};
