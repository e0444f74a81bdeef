/**
 * 3x3 convolutions by the definition for so few pixels that making Winograd's kernels would take longer than using them: a
 * matrix of patches times the kernels, which stay as they are packed.
 */
import { arg, floorOf, least, madd } from './madd';
import { ROWS, tileRows, tileRowsPair } from './tiles';

/** Values of a patch that are multiplied before the next, so that a panel's part stays in the first cache. */
const DEPTH: usize = 512;

/**
 * Item: a pixel. patches[pixel][3][3][C] of x [N, H, W, C], zeros outside an image; pixels beyond the last, up to whole
 * register tiles, are zeros.
 * Record: x, patches, N, H, W, C.
 */
export function gatherPatches(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 3);
  const W = arg(a, 4);
  const bytes = arg(a, 5) << 2;
  const line: usize = bytes * 3;
  let to = arg(a, 1) + item * 3 * line;
  if (item >= arg(a, 2) * H * W) {
    memory.fill(to, 0, 3 * line);
    return;
  }
  const image = item / (H * W);
  const top = (item / W) % H;
  const left = item % W;
  for (let r: usize = 0; r < 3; r++) {
    // One above the first row wraps to the largest number: one comparison finds both ends.
    const h = top + r - 1;
    if (h >= H) memory.fill(to, 0, line);
    else {
      const row = arg(a, 0) + (image * H + h) * W * bytes;
      for (let s: usize = 0; s < 3; s++) {
        const w = left + s - 1;
        if (w >= W) memory.fill(to + s * bytes, 0, bytes);
        else memory.copy(to + s * bytes, row + w * bytes, bytes);
      }
    }
    to += line;
  }
}

/**
 * Item: a panel of 8 outputs. y = patches · packed + bias (0: none), then as in `normApply` where `affine` is given (scale and
 * shift of all K channels).
 * Record: patches, packed (from `directKernel`), bias, y, pixels, C, K, affine, relu.
 */
export function patchPanel(a: usize, item: usize, scratch: usize): void {
  const pixels = arg(a, 4);
  const depth: usize = arg(a, 5) * 9;
  const lda = depth << 2;
  const K = arg(a, 6);
  const rows = (pixels + ROWS - 1) & ~(ROWS - 1);
  const b = arg(a, 1) + item * depth * 32;
  for (let k: usize = 0; k < depth; k += DEPTH) {
    const deep = least(DEPTH, depth - k);
    const panel = b + k * 32;
    let row: usize = 0;
    for (; row + 2 * ROWS <= rows; row += 2 * ROWS) {
      const from = arg(a, 0) + row * lda + (k << 2);
      tileRowsPair(from, ROWS * lda, lda, panel, deep, scratch + row * 32, ROWS * 32, 32, k > 0);
    }
    if (row < rows) tileRows(arg(a, 0) + row * lda + (k << 2), lda, panel, deep, scratch + row * 32, 32, k > 0);
  }
  const channel = item * 32;
  const bias: usize = arg(a, 2) ? arg(a, 2) + channel : 0;
  const low = bias ? v128.load(bias) : f32x4.splat(0);
  const high = bias ? v128.load(bias, 16) : f32x4.splat(0);
  const scale: usize = arg(a, 7) ? arg(a, 7) + channel : 0;
  const shift = scale + (K << 2);
  const floor = floorOf(arg(a, 8));
  let to = arg(a, 3) + channel;
  for (let pixel: usize = 0; pixel < pixels; pixel++) {
    let y0 = f32x4.add(v128.load(scratch + pixel * 32), low);
    let y1 = f32x4.add(v128.load(scratch + pixel * 32, 16), high);
    if (scale) {
      y0 = f32x4.pmax(madd(y0, v128.load(scale), v128.load(shift)), floor);
      y1 = f32x4.pmax(madd(y1, v128.load(scale, 16), v128.load(shift, 16)), floor);
    }
    v128.store(to, y0);
    v128.store(to, y1, 16);
    to += K << 2;
  }
}
