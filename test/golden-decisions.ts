import type { NumericArray } from '../src/engine/backend.ts';
import type { Tensor } from '../src/engine/tensor.ts';
import { largest } from './compare.ts';
import { ACTIVATIONS, TRAINING } from './golden.ts';

/**
 * Where two runs of the first step decided differently, on which side of a ReLU a value lies or which
 * pixel of a window is the largest, and how far from a tie the second run was at most, on the scale of
 * the tensor's largest value.
 */
export function differingDecisions(
  here: readonly NumericArray[],
  there: readonly NumericArray[],
): { count: number; of: number; margin: number } {
  const found = { count: 0, of: 0, margin: 0 };
  const decide = (differs: boolean, distance: number, scale: number): void => {
    found.of++;
    if (!differs) return;
    found.count++;
    found.margin = Math.max(found.margin, distance / scale);
  };
  const values = (of: Tensor): [NumericArray, NumericArray] => {
    const index = ACTIVATIONS.findIndex(({ buffer }) => buffer === of.buffer);
    return [here[index], there[index]];
  };
  for (const { kernel, args } of TRAINING.forward) {
    if (kernel === 'batchNorm.forward' || kernel === 'relu.forward') {
      const [a, b] = values(args.y);
      const scale = largest(b);
      for (let i = 0; i < b.length; i++) decide(a[i] > 0 !== b[i] > 0, Math.max(a[i], b[i]), scale);
    }
    if (kernel === 'maxPool2.forward') {
      const [a, b] = values(args.x);
      const scale = largest(b);
      for (const window of windows(args.x.shape)) {
        const [mine, other] = [winner(a, window), winner(b, window)];
        decide(mine !== other, b[other] - b[mine], scale);
      }
    }
  }
  return found;
}

function winner(values: NumericArray, window: readonly number[]): number {
  return window.reduce((best, i) => (values[i] > values[best] ? i : best), window[0]);
}

function* windows([N, H, W, C]: readonly number[]): Generator<number[]> {
  for (let row = 0; row < N * H; row++) {
    // A window never reaches over an image's end: a last odd row starts none.
    if ((row % H) % 2 === 1 || (row % H) + 1 >= H) continue;
    for (let column = 0; column + 1 < W; column += 2) {
      for (let c = 0; c < C; c++) {
        const first = (row * W + column) * C + c;
        yield [first, first + C, first + W * C, first + W * C + C];
      }
    }
  }
}
