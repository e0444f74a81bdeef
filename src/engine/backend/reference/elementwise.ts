import { type KernelTable, STEP } from '../../kernels.ts';
import { bits, dropThreshold, keyOf, STREAMS } from '../../random.ts';
import type { Tensor } from '../../tensor.ts';
import type { Memory } from './memory.ts';

type Names =
  | 'relu.forward'
  | 'relu.backward'
  | 'dropout.forward'
  | 'dropout.backward'
  | 'flatten.forward'
  | 'flatten.backward'
  | 'add';

export const ELEMENTWISE: Pick<KernelTable<Memory>, Names> = {
  'relu.forward'({ x, y }, memory) {
    const input = memory.floats(x);
    const output = memory.floats(y);
    for (let i = 0; i < input.length; i++) output[i] = Math.max(input[i], 0);
  },
  'relu.backward'({ y, dy, dx }, memory) {
    const output = memory.floats(y);
    const dOutput = memory.floats(dy);
    const dInput = memory.floats(dx);
    for (let i = 0; i < output.length; i++) dInput[i] = output[i] > 0 ? dOutput[i] : 0;
  },

  'dropout.forward': ({ x, y, ...draw }, memory) => drop(x, y, draw, memory),
  // Both directions multiply by the same mask.
  'dropout.backward': ({ dy, dx, ...draw }, memory) => drop(dy, dx, draw, memory),

  'flatten.forward'({ x, y }, memory) {
    const [N, H, W, C] = x.shape;
    const input = memory.floats(x);
    const output = memory.floats(y);
    forEachFeature(N, H * W, C, (pixelFirst, channelFirst) => {
      output[channelFirst] = input[pixelFirst];
    });
  },
  'flatten.backward'({ dy, dx }, memory) {
    const [N, H, W, C] = dx.shape;
    const dOutput = memory.floats(dy);
    const dInput = memory.floats(dx);
    forEachFeature(N, H * W, C, (pixelFirst, channelFirst) => {
      dInput[pixelFirst] = dOutput[channelFirst];
    });
  },

  add({ a, b, y }, memory) {
    const left = memory.floats(a);
    const right = memory.floats(b);
    const sum = memory.floats(y);
    for (let i = 0; i < sum.length; i++) sum[i] = left[i] + right[i];
  },
};

function drop(
  x: Tensor,
  y: Tensor,
  { step, p, layer }: { step: Tensor; p: number; layer: number },
  memory: Memory,
): void {
  const slots = memory.ints(step);
  const key = keyOf(slots[STEP.seed], STREAMS.dropout, slots[STEP.step], layer);
  const threshold = dropThreshold(p);
  const input = memory.floats(x);
  const output = memory.floats(y);
  for (let i = 0; i < input.length; i++) output[i] = bits(key, i) >= threshold ? input[i] / (1 - p) : 0;
}

/** Pairs the positions of feature c of pixel p in [N, P, C] and in [N, C, P]. */
function forEachFeature(
  N: number,
  P: number,
  C: number,
  visit: (pixelFirst: number, channelFirst: number) => void,
): void {
  for (let n = 0; n < N; n++) {
    for (let p = 0; p < P; p++) {
      for (let c = 0; c < C; c++) visit((n * P + p) * C + c, (n * C + c) * P + p);
    }
  }
}
