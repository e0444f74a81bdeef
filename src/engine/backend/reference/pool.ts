import type { KernelTable } from '../../kernels.ts';
import type { Memory } from './memory.ts';

/** The largest of each window of 2x2 pixels; its gradient goes to the first pixel that has the value. */
export const POOL: Pick<KernelTable<Memory>, 'maxPool2.forward' | 'maxPool2.backward'> = {
  'maxPool2.forward'({ x, y }, memory) {
    const input = memory.floats(x);
    const output = memory.floats(y);
    forEachWindow(x.shape, (window, at) => {
      output[at] = Math.max(...window.map((i) => input[i]));
    });
  },

  'maxPool2.backward'({ x, dy, dx }, memory) {
    const input = memory.floats(x);
    const dOutput = memory.floats(dy);
    const dInput = memory.floats(dx).fill(0);
    forEachWindow(x.shape, (window, at) => {
      const best = Math.max(...window.map((i) => input[i]));
      const winner = window.find((i) => input[i] === best);
      if (winner !== undefined) dInput[winner] = dOutput[at];
    });
  },
};

/** Calls `visit` with the four positions of each window in x, row by row, and its position in y. */
function forEachWindow(
  [N, H, W, C]: readonly number[],
  visit: (window: readonly number[], at: number) => void,
): void {
  const rows = H >> 1;
  const columns = W >> 1;
  for (let at = 0; at < N * rows * columns * C; at++) {
    const c = at % C;
    const column = Math.floor(at / C) % columns;
    const row = Math.floor(at / (C * columns)) % rows;
    const n = Math.floor(at / (C * columns * rows));
    const first = ((n * H + 2 * row) * W + 2 * column) * C + c;
    visit([first, first + C, first + W * C, first + W * C + C], at);
  }
}
