import { AVERAGE, slot } from './hyper';
import { arg, least, madd } from './madd';

/** Moves `bytes` of an average towards the values by the share in `hyper`. A share of 1 copies to the bit. */
export function averageRun(value: usize, mean: usize, bytes: usize, hyper: usize): void {
  const share = slot(hyper, AVERAGE);
  if (share == 1) {
    memory.copy(mean, value, bytes);
    return;
  }
  const share4 = f32x4.splat(share);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const m = v128.load(mean + i);
    v128.store(mean + i, madd(share4, f32x4.sub(v128.load(value + i), m), m));
  }
  for (; i < bytes; i += 4) {
    const m = load<f32>(mean + i);
    store<f32>(mean + i, m + share * (load<f32>(value + i) - m));
  }
}

/** Item: a block of elements, a multiple of 4 unless it is the last. Record: value, average, hyper, length, block. */
export function average(a: usize, item: usize, scratch: usize): void {
  const first: usize = item * arg(a, 4) * 4;
  const bytes = (least(arg(a, 3), (item + 1) * arg(a, 4)) << 2) - first;
  averageRun(arg(a, 0) + first, arg(a, 1) + first, bytes, arg(a, 2));
}
