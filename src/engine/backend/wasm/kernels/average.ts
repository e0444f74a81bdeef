import { AVERAGE, slot } from './hyper';
import { arg, least, madd } from './madd';

/** Four values of an average that moves towards `value` by `share`, which is not 1. */
@inline
export function averageStep(mean: v128, value: v128, share: v128): v128 {
  return madd(share, f32x4.sub(value, mean), mean);
}

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
    v128.store(mean + i, averageStep(v128.load(mean + i), v128.load(value + i), share4));
  }
  for (; i < end; i += 4) {
    const m = load<f32>(mean + i);
    store<f32>(mean + i, m + share * (load<f32>(value + i) - m));
  }
}
