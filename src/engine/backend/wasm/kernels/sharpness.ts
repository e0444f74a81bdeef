/** Sharpness-aware minimization: `ascend` and its way back. An item is a block of elements. */
import { endOf, firstOf } from './elementwise';
import { arg, argF, lanes, madd } from './madd';

/** The sum of squares of each block, parts [items]. Record: x, parts, length, block. */
export function squareSums(a: usize, item: usize, scratch: usize): void {
  const x: usize = arg(a, 0);
  const end = endOf(item, arg(a, 3), arg(a, 2));
  let i = firstOf(item, arg(a, 3));
  let even = f32x4.splat(0);
  let odd = f32x4.splat(0);
  for (; i + 32 <= end; i += 32) {
    const p = v128.load(x + i);
    const q = v128.load(x + i, 16);
    even = madd(p, p, even);
    odd = madd(q, q, odd);
  }
  let sum = lanes(f32x4.add(even, odd));
  for (; i < end; i += 4) sum += load<f32>(x + i) * load<f32>(x + i);
  store<f32>(arg(a, 1) + (item << 2), sum);
}

/** See `ascend` in kernels.ts. Record: param, grad, squareSum, start, length, block, radius (f32). */
export function ascend(a: usize, item: usize, scratch: usize): void {
  const param: usize = arg(a, 0);
  const grad: usize = arg(a, 1);
  const start: usize = arg(a, 3);
  const scale = <f32>(<f64>argF(a, 6) / (Math.sqrt(<f64>load<f32>(arg(a, 2))) + 1e-12));
  const scale4 = f32x4.splat(scale);
  const end = endOf(item, arg(a, 5), arg(a, 4));
  let i = firstOf(item, arg(a, 5));
  for (; i + 16 <= end; i += 16) {
    const p = v128.load(param + i);
    v128.store(start + i, p);
    v128.store(param + i, madd(scale4, v128.load(grad + i), p));
  }
  for (; i < end; i += 4) {
    const p = load<f32>(param + i);
    store<f32>(start + i, p);
    store<f32>(param + i, p + scale * load<f32>(grad + i));
  }
}

/** Record: x, y, length, block. */
export function copy(a: usize, item: usize, scratch: usize): void {
  const first = firstOf(item, arg(a, 3));
  memory.copy(arg(a, 1) + first, arg(a, 0) + first, endOf(item, arg(a, 3), arg(a, 2)) - first);
}
