/** Kernels over flat arrays; an item is a block of elements, a multiple of 4 unless it is the last. */
import { arg, argF, least } from './madd';
import { bits, EMPTY_KEY, extend, mix4 } from './random';

/** Bytes first..end of an item's block. */
@inline
export function firstOf(item: usize, block: usize): usize {
  return item * block * 4;
}

@inline
export function endOf(item: usize, block: usize, length: usize): usize {
  return least(length, (item + 1) * block) * 4;
}

/** Record: x, y, length, block. */
export function relu(a: usize, item: usize, scratch: usize): void {
  const x: usize = arg(a, 0);
  const y: usize = arg(a, 1);
  const end = endOf(item, arg(a, 3), arg(a, 2));
  let i = firstOf(item, arg(a, 3));
  for (; i + 16 <= end; i += 16) v128.store(y + i, f32x4.pmax(v128.load(x + i), f32x4.splat(0)));
  for (; i < end; i += 4) {
    const value = load<f32>(x + i);
    store<f32>(y + i, value < 0 ? 0 : value);
  }
}

/** Record: y, dy, dx, length, block. */
export function reluGradient(a: usize, item: usize, scratch: usize): void {
  const y: usize = arg(a, 0);
  const dy: usize = arg(a, 1);
  const dx: usize = arg(a, 2);
  const end = endOf(item, arg(a, 4), arg(a, 3));
  let i = firstOf(item, arg(a, 4));
  for (; i + 16 <= end; i += 16) {
    v128.store(dx + i, v128.and(v128.load(dy + i), f32x4.gt(v128.load(y + i), f32x4.splat(0))));
  }
  for (; i < end; i += 4) store<f32>(dx + i, load<f32>(y + i) > 0 ? load<f32>(dy + i) : 0);
}

/**
 * Both directions: y = kept ? x / (1 - p) : 0. Kept where 32 random bits are at least `threshold` = p·2^32.
 * Record: x, y, step, length, block, threshold, scale (f32), stream, layer.
 */
export function dropout(a: usize, item: usize, scratch: usize): void {
  const x: usize = arg(a, 0);
  const y: usize = arg(a, 1);
  const step: usize = arg(a, 2);
  const threshold = <u32>arg(a, 5);
  const scale = argF(a, 6);
  let key = extend(EMPTY_KEY, load<u32>(step));
  key = extend(key, <u32>arg(a, 7));
  key = extend(key, load<u32>(step, 12));
  key = extend(key, <u32>arg(a, 8));
  const end = endOf(item, arg(a, 4), arg(a, 3));
  let i = firstOf(item, arg(a, 4));
  const least4 = i32x4.splat(threshold);
  const scale4 = f32x4.splat(scale);
  const count = i32x4.splat(0x27d4eb2f);
  const key4 = i32x4.splat(key);
  for (; i + 16 <= end; i += 16) {
    const element = i32x4.add(i32x4.splat(<i32>(i >> 2)), i32x4(0, 1, 2, 3));
    const random = mix4(v128.xor(key4, mix4(i32x4.add(element, count))));
    const kept = i32x4.ge_u(random, least4);
    v128.store(y + i, v128.and(f32x4.mul(v128.load(x + i), scale4), kept));
  }
  for (; i < end; i += 4) {
    store<f32>(y + i, bits(key, <u32>(i >> 2)) >= threshold ? load<f32>(x + i) * scale : 0);
  }
}

/** Item: a sample. y [C, P] = x [P, C] turned. Record: x, y, P, C. */
export function flatten(a: usize, item: usize, scratch: usize): void {
  const P: usize = arg(a, 2);
  const C: usize = arg(a, 3);
  const start = item * P * C * 4;
  for (let p: usize = 0; p < P; p++) {
    for (let c: usize = 0; c < C; c++) {
      store<f32>(arg(a, 1) + start + (c * P + p) * 4, load<f32>(arg(a, 0) + start + (p * C + c) * 4));
    }
  }
}

/** Item: a sample. dx [P, C] = dy [C, P] turned. Record: dy, dx, P, C. */
export function unflatten(a: usize, item: usize, scratch: usize): void {
  const P: usize = arg(a, 2);
  const C: usize = arg(a, 3);
  const start = item * P * C * 4;
  for (let p: usize = 0; p < P; p++) {
    for (let c: usize = 0; c < C; c++) {
      store<f32>(arg(a, 1) + start + (p * C + c) * 4, load<f32>(arg(a, 0) + start + (c * P + p) * 4));
    }
  }
}

/** Record: a, b, y, length, block. */
export function add(a: usize, item: usize, scratch: usize): void {
  const p: usize = arg(a, 0);
  const q: usize = arg(a, 1);
  const y: usize = arg(a, 2);
  const end = endOf(item, arg(a, 4), arg(a, 3));
  let i = firstOf(item, arg(a, 4));
  for (; i + 16 <= end; i += 16) v128.store(y + i, f32x4.add(v128.load(p + i), v128.load(q + i)));
  for (; i < end; i += 4) store<f32>(y + i, load<f32>(p + i) + load<f32>(q + i));
}
