/** 2x2 max pooling of NHWC; the gradient finds the winner again from x. C is a multiple of 4. */
import { arg } from './madd';

/**
 * Item: one output row of one image.
 * Record: x, y, H, W, C.
 */
export function pool(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 2);
  const W = arg(a, 3);
  const line: usize = arg(a, 4) << 2;
  const rows = H >> 1;
  const columns = W >> 1;
  let x = arg(a, 0) + ((item / rows) * H + (item % rows) * 2) * W * line;
  let y = arg(a, 1) + item * columns * line;
  const below = W * line;
  for (let j: usize = 0; j < columns; j++) {
    for (let c: usize = 0; c < line; c += 16) {
      const top = f32x4.max(v128.load(x + c), v128.load(x + line + c));
      const bottom = f32x4.max(v128.load(x + below + c), v128.load(x + below + line + c));
      v128.store(y + c, f32x4.max(top, bottom));
    }
    x += 2 * line;
    y += line;
  }
}

/**
 * Item: two rows of dx of one image, or the one that is left over, which is cleared.
 * Record: x, dy, dx, H, W, C.
 */
export function poolGradient(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 3);
  const W = arg(a, 4);
  const line: usize = arg(a, 5) << 2;
  const pairs = (H + 1) >> 1;
  const image = item / pairs;
  const row = item % pairs;
  const below = W * line;
  const start = (image * H + row * 2) * below;
  let dx = arg(a, 2) + start;
  if (row * 2 + 1 == H) {
    memory.fill(dx, 0, below);
    return;
  }
  const columns = W >> 1;
  let x = arg(a, 0) + start;
  let dy = arg(a, 1) + (image * (H >> 1) + row) * columns * line;
  for (let j: usize = 0; j < columns; j++) {
    for (let c: usize = 0; c < line; c += 16) {
      const x0 = v128.load(x + c);
      const x1 = v128.load(x + line + c);
      const x2 = v128.load(x + below + c);
      const x3 = v128.load(x + below + line + c);
      const best = f32x4.max(f32x4.max(x0, x1), f32x4.max(x2, x3));
      const g = v128.load(dy + c);
      // The first of equals wins, in row-major order, as in PyTorch.
      const w0 = f32x4.eq(x0, best);
      const w1 = v128.andnot(f32x4.eq(x1, best), w0);
      const taken = v128.or(w0, w1);
      const w2 = v128.andnot(f32x4.eq(x2, best), taken);
      const w3 = v128.andnot(f32x4.eq(x3, best), v128.or(taken, w2));
      v128.store(dx + c, v128.and(g, w0));
      v128.store(dx + line + c, v128.and(g, w1));
      v128.store(dx + below + c, v128.and(g, w2));
      v128.store(dx + below + line + c, v128.and(g, w3));
    }
    x += 2 * line;
    dx += 2 * line;
    dy += line;
  }
  if (W & 1) {
    memory.fill(dx, 0, line);
    memory.fill(dx + below, 0, line);
  }
}
