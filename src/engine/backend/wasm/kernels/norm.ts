/**
 * Batch norm with ReLU over pixels [P, C], P = N·H·W. Statistics go in fixed blocks of pixels: the mean
 * and the centred sum of squares of a block in fp32, the blocks joined in float64 by the parallel
 * formula (Chan, Golub & LeVeque 1979), so that a large mean costs no precision and the result does not
 * depend on the threads. C is a multiple of 4.
 */
import { arg, argF, floorOf, least, madd } from './madd';

/**
 * Item: a block of pixels. parts[block][2][C]: mean and centred sum of squares. With a `stride` the others are done
 * elsewhere: item i takes the block that lies across pixel (i + 1)·stride, if one does.
 * Record: x, parts, P, C, block, stride (0: all blocks).
 */
export function normStatistics(a: usize, item: usize, scratch: usize): void {
  const block = arg(a, 4);
  const stride = arg(a, 5);
  const pixel = (item + 1) * stride;
  if (stride && pixel % block == 0) return;
  blockStatistics(arg(a, 0), arg(a, 1), arg(a, 2), arg(a, 3) << 2, block, stride ? pixel / block : item, 0, arg(a, 3) << 2);
}

/** The same of all blocks that lie in pixels [first, end), and of channels [c, channelEnd), counted in bytes. */
export function rangeStatistics(x: usize, parts: usize, P: usize, line: usize, block: usize, first: usize, end: usize, c: usize, channelEnd: usize): void {
  for (let item = (first + block - 1) / block; item * block < end; item++) {
    if (least((item + 1) * block, P) <= end) blockStatistics(x, parts, P, line, block, item, c, channelEnd);
  }
}

function blockStatistics(images: usize, parts: usize, P: usize, line: usize, block: usize, item: usize, c: usize, channelEnd: usize): void {
  const count = least(block, P - item * block);
  const x = images + item * block * line;
  const part = parts + item * 2 * line;
  const scale = f32x4.splat(<f32>1 / <f32>count);
  const end = x + count * line;
  // A cache line of channels at a time; both passes find the block in the first cache.
  for (; c + 64 <= channelEnd; c += 64) {
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
    v128.store(to, m1, 16);
    v128.store(to, m0);
    v128.store(to, m3, 48);
    v128.store(to, m2, 32);
    v128.store(to + line, q1, 16);
    v128.store(to + line, q0);
    v128.store(to + line, q3, 48);
    v128.store(to + line, q2, 32);
  }
  for (; c < channelEnd; c += 16) {
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
    v128.store(part + c, s1, 16);
    v128.store(part + c, s0);
    v128.store(part + line + c, f32x4.mul(p1, v128.load(saved + line + c, 16)), 16);
    v128.store(part + line + c, f32x4.mul(p0, v128.load(saved + line + c)));
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
