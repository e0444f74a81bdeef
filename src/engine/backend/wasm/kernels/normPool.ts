/**
 * Batch norm in front of 2x2 max pooling, together: what lies between them is never stored. The forward pass leaves a
 * byte for each pooled value, which of its four pixels it came from (0 to 3 in row-major order, 4 where all are NaN),
 * so the backward pass finds the gradient of a pixel in the pooled one. H and W are even, C is a multiple of 16.
 */
import { arg, floorOf, least, madd } from './madd';

/** 0 to 3 for the first of four values that is the largest, 4 for none. */
@inline
function winner(x0: v128, x1: v128, x2: v128, x3: v128, best: v128): v128 {
  let code = v128.bitselect(i32x4.splat(3), i32x4.splat(4), f32x4.eq(x3, best));
  code = v128.bitselect(i32x4.splat(2), code, f32x4.eq(x2, best));
  code = v128.bitselect(i32x4.splat(1), code, f32x4.eq(x1, best));
  return v128.andnot(code, f32x4.eq(x0, best));
}

/** Four channels of a window: the largest of scale·x + shift goes to y. Returns where it came from. */
@inline
function poolFour(x: usize, line: usize, below: usize, affine: usize, end: usize, floor: v128, y: usize): v128 {
  const scale = v128.load(affine);
  const shift = v128.load(end);
  const x0 = f32x4.pmax(madd(v128.load(x), scale, shift), floor);
  const x1 = f32x4.pmax(madd(v128.load(x + line), scale, shift), floor);
  const x2 = f32x4.pmax(madd(v128.load(x + below), scale, shift), floor);
  const x3 = f32x4.pmax(madd(v128.load(x + below + line), scale, shift), floor);
  const best = f32x4.max(f32x4.max(x0, x1), f32x4.max(x2, x3));
  v128.store(y, best);
  return winner(x0, x1, x2, x3, best);
}

/**
 * Item: one pooled row of one image. y = max of scale·x + shift over 2x2 pixels, below 0 cut where relu.
 * Record: x, affine, y, codes, H, W, C, relu.
 */
export function normApplyPool(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 4);
  const W = arg(a, 5);
  const C = arg(a, 6);
  const line: usize = C << 2;
  const below = W * line;
  const columns = W >> 1;
  const floor = floorOf(arg(a, 7));
  // Rows of all images follow each other, and each has an even number of them.
  let x = arg(a, 0) + item * 2 * below;
  let y = arg(a, 2) + item * columns * line;
  let codes = arg(a, 3) + item * columns * C;
  for (let j: usize = 0; j < columns; j++) {
    for (let c: usize = 0; c < line; c += 64) {
      const affine = arg(a, 1) + c;
      const at = x + c;
      const to = y + c;
      const k0 = poolFour(at, line, below, affine, affine + line, floor, to);
      const k1 = poolFour(at + 16, line, below, affine + 16, affine + line + 16, floor, to + 16);
      const k2 = poolFour(at + 32, line, below, affine + 32, affine + line + 32, floor, to + 32);
      const k3 = poolFour(at + 48, line, below, affine + 48, affine + line + 48, floor, to + 48);
      const low = i16x8.narrow_i32x4_u(k0, k1);
      v128.store(codes + (c >> 2), i8x16.narrow_i16x8_u(low, i16x8.narrow_i32x4_u(k2, k3)));
    }
    x += 2 * line;
    y += line;
    codes += C;
  }
}

/** Bytes that say of a pixel where its pooled values begin, in elements, and which of the four pixels it is. */
const PLACE: usize = 8;

/**
 * As `normGradientSums`, in the same order, with the gradient of the pooled values as `dy`.
 * Record: x, dy, saved, affine, parts, P, C, block, relu, codes, W. Scratch: a place for each pixel of a block.
 */
export function normGradientSumsPool(a: usize, item: usize, scratch: usize): void {
  const saved: usize = arg(a, 2);
  const affine: usize = arg(a, 3);
  const C = arg(a, 6);
  const block = arg(a, 7);
  const W = arg(a, 10);
  const first = item * block;
  const count = least(block, arg(a, 5) - first);
  const line: usize = C << 2;
  const x = arg(a, 0) + first * line;
  const part = arg(a, 4) + item * 2 * line;
  const floor = floorOf(arg(a, 8));
  const places = scratch;
  for (let i: usize = 0; i < count; i++) {
    const row = (first + i) / W;
    const column = first + i - row * W;
    store<u32>(places + i * PLACE, ((row >> 1) * (W >> 1) + (column >> 1)) * C);
    store<u32>(places + i * PLACE, ((row & 1) << 1) | (column & 1), 4);
  }
  const end = places + count * PLACE;
  for (let c: usize = 0; c < C; c += 8) {
    const byte = c << 2;
    const dy = arg(a, 1) + byte;
    const codes = arg(a, 9) + c;
    const scale = v128.load(affine + byte);
    const scale1 = v128.load(affine + byte, 16);
    const shift = v128.load(affine + line + byte);
    const shift1 = v128.load(affine + line + byte, 16);
    const mean = v128.load(saved + byte);
    const mean1 = v128.load(saved + byte, 16);
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let p0 = f32x4.splat(0);
    let p1 = f32x4.splat(0);
    let at = x + byte;
    for (let place = places; place < end; place += PLACE) {
      const from: usize = load<u32>(place);
      const own = v128.load32_splat(place, 4);
      const winners = i16x8.extend_low_i8x16_u(v128.load64_zero(codes + from));
      const won = i32x4.eq(i32x4.extend_low_i16x8_u(winners), own);
      const won1 = i32x4.eq(i32x4.extend_high_i16x8_u(winners), own);
      const value = v128.load(at);
      const value1 = v128.load(at, 16);
      const passed = v128.and(won, f32x4.gt(madd(value, scale, shift), floor));
      const passed1 = v128.and(won1, f32x4.gt(madd(value1, scale1, shift1), floor));
      const g = v128.and(v128.load(dy + (from << 2)), passed);
      const g1 = v128.and(v128.load(dy + (from << 2), 16), passed1);
      s0 = f32x4.add(s0, g);
      s1 = f32x4.add(s1, g1);
      p0 = madd(g, f32x4.sub(value, mean), p0);
      p1 = madd(g1, f32x4.sub(value1, mean1), p1);
      at += line;
    }
    v128.store(part + byte, s1, 16);
    v128.store(part + byte, s0);
    v128.store(part + line + byte, f32x4.mul(p1, v128.load(saved + line + byte, 16)), 16);
    v128.store(part + line + byte, f32x4.mul(p0, v128.load(saved + line + byte)));
  }
}

/** dx of one pixel's four channels; `won` where its value is the pooled one. */
@inline
function gradientOf(x: usize, dx: usize, dy: v128, won: v128, scale: v128, shift: v128, q0: v128, q1: v128, q2: v128, floor: v128): void {
  const value = v128.load(x);
  const g = v128.and(dy, v128.and(won, f32x4.gt(madd(value, scale, shift), floor)));
  v128.store(dx, madd(g, q0, madd(value, q1, q2)));
}

/**
 * Item: one pooled row of one image. As `normGradientApply`, with the gradient of the pooled values as `dy`.
 * Record: x, dy, affine, factors, dx, codes, W, C, relu.
 */
export function normGradientApplyPool(a: usize, item: usize, scratch: usize): void {
  const affine: usize = arg(a, 2);
  const factors: usize = arg(a, 3);
  const W = arg(a, 6);
  const C = arg(a, 7);
  const floor = floorOf(arg(a, 8));
  const line: usize = C << 2;
  const below = W * line;
  const columns = W >> 1;
  let x = arg(a, 0) + item * 2 * below;
  let dx = arg(a, 4) + item * 2 * below;
  let dy = arg(a, 1) + item * columns * line;
  let codes = arg(a, 5) + item * columns * C;
  for (let j: usize = 0; j < columns; j++) {
    for (let c: usize = 0; c < line; c += 16) {
      const bytes = v128.load32_zero(codes + (c >> 2));
      const code = i32x4.extend_low_i16x8_u(i16x8.extend_low_i8x16_u(bytes));
      const g = v128.load(dy + c);
      const scale = v128.load(affine + c);
      const shift = v128.load(affine + line + c);
      const q0 = v128.load(factors + c);
      const q1 = v128.load(factors + line + c);
      const q2 = v128.load(factors + 2 * line + c);
      const from = x + c;
      const to = dx + c;
      gradientOf(from, to, g, i32x4.eq(code, i32x4.splat(0)), scale, shift, q0, q1, q2, floor);
      gradientOf(from + line, to + line, g, i32x4.eq(code, i32x4.splat(1)), scale, shift, q0, q1, q2, floor);
      gradientOf(from + below, to + below, g, i32x4.eq(code, i32x4.splat(2)), scale, shift, q0, q1, q2, floor);
      gradientOf(from + below + line, to + below + line, g, i32x4.eq(code, i32x4.splat(3)), scale, shift, q0, q1, q2, floor);
    }
    x += 2 * line;
    dx += 2 * line;
    dy += line;
    codes += C;
  }
}
