import { AVERAGE, slot } from './hyper';
import { arg, least, madd } from './madd';

/**
 * Item: a block of elements, a multiple of 4 unless it is the last. A share of 1 copies to the bit.
 * Record: value, average, hyper, length, block.
 */
export function average(a: usize, item: usize, scratch: usize): void {
  const value: usize = arg(a, 0);
  const mean: usize = arg(a, 1);
  const share = slot(arg(a, 2), AVERAGE);
  const first: usize = item * arg(a, 4) * 4;
  const end = least(arg(a, 3), (item + 1) * arg(a, 4)) << 2;
  if (share == 1) {
    memory.copy(mean + first, value + first, end - first);
    return;
  }
  const share4 = f32x4.splat(share);
  let i = first;
  for (; i + 16 <= end; i += 16) {
    const m = v128.load(mean + i);
    v128.store(mean + i, madd(share4, f32x4.sub(v128.load(value + i), m), m));
  }
  for (; i < end; i += 4) {
    const m = load<f32>(mean + i);
    store<f32>(mean + i, m + share * (load<f32>(value + i) - m));
  }
}
