import { arg, madd } from './madd';

/**
 * Item: a sample. y = x + share·(partner - x), inside the box y = partner, which is sample N - 1 - item.
 * Record: x, y, mixture (f32: share, left, top, width, height), N, H, W, C.
 */
export function mix(a: usize, item: usize, scratch: usize): void {
  const W = arg(a, 5);
  const C = arg(a, 6);
  const row = W * C * 4;
  const bytes = arg(a, 4) * row;
  const x = arg(a, 0) + item * bytes;
  const partner = arg(a, 0) + (arg(a, 3) - 1 - item) * bytes;
  const y = arg(a, 1) + item * bytes;
  const mixture: usize = arg(a, 2);
  const share = load<f32>(mixture);
  if (share == 0) memory.copy(y, x, bytes);
  else {
    const share4 = f32x4.splat(share);
    let i: usize = 0;
    for (; i + 16 <= bytes; i += 16) {
      const own = v128.load(x + i);
      v128.store(y + i, madd(share4, f32x4.sub(v128.load(partner + i), own), own));
    }
    for (; i < bytes; i += 4) {
      const own = load<f32>(x + i);
      store<f32>(y + i, own + share * (load<f32>(partner + i) - own));
    }
  }
  const width = <usize>load<f32>(mixture, 12);
  const height = <usize>load<f32>(mixture, 16);
  let at = (<usize>load<f32>(mixture, 8) * W + <usize>load<f32>(mixture, 4)) * C * 4;
  for (let line: usize = 0; line < height; line++) {
    memory.copy(y + at, partner + at, width * C * 4);
    at += row;
  }
}
