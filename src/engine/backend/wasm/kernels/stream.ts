/**
 * Linear layers on very few samples: their weights are read once, from end to end, and memory sets the pace. Four rows
 * at a time are four streams, which hides more of its latency than one. Fixed weights that are exact in 16 bits,
 * as those of a model stored in float16, are kept so, which halves what has to be read.
 */
import { arg, lanes, least, madd } from './madd';

/** Rows read side by side. */
export const FOUR: usize = 4;
/** Values of a row that one turn takes. */
export const TURN: usize = 16;
/** Bytes of a row's sums, four vectors of them. */
const SUMS: usize = 64;
/** Bytes before the halves of a block of outputs: their first word says whether some weight was not exact. */
export const HEAD: usize = 64;

/**
 * A half is sign, 5 bits of exponent and 10 of fraction, as in IEEE's float16, but with values from 2^-24 to 2^7:
 * float16's range below 128, where every number but 0 is normal. So a shift and a product make it a float32.
 */
const BIAS: i32 = 102 << 23;
const FRACTION: i32 = 13;

/**
 * The mask and the scale of `firstOf` and `secondOf`, two words: in memory, as V8 would build constants of 256 bits anew
 * at each use.
 */
@inline
export function storeWidening(to: usize): void {
  store<u32>(to, 0x8fffe000);
  store<u32>(to, (127 << 23) + BIAS, 4);
}

/**
 * Four of the first 8 values of a turn. `mask` clears what the sign's extension left in the exponent, and what the other
 * half left below the fraction; `scale` is 2^102.
 */
@inline
export function firstOf(halves: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(i32x4.shl(halves, 16), 16 - FRACTION), mask), scale);
}

/** Four of the other 8, the upper halves of the words. */
@inline
export function secondOf(halves: v128, mask: v128, scale: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(halves, 16 - FRACTION), mask), scale);
}

/**
 * Item: a block of outputs, a multiple of four. Its rows of w [O, I], I a multiple of 16, as halves behind a head: of four
 * rows 16 values each, then the next 16, in the order that they are used in. Of 16 values each word holds one of the
 * first 8 and the one 8 further, above it.
 * Record: w, halves, I, O, block.
 */
export function linearHalves(a: usize, item: usize, scratch: usize): void {
  const I = arg(a, 2);
  const block = arg(a, 4);
  const rows = least(block, arg(a, 3) - item * block);
  const w = arg(a, 0) + item * block * I * 4;
  const head = arg(a, 1) + item * (HEAD + block * I * 2);
  let inexact = i32x4.splat(0);
  for (let o: usize = 0; o < rows; o++) {
    const from = w + o * I * 4;
    const to = head + HEAD + (o & ~(FOUR - 1)) * I * 2 + (o & (FOUR - 1)) * TURN * 2;
    for (let i: usize = 0; i < I; i += TURN) {
      for (let part: usize = 0; part < 32; part += 16) {
        const low = v128.load(from + (i << 2) + part);
        const high = v128.load(from + (i << 2) + part, 32);
        inexact = v128.or(inexact, v128.or(lost(low), lost(high)));
        v128.store(to + i * FOUR * 2 + part, v128.or(narrow(low), i32x4.shl(narrow(high), 16)));
      }
    }
  }
  store<u32>(head, v128.any_true(inexact) ? 1 : 0);
}

/** The 16 bits of a half for each float32. */
@inline
function narrow(v: v128): v128 {
  const magnitude = v128.and(v, i32x4.splat(0x7fffffff));
  const bits = i32x4.shr_u(i32x4.sub(magnitude, i32x4.splat(BIAS)), FRACTION);
  const nonzero = v128.and(bits, i32x4.ne(magnitude, i32x4.splat(0)));
  return v128.or(nonzero, v128.and(i32x4.shr_u(v, 16), i32x4.splat(0x8000)));
}

/** All ones where a float32 has no half of the same value. */
@inline
function lost(v: v128): v128 {
  const magnitude = v128.and(v, i32x4.splat(0x7fffffff));
  const above = i32x4.sub(magnitude, i32x4.splat(BIAS + (1 << 23)));
  const outside = i32x4.ge_u(above, i32x4.splat(31 << 23));
  const longer = i32x4.ne(v128.and(v, i32x4.splat((1 << FRACTION) - 1)), i32x4.splat(0));
  return v128.and(v128.or(outside, longer), i32x4.ne(magnitude, i32x4.splat(0)));
}

/**
 * Item: a block of outputs. y [N, O] = x [N, I]·wᵀ + b.
 * Record: x, w, b, y, N, I, O, block.
 */
export function linearStream(a: usize, item: usize, scratch: usize): void {
  const O = arg(a, 6);
  const block = arg(a, 7);
  const end = least(O, (item + 1) * block);
  let o = item * block;
  for (; o + FOUR <= end; o += FOUR) fourRows(a, o, scratch);
  for (; o < end; o++) oneRow(a, o);
}

/**
 * The same, to the same bits, from the halves of `linearHalves` where they are exact.
 * Record: x, w, b, y, N, I, O, block, halves.
 */
export function linearStreamHalves(a: usize, item: usize, scratch: usize): void {
  const I = arg(a, 5);
  const block = arg(a, 7);
  const first = item * block;
  const head = arg(a, 8) + item * (HEAD + block * I * 2);
  if (load<u32>(head) || first + block > arg(a, 6)) {
    linearStream(a, item, scratch);
    return;
  }
  for (let o: usize = 0; o < block; o += FOUR) fourRowsOfHalves(a, first + o, head + HEAD + o * I * 2, scratch);
}

/** Four weights, `place` * 4 values after `w`. */
@inline
function weights(w: usize, place: usize, halves: bool, mask: v128, scale: v128): v128 {
  if (!halves) return v128.load(w + place * 16);
  const words = v128.load(w + (place & 1) * 16);
  return place < 2 ? firstOf(words, mask, scale) : secondOf(words, mask, scale);
}

function fourRows(a: usize, o: usize, scratch: usize): void {
  rows(a, o, arg(a, 1) + o * arg(a, 5) * 4, false, scratch);
}

function fourRowsOfHalves(a: usize, o: usize, w: usize, scratch: usize): void {
  rows(a, o, w, true, scratch);
}

/** Outputs o to o + 3, whose weights begin at `w`: halves in the order of `linearHalves`, or rows. */
@inline
function rows(a: usize, o: usize, w: usize, halves: bool, scratch: usize): void {
  const N = arg(a, 4);
  const I = arg(a, 5);
  const O = arg(a, 6);
  const whole = I & ~(TURN - 1);
  const row: usize = halves ? TURN << 1 : I << 2;
  const turn: usize = halves ? FOUR * (TURN << 1) : TURN << 2;
  storeWidening(scratch + SUMS * 4);
  const mask = v128.load32_splat(scratch, SUMS * 4);
  const scale = v128.load32_splat(scratch, SUMS * 4 + 4);
  for (let n: usize = 0; n < N; n++) {
    let x = arg(a, 0) + n * I * 4;
    let w0 = w;
    let w1 = w0 + row;
    let w2 = w1 + row;
    let w3 = w2 + row;
    let a0 = f32x4.splat(0);
    let a1 = f32x4.splat(0);
    let a2 = f32x4.splat(0);
    let a3 = f32x4.splat(0);
    let b0 = f32x4.splat(0);
    let b1 = f32x4.splat(0);
    let b2 = f32x4.splat(0);
    let b3 = f32x4.splat(0);
    let c0 = f32x4.splat(0);
    let c1 = f32x4.splat(0);
    let c2 = f32x4.splat(0);
    let c3 = f32x4.splat(0);
    let d0 = f32x4.splat(0);
    let d1 = f32x4.splat(0);
    let d2 = f32x4.splat(0);
    let d3 = f32x4.splat(0);
    for (const end = x + (whole << 2); x < end; x += TURN << 2) {
      const x0 = v128.load(x);
      const x1 = v128.load(x, 16);
      const x2 = v128.load(x, 32);
      const x3 = v128.load(x, 48);
      a0 = madd(weights(w0, 0, halves, mask, scale), x0, a0);
      a1 = madd(weights(w0, 1, halves, mask, scale), x1, a1);
      a2 = madd(weights(w0, 2, halves, mask, scale), x2, a2);
      a3 = madd(weights(w0, 3, halves, mask, scale), x3, a3);
      b0 = madd(weights(w1, 0, halves, mask, scale), x0, b0);
      b1 = madd(weights(w1, 1, halves, mask, scale), x1, b1);
      b2 = madd(weights(w1, 2, halves, mask, scale), x2, b2);
      b3 = madd(weights(w1, 3, halves, mask, scale), x3, b3);
      c0 = madd(weights(w2, 0, halves, mask, scale), x0, c0);
      c1 = madd(weights(w2, 1, halves, mask, scale), x1, c1);
      c2 = madd(weights(w2, 2, halves, mask, scale), x2, c2);
      c3 = madd(weights(w2, 3, halves, mask, scale), x3, c3);
      d0 = madd(weights(w3, 0, halves, mask, scale), x0, d0);
      d1 = madd(weights(w3, 1, halves, mask, scale), x1, d1);
      d2 = madd(weights(w3, 2, halves, mask, scale), x2, d2);
      d3 = madd(weights(w3, 3, halves, mask, scale), x3, d3);
      w0 += turn;
      w1 += turn;
      w2 += turn;
      w3 += turn;
    }
    // By way of memory: V8 joins operations to 256 bits from neighbouring stores backwards.
    keep(scratch, a0, a1, a2, a3);
    keep(scratch + SUMS, b0, b1, b2, b3);
    keep(scratch + SUMS * 2, c0, c1, c2, c3);
    keep(scratch + SUMS * 3, d0, d1, d2, d3);
    let s0 = total(scratch);
    let s1 = total(scratch + SUMS);
    let s2 = total(scratch + SUMS * 2);
    let s3 = total(scratch + SUMS * 3);
    // Halves come in rows of whole turns.
    for (let i = whole; i < I; i++) {
      const value = load<f32>(x);
      s0 += load<f32>(w0) * value;
      s1 += load<f32>(w1) * value;
      s2 += load<f32>(w2) * value;
      s3 += load<f32>(w3) * value;
      x += 4;
      w0 += 4;
      w1 += 4;
      w2 += 4;
      w3 += 4;
    }
    const b = arg(a, 2) + (o << 2);
    const y = arg(a, 3) + (n * O + o) * 4;
    store<f32>(y, s0 + load<f32>(b));
    store<f32>(y, s1 + load<f32>(b, 4), 4);
    store<f32>(y, s2 + load<f32>(b, 8), 8);
    store<f32>(y, s3 + load<f32>(b, 12), 12);
  }
}

@inline
function keep(to: usize, s0: v128, s1: v128, s2: v128, s3: v128): void {
  v128.store(to, s1, 16);
  v128.store(to, s0);
  v128.store(to, s3, 48);
  v128.store(to, s2, 32);
}

/** The sum of the four vectors that \`keep\` left. */
@inline
function total(from: usize): f32 {
  const first = f32x4.add(v128.load(from), v128.load(from, 16));
  const second = f32x4.add(v128.load(from, 32), v128.load(from, 48));
  return lanes(f32x4.add(first, second));
}

/** Output o, in the same order of additions. */
function oneRow(a: usize, o: usize): void {
  const N = arg(a, 4);
  const I = arg(a, 5);
  const O = arg(a, 6);
  const bytes = (I & ~(TURN - 1)) << 2;
  const w = arg(a, 1) + o * I * 4;
  for (let n: usize = 0; n < N; n++) {
    const x = arg(a, 0) + n * I * 4;
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    for (let i: usize = 0; i < bytes; i += TURN << 2) {
      s0 = madd(v128.load(w + i), v128.load(x + i), s0);
      s1 = madd(v128.load(w + i, 16), v128.load(x + i, 16), s1);
      s2 = madd(v128.load(w + i, 32), v128.load(x + i, 32), s2);
      s3 = madd(v128.load(w + i, 48), v128.load(x + i, 48), s3);
    }
    let sum = lanes(f32x4.add(f32x4.add(s0, s1), f32x4.add(s2, s3)));
    for (let i = bytes; i < I << 2; i += 4) sum += load<f32>(w + i) * load<f32>(x + i);
    store<f32>(arg(a, 3) + (n * O + o) * 4, sum + load<f32>(arg(a, 2) + (o << 2)));
  }
}
