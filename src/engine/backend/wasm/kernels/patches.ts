/**
 * 3x3 convolutions by the definition for so few pixels that making Winograd's kernels would take longer than using them: a
 * patch of inputs for every pixel, multiplied with the kernels as they lie by `linearDots`.
 */
import { arg } from './madd';

/**
 * Item: a pixel. patches[pixel][C][3][3] of x [N, H, W, C], zeros outside an image; pixels beyond the last are zeros.
 * Record: x, patches, N, H, W, C.
 */
export function gatherPatches(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 3);
  const W = arg(a, 4);
  const C = arg(a, 5);
  const to = arg(a, 1) + item * C * 36;
  const image = item / (H * W);
  const top = (item / W) % H;
  const left = item % W;
  for (let tap: usize = 0; tap < 9; tap++) {
    // One before the first row or column wraps to the largest number: one comparison finds both ends.
    const h = top + tap / 3 - 1;
    const w = left + (tap % 3) - 1;
    const inside = image < arg(a, 2) && h < H && w < W;
    const from = arg(a, 0) + ((image * H + h) * W + w) * C * 4;
    for (let c: usize = 0; c < C; c++) {
      store<f32>(to + (c * 9 + tap) * 4, inside ? load<f32>(from + (c << 2)) : 0);
    }
  }
}

/**
 * Item: an input c. turned[c][k][8 - tap] of w [K, C, 3, 3]: the kernel of the input gradient.
 * Record: w, turned, K, C.
 */
export function turnKernel(a: usize, item: usize, scratch: usize): void {
  const K = arg(a, 2);
  const C = arg(a, 3);
  for (let k: usize = 0; k < K; k++) {
    const from = arg(a, 0) + (k * C + item) * 36;
    const to = arg(a, 1) + (item * K + k) * 36;
    for (let tap: usize = 0; tap < 9; tap++) store<f32>(to + (tap << 2), load<f32>(from + ((8 - tap) << 2)));
  }
}
