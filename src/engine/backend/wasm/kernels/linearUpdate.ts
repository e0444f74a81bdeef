/**
 * The weight gradient of a linear layer and the update of its weights in one pass: the gradient, as large as the weights
 * and wanted by nobody else, is used up while it is in the cache.
 */
import { averageRun } from './average';
import { CHUNK } from './gemm';
import { arg, least } from './madd';
import { sgdRun } from './sgd';
import { PANEL, ROWS, tileColumnsPair } from './tiles';

/** Most panels of 8 inputs whose gradient is held at a time, for two register tiles of outputs: UPDATE_SCRATCH in lower.ts. */
const PANELS: usize = 256;

/**
 * Item: a block of outputs, a multiple of 8 as I and O are. dw = dyᵀ·x from the strips of both, summed as `linearGradient`
 * does; then the steps of `sgd` and, unless `average` is 0, of `average`.
 * Record: strips of x (8 wide), strips of dy (4 wide), w, N, I, O, block, velocity, average, hyper, decay, nesterov.
 */
export function linearUpdate(r: usize, item: usize, scratch: usize): void {
  const N = arg(r, 3);
  const I = arg(r, 4);
  const block = arg(r, 6);
  const first = item * block;
  const last = least(arg(r, 5), first + block);
  const panels = I / PANEL;
  const bytes = N * PANEL * 4;
  const chunk = least(CHUNK / bytes + 1, PANELS);
  for (let p: usize = 0; p < panels; p += chunk) {
    const count = least(panels - p, chunk);
    const line: usize = count * PANEL * 4;
    for (let o = first; o < last; o += 2 * ROWS) {
      const strip = arg(r, 1) + o * N * 4;
      let b = arg(r, 0) + p * bytes;
      for (let to = scratch; to < scratch + line; to += PANEL * 4) {
        tileColumnsPair(strip, ROWS * N * 4, 16, b, 32, N, to, ROWS * line, line, false);
        b += bytes;
      }
      for (let row: usize = 0; row < 2 * ROWS; row++) {
        updateRow(r, ((o + row) * I + p * PANEL) << 2, scratch + row * line, line);
      }
    }
  }
}

/** The update of the weights `at` bytes behind the first, from their gradients. */
function updateRow(r: usize, at: usize, grad: usize, bytes: usize): void {
  const param = arg(r, 2) + at;
  const hyper: usize = arg(r, 9);
  sgdRun(param, grad, arg(r, 7) + at, bytes, hyper, arg(r, 10), arg(r, 11) != 0);
  if (arg(r, 8)) averageRun(param, arg(r, 8) + at, bytes, hyper);
}
