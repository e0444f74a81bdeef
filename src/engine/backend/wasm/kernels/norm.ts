/**
 * Batch norm with ReLU over pixels [P, C], P = N·H·W. Statistics go in fixed blocks of pixels: the mean
 * and the centred sum of squares of a block in fp32, the blocks joined in float64 by the parallel
 * formula (Chan, Golub & LeVeque 1979), so that a large mean costs no precision and the result does not
 * depend on the threads. C is a multiple of 4.
 */
import { arg, argF, floorOf, least, madd } from './madd';

/**
 * Item: a block of pixels. parts[block][2][C]: mean and centred sum of squares.
 * Record: x, parts, P, C, block.
 */
export function normStatistics(a: usize, item: usize, scratch: usize): void {
  const C = arg(a, 3);
  const block = arg(a, 4);
  const count = least(block, arg(a, 2) - item * block);
  const line: usize = C << 2;
  const x = arg(a, 0) + item * block * line;
  const part = arg(a, 1) + item * 2 * line;
  const scale = f32x4.splat(<f32>1 / <f32>count);
  const end = x + count * line;
  let c: usize = 0;
  // A cache line of channels at a time; both passes find the block in the first cache.
  for (; c + 64 <= line; c += 64) {
    let m0 = f32x4.splat(0);
    let m1 = f32x4.splat(0);
    let m2 = f32x4.splat(0);
    let m3 = f32x4.splat(0);
    // Sums are taken from the first pixel, so that a large mean is not rounded again and again.
    const x0 = v128.load(x + c);
    const x1 = v128.load(x + c, 16);
    const x2 = v128.load(x + c, 32);
    const x3 = v128.load(x + c, 48);
    for (let at = x + c; at < end; at += line) {
      m0 = f32x4.add(m0, f32x4.sub(v128.load(at), x0));
      m1 = f32x4.add(m1, f32x4.sub(v128.load(at, 16), x1));
      m2 = f32x4.add(m2, f32x4.sub(v128.load(at, 32), x2));
      m3 = f32x4.add(m3, f32x4.sub(v128.load(at, 48), x3));
    }
    m0 = madd(m0, scale, x0);
    m1 = madd(m1, scale, x1);
    m2 = madd(m2, scale, x2);
    m3 = madd(m3, scale, x3);
    let q0 = f32x4.splat(0);
    let q1 = f32x4.splat(0);
    let q2 = f32x4.splat(0);
    let q3 = f32x4.splat(0);
    for (let at = x + c; at < end; at += line) {
      const d0 = f32x4.sub(v128.load(at), m0);
      const d1 = f32x4.sub(v128.load(at, 16), m1);
      const d2 = f32x4.sub(v128.load(at, 32), m2);
      const d3 = f32x4.sub(v128.load(at, 48), m3);
      q0 = madd(d0, d0, q0);
      q1 = madd(d1, d1, q1);
      q2 = madd(d2, d2, q2);
      q3 = madd(d3, d3, q3);
    }
    const to = part + c;
    v128.store(to, m0);
    v128.store(to, m1, 16);
    v128.store(to, m2, 32);
    v128.store(to, m3, 48);
    v128.store(to + line, q0);
    v128.store(to + line, q1, 16);
    v128.store(to + line, q2, 32);
    v128.store(to + line, q3, 48);
  }
  for (; c < line; c += 16) {
    let mean = f32x4.splat(0);
    const x0 = v128.load(x + c);
    for (let at = x + c; at < end; at += line) mean = f32x4.add(mean, f32x4.sub(v128.load(at), x0));
    mean = madd(mean, scale, x0);
    let squares = f32x4.splat(0);
    for (let at = x + c; at < end; at += line) {
      const d = f32x4.sub(v128.load(at), mean);
      squares = madd(d, d, squares);
    }
    v128.store(part + c, mean);
    v128.store(part + line + c, squares);
  }
}

/**
 * Item: a channel. Joins the blocks; saves mean and 1/sqrt(var + eps), moves the running statistics,
 * leaves y = scale·x + shift in affine [2][C].
 * Record: parts, saved, gamma, beta, runningMean, runningVar, affine, P, C, block, eps, momentum.
 */
export function normFinish(a: usize, item: usize, scratch: usize): void {
  const P = arg(a, 7);
  const C = arg(a, 8);
  const block = arg(a, 9);
  const line: usize = C << 2;
  const at: usize = item << 2;
  let n: f64 = 0;
  let mean: f64 = 0;
  let squares: f64 = 0;
  let part = arg(a, 0) + at;
  for (let first: usize = 0; first < P; first += block) {
    const count = <f64>least(block, P - first);
    const delta = <f64>load<f32>(part) - mean;
    const total = n + count;
    squares += <f64>load<f32>(part + line) + (delta * delta * n * count) / total;
    mean += (delta * count) / total;
    n = total;
    part += 2 * line;
  }
  const variance = squares / n;
  const rstd = <f64>1 / Math.sqrt(variance + <f64>argF(a, 10));
  const momentum = <f64>argF(a, 11);
  const runningMean = arg(a, 4) + at;
  const runningVar = arg(a, 5) + at;
  const unbiased = n > 1 ? squares / (n - 1) : variance;
  store<f32>(runningMean, <f32>(<f64>load<f32>(runningMean) * (1 - momentum) + mean * momentum));
  store<f32>(runningVar, <f32>(<f64>load<f32>(runningVar) * (1 - momentum) + unbiased * momentum));
  finish(a, at, line, mean, rstd);
}

/**
 * Item: a channel. The same from the running statistics.
 * Record: as normFinish.
 */
export function normFixed(a: usize, item: usize, scratch: usize): void {
  const at: usize = item << 2;
  const mean = <f64>load<f32>(arg(a, 4) + at);
  const variance = <f64>load<f32>(arg(a, 5) + at);
  finish(a, at, arg(a, 8) << 2, mean, <f64>1 / Math.sqrt(variance + <f64>argF(a, 10)));
}

@inline
function finish(a: usize, at: usize, line: usize, mean: f64, rstd: f64): void {
  const saved = arg(a, 1) + at;
  store<f32>(saved, <f32>mean);
  store<f32>(saved + line, <f32>rstd);
  storeAffine(arg(a, 6) + at, saved, arg(a, 2) + at, arg(a, 3) + at, line);
}

/** From the saved float32 values in both passes, so that the ReLU's mask is the same to the bit. */
@inline
function storeAffine(affine: usize, saved: usize, gamma: usize, beta: usize, line: usize): void {
  const scale = <f64>load<f32>(gamma) * <f64>load<f32>(saved + line);
  store<f32>(affine, <f32>scale);
  store<f32>(affine + line, <f32>(<f64>load<f32>(beta) - <f64>load<f32>(saved) * scale));
}

/**
 * Item: a channel. Record: saved, gamma, beta, affine, C.
 */
export function normAffine(a: usize, item: usize, scratch: usize): void {
  const at = item << 2;
  storeAffine(arg(a, 3) + at, arg(a, 0) + at, arg(a, 1) + at, arg(a, 2) + at, arg(a, 4) << 2);
}

/**
 * Item: a block of pixels. y = scale·x + shift, below 0 cut where relu.
 * Record: x, affine, y, P, C, block, relu.
 */
export function normApply(a: usize, item: usize, scratch: usize): void {
  const affine: usize = arg(a, 1);
  const C = arg(a, 4);
  const block = arg(a, 5);
  const count = least(block, arg(a, 3) - item * block);
  const floor = floorOf(arg(a, 6));
  const line: usize = C << 2;
  let x = arg(a, 0) + item * block * line;
  let y = arg(a, 2) + item * block * line;
  for (let i: usize = 0; i < count; i++) {
    for (let c: usize = 0; c < line; c += 16) {
      const value = madd(v128.load(x + c), v128.load(affine + c), v128.load(affine + line + c));
      // pmax(a, b) is a < b ? b : a, which keeps NaN in a.
      v128.store(y + c, f32x4.pmax(value, floor));
    }
    x += line;
    y += line;
  }
}

/**
 * Item: a block of pixels. parts[block][2][C]: Σ g and Σ g·x̂, g = dy where the ReLU let through.
 * Record: x, dy, saved, affine, parts, P, C, block, relu.
 */
export function normGradientSums(a: usize, item: usize, scratch: usize): void {
  const saved: usize = arg(a, 2);
  const affine: usize = arg(a, 3);
  const C = arg(a, 6);
  const block = arg(a, 7);
  const count = least(block, arg(a, 5) - item * block);
  const line: usize = C << 2;
  const x = arg(a, 0) + item * block * line;
  const dy = arg(a, 1) + item * block * line;
  const part = arg(a, 4) + item * 2 * line;
  const floor = floorOf(arg(a, 8));
  const bytes = count * line;
  let c: usize = 0;
  for (; c + 32 <= line; c += 32) {
    const scale = v128.load(affine + c);
    const scale1 = v128.load(affine + c, 16);
    const shift = v128.load(affine + line + c);
    const shift1 = v128.load(affine + line + c, 16);
    const mean = v128.load(saved + c);
    const mean1 = v128.load(saved + c, 16);
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let p0 = f32x4.splat(0);
    let p1 = f32x4.splat(0);
    for (let at = c; at < bytes; at += line) {
      const value = v128.load(x + at);
      const value1 = v128.load(x + at, 16);
      const g = v128.and(v128.load(dy + at), f32x4.gt(madd(value, scale, shift), floor));
      const g1 = v128.and(v128.load(dy + at, 16), f32x4.gt(madd(value1, scale1, shift1), floor));
      s0 = f32x4.add(s0, g);
      s1 = f32x4.add(s1, g1);
      p0 = madd(g, f32x4.sub(value, mean), p0);
      p1 = madd(g1, f32x4.sub(value1, mean1), p1);
    }
    v128.store(part + c, s0);
    v128.store(part + c, s1, 16);
    v128.store(part + line + c, f32x4.mul(p0, v128.load(saved + line + c)));
    v128.store(part + line + c, f32x4.mul(p1, v128.load(saved + line + c, 16)), 16);
  }
  for (; c < line; c += 16) {
    const scale = v128.load(affine + c);
    const shift = v128.load(affine + line + c);
    const mean = v128.load(saved + c);
    let sum = f32x4.splat(0);
    let product = f32x4.splat(0);
    for (let at = c; at < bytes; at += line) {
      const value = v128.load(x + at);
      const g = v128.and(v128.load(dy + at), f32x4.gt(madd(value, scale, shift), floor));
      sum = f32x4.add(sum, g);
      product = madd(g, f32x4.sub(value, mean), product);
    }
    v128.store(part + c, sum);
    v128.store(part + line + c, f32x4.mul(product, v128.load(saved + line + c)));
  }
}

/**
 * Item: a channel. dgamma, dbeta, and dx = q0·g + q1·x + q2 in factors [3][C].
 * Record: parts, saved, gamma, dgamma, dbeta, factors, P, C, block.
 */
export function normGradientFinish(a: usize, item: usize, scratch: usize): void {
  const P = arg(a, 6);
  const C = arg(a, 7);
  const block = arg(a, 8);
  const line: usize = C << 2;
  const at: usize = item << 2;
  let sum: f64 = 0;
  let product: f64 = 0;
  let part = arg(a, 0) + at;
  for (let first: usize = 0; first < P; first += block) {
    sum += <f64>load<f32>(part);
    product += <f64>load<f32>(part + line);
    part += 2 * line;
  }
  store<f32>(arg(a, 3) + at, <f32>product);
  store<f32>(arg(a, 4) + at, <f32>sum);
  const saved = arg(a, 1) + at;
  const mean = <f64>load<f32>(saved);
  const rstd = <f64>load<f32>(saved + line);
  const scale = <f64>load<f32>(arg(a, 2) + at) * rstd;
  const n = <f64>P;
  const slope = (-scale * rstd * product) / n;
  const factors = arg(a, 5) + at;
  store<f32>(factors, <f32>scale);
  store<f32>(factors + line, <f32>slope);
  store<f32>(factors + 2 * line, <f32>((-scale * sum) / n - slope * mean));
}

/**
 * Item: a channel. The factors with fixed statistics: dx = scale·g.
 * Record: saved, gamma, factors, C.
 */
export function normGradientFixed(a: usize, item: usize, scratch: usize): void {
  const line: usize = arg(a, 3) << 2;
  const at: usize = item << 2;
  const factors = arg(a, 2) + at;
  store<f32>(factors, load<f32>(arg(a, 1) + at) * load<f32>(arg(a, 0) + line + at));
  store<f32>(factors + line, 0);
  store<f32>(factors + 2 * line, 0);
}

/**
 * Item: a block of pixels. dx = q0·g + q1·x + q2; dx may be dy.
 * Record: x, dy, affine, factors, dx, P, C, block, relu.
 */
export function normGradientApply(a: usize, item: usize, scratch: usize): void {
  const affine: usize = arg(a, 2);
  const factors: usize = arg(a, 3);
  const C = arg(a, 6);
  const block = arg(a, 7);
  const count = least(block, arg(a, 5) - item * block);
  const floor = floorOf(arg(a, 8));
  const line: usize = C << 2;
  let offset: usize = item * block * line;
  const x: usize = arg(a, 0);
  const dy: usize = arg(a, 1);
  const dx: usize = arg(a, 4);
  for (let i: usize = 0; i < count; i++) {
    for (let c: usize = 0; c < line; c += 16) {
      const value = v128.load(x + offset + c);
      const passed = f32x4.gt(madd(value, v128.load(affine + c), v128.load(affine + line + c)), floor);
      const g = v128.and(v128.load(dy + offset + c), passed);
      const rest = madd(value, v128.load(factors + line + c), v128.load(factors + 2 * line + c));
      v128.store(dx + offset + c, madd(g, v128.load(factors + c), rest));
    }
    offset += line;
  }
}

/**
 * Batch norm in front of 2x2 max pooling, together: what lies between them is never stored. The forward pass leaves a
 * byte for each pooled value, which of its four pixels it came from (0 to 3 in row-major order, 4 where all are NaN),
 * so the backward pass finds the gradient of a pixel in the pooled one. H and W are even, C is a multiple of 16.
 */

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
    v128.store(part + byte, s0);
    v128.store(part + byte, s1, 16);
    v128.store(part + line + byte, f32x4.mul(p0, v128.load(saved + line + byte)));
    v128.store(part + line + byte, f32x4.mul(p1, v128.load(saved + line + byte, 16)), 16);
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
