/**
 * Linear layers on a few samples, and convolutions of a few pixels, as dot products of rows of x and of w: the weights
 * pass once, and no part of a register tile is empty. Each sum is kept as eight, one for every place in a run of 8
 * inputs, in every build, and these are added in the end.
 */
import { arg, fetch, floorOf, lanes, least, madd } from './madd';
import { firstOf, FOUR, HEAD, secondOf, storeWidening, TURN } from './stream';
import { put } from './tiles';

/** Samples of a register tile. */
const SAMPLES: usize = 5;
/** Inputs taken before the next: then the tile's rows stay in the first cache. */
const DEPTH: usize = 2048;
/** The same where x is packed: then five or ten samples and four rows stay in the first cache. */
const RUN: usize = 256;

/**
 * c[5][8] += the products of a row of w and five of x, `stride` bytes apart, of which the next 8 values lie `step` bytes
 * further; depth is a multiple of 8. The sums go on from those in memory, and are stored at offsets from one address: from
 * computed ones, as by `put`, V8 does not join them to 256 bits.
 */
function dots(w: usize, x: usize, stride: usize, step: usize, depth: usize, c: usize): void {
  let x1 = x + stride;
  let x2 = x1 + stride;
  let x3 = x2 + stride;
  let x4 = x3 + stride;
  let c00 = v128.load(c);
  let d00 = v128.load(c, 16);
  let c01 = v128.load(c, 32);
  let d01 = v128.load(c, 48);
  let c02 = v128.load(c, 64);
  let d02 = v128.load(c, 80);
  let c03 = v128.load(c, 96);
  let d03 = v128.load(c, 112);
  let c04 = v128.load(c, 128);
  let d04 = v128.load(c, 144);
  const end = w + (depth << 2);
  while (w < end) {
    const a0 = v128.load(w);
    const b0 = v128.load(w, 16);
    const l0 = v128.load(x);
    const h0 = v128.load(x, 16);
    c00 = madd(l0, a0, c00);
    d00 = madd(h0, b0, d00);
    const l1 = v128.load(x1);
    const h1 = v128.load(x1, 16);
    c01 = madd(l1, a0, c01);
    d01 = madd(h1, b0, d01);
    const l2 = v128.load(x2);
    const h2 = v128.load(x2, 16);
    c02 = madd(l2, a0, c02);
    d02 = madd(h2, b0, d02);
    const l3 = v128.load(x3);
    const h3 = v128.load(x3, 16);
    c03 = madd(l3, a0, c03);
    d03 = madd(h3, b0, d03);
    const l4 = v128.load(x4);
    const h4 = v128.load(x4, 16);
    c04 = madd(l4, a0, c04);
    d04 = madd(h4, b0, d04);
    w += 32;
    x += step;
    x1 += step;
    x2 += step;
    x3 += step;
    x4 += step;
  }
  v128.store(c, d00, 16);
  v128.store(c, c00);
  v128.store(c, d01, 48);
  v128.store(c, c01, 32);
  v128.store(c, d02, 80);
  v128.store(c, c02, 64);
  v128.store(c, d03, 112);
  v128.store(c, c03, 96);
  v128.store(c, d04, 144);
  v128.store(c, c04, 128);
}

/** Of two rows of w, the second `nextW` bytes further, c[2][5][8]: ten accumulators where two vectors become one. */
function dotsPair(w: usize, nextW: usize, x: usize, stride: usize, step: usize, depth: usize, c: usize): void {
  let v = w + nextW;
  let x1 = x + stride;
  let x2 = x1 + stride;
  let x3 = x2 + stride;
  let x4 = x3 + stride;
  let c00 = v128.load(c);
  let d00 = v128.load(c, 16);
  let c01 = v128.load(c, 32);
  let d01 = v128.load(c, 48);
  let c02 = v128.load(c, 64);
  let d02 = v128.load(c, 80);
  let c03 = v128.load(c, 96);
  let d03 = v128.load(c, 112);
  let c04 = v128.load(c, 128);
  let d04 = v128.load(c, 144);
  let c10 = v128.load(c, 160);
  let d10 = v128.load(c, 176);
  let c11 = v128.load(c, 192);
  let d11 = v128.load(c, 208);
  let c12 = v128.load(c, 224);
  let d12 = v128.load(c, 240);
  let c13 = v128.load(c, 256);
  let d13 = v128.load(c, 272);
  let c14 = v128.load(c, 288);
  let d14 = v128.load(c, 304);
  const end = w + (depth << 2);
  while (w < end) {
    const a0 = v128.load(w);
    const b0 = v128.load(w, 16);
    const a1 = v128.load(v);
    const b1 = v128.load(v, 16);
    const l0 = v128.load(x);
    const h0 = v128.load(x, 16);
    c00 = madd(l0, a0, c00);
    d00 = madd(h0, b0, d00);
    c10 = madd(l0, a1, c10);
    d10 = madd(h0, b1, d10);
    const l1 = v128.load(x1);
    const h1 = v128.load(x1, 16);
    c01 = madd(l1, a0, c01);
    d01 = madd(h1, b0, d01);
    c11 = madd(l1, a1, c11);
    d11 = madd(h1, b1, d11);
    const l2 = v128.load(x2);
    const h2 = v128.load(x2, 16);
    c02 = madd(l2, a0, c02);
    d02 = madd(h2, b0, d02);
    c12 = madd(l2, a1, c12);
    d12 = madd(h2, b1, d12);
    const l3 = v128.load(x3);
    const h3 = v128.load(x3, 16);
    c03 = madd(l3, a0, c03);
    d03 = madd(h3, b0, d03);
    c13 = madd(l3, a1, c13);
    d13 = madd(h3, b1, d13);
    const l4 = v128.load(x4);
    const h4 = v128.load(x4, 16);
    c04 = madd(l4, a0, c04);
    d04 = madd(h4, b0, d04);
    c14 = madd(l4, a1, c14);
    d14 = madd(h4, b1, d14);
    w += 32;
    v += 32;
    x += step;
    x1 += step;
    x2 += step;
    x3 += step;
    x4 += step;
  }
  v128.store(c, d00, 16);
  v128.store(c, c00);
  v128.store(c, d01, 48);
  v128.store(c, c01, 32);
  v128.store(c, d02, 80);
  v128.store(c, c02, 64);
  v128.store(c, d03, 112);
  v128.store(c, c03, 96);
  v128.store(c, d04, 144);
  v128.store(c, c04, 128);
  v128.store(c, d10, 176);
  v128.store(c, c10, 160);
  v128.store(c, d11, 208);
  v128.store(c, c11, 192);
  v128.store(c, d12, 240);
  v128.store(c, c12, 224);
  v128.store(c, d13, 272);
  v128.store(c, c13, 256);
  v128.store(c, d14, 304);
  v128.store(c, c14, 288);
}

/** `dots` of `count` rows of w, `line` bytes apart: c[count][5][8]. */
function dotsOfRows(w: usize, line: usize, count: usize, x: usize, stride: usize, step: usize, depth: usize, c: usize): void {
  const tile: usize = SAMPLES * 32;
  for (; FER_WIDE && count >= 2; count -= 2) {
    dotsPair(w, line, x, stride, step, depth, c);
    w += 2 * line;
    c += 2 * tile;
  }
  for (; count; count--) {
    dots(w, x, stride, step, depth, c);
    w += line;
    c += tile;
  }
}

/** to (+)= part, `bytes` of sums. */
function addPart(part: usize, bytes: usize, to: usize, accumulate: bool): void {
  for (let at: usize = 0; at < bytes; at += 32) {
    put(to + at, v128.load(part + at), v128.load(part + at, 16), accumulate);
  }
}

/**
 * y [N, O] = x·wᵀ + b (0: none), I a multiple of 8, then scaled, shifted and cut as in `normApply` where `affine` is given. The
 * last five samples may have some in common with the five before; x has five rows, whatever N is.
 * Item: a block of outputs. Record: x, w, b, y, N, I, O, block, affine, relu.
 */
export function linearDots(r: usize, item: usize, scratch: usize): void {
  const N = arg(r, 4);
  const I = arg(r, 5);
  const O = arg(r, 6);
  const block = arg(r, 7);
  const first = item * block;
  const outputs = least(block, O - first);
  const line: usize = I << 2;
  const w = arg(r, 1) + first * line;
  const tile: usize = SAMPLES * 32;
  const last = N > SAMPLES ? N - SAMPLES : 0;
  const groups = (N + SAMPLES - 1) / SAMPLES;
  const part = scratch;
  const sums = part + 2 * tile;
  for (let k: usize = 0; k < I; k += DEPTH) {
    const deep = least(DEPTH, I - k);
    for (let o: usize = 0; o < outputs; o += 2) {
      const from = w + o * line + (k << 2);
      const count = least(2, outputs - o);
      for (let group: usize = 0; group < groups; group++) {
        const x = arg(r, 0) + least(group * SAMPLES, last) * line + (k << 2);
        memory.fill(part, 0, count * tile);
        dotsOfRows(from, line, count, x, line, 32, deep, part);
        addPart(part, count * tile, sums + (group * block + o) * tile, k > 0);
      }
    }
  }
  finish(r, first, outputs, sums);
}

/** Adds up the sums of a block of outputs, [group][block][5][8], and stores them, finished. */
function finish(r: usize, first: usize, outputs: usize, sums: usize): void {
  const N = arg(r, 4);
  const O = arg(r, 6);
  const block = arg(r, 7);
  const tile: usize = SAMPLES * 32;
  const last = N > SAMPLES ? N - SAMPLES : 0;
  const groups = (N + SAMPLES - 1) / SAMPLES;
  const affine: usize = arg(r, 8);
  const floor = f32x4.extract_lane(floorOf(arg(r, 9)), 0);
  for (let group: usize = 0; group < groups; group++) {
    const n = least(group * SAMPLES, last);
    const end = least(SAMPLES, N - n);
    for (let o: usize = 0; o < outputs; o++) {
      const channel = (first + o) << 2;
      const bias: f32 = arg(r, 2) ? load<f32>(arg(r, 2) + channel) : 0;
      for (let j: usize = 0; j < end; j++) {
        const from = sums + (group * block + o) * tile + (j << 5);
        let sum = lanes(f32x4.add(v128.load(from), v128.load(from, 16))) + bias;
        if (affine) {
          const scale = f32x4.splat(load<f32>(affine + channel));
          const shift = f32x4.splat(load<f32>(affine + (O << 2) + channel));
          const value = f32x4.extract_lane(madd(f32x4.splat(sum), scale, shift), 0);
          // As f32x4.pmax, which keeps NaN.
          sum = value < floor ? floor : value;
        }
        store<f32>(arg(r, 3) + (n + j) * O * 4 + channel, sum);
      }
    }
  }
}

/**
 * Item: a run of inputs of five samples. packed[group][I / 8][5][8] of x [N, I], in the groups that `linearDots` takes.
 * Record: x, packed, N, I.
 */
export function dotsPack(r: usize, item: usize, scratch: usize): void {
  const I = arg(r, 3);
  const runs = (I + RUN - 1) / RUN;
  const group = item / runs;
  const start = (item % runs) * RUN;
  const end = least(I, start + RUN);
  const first = least(group * SAMPLES, arg(r, 2) - SAMPLES);
  for (let j: usize = 0; j < SAMPLES; j++) {
    const from = arg(r, 0) + (first + j) * I * 4;
    let to = arg(r, 1) + (group * I + start) * SAMPLES * 4 + (j << 5);
    for (let i = start; i < end; i += 8) {
      v128.store(to, v128.load(from + (i << 2), 16), 16);
      v128.store(to, v128.load(from + (i << 2)));
      to += SAMPLES << 5;
    }
  }
}

/**
 * `linearDots` to the same bits, for fixed weights, I a multiple of 16: x is packed, so that its rows do not fall into
 * one set of the first cache, and the weights are the halves of `linearHalves` where these are exact, made float32 four
 * rows at a time.
 * Record: x, w, b, y, N, I, O, block, affine, relu, halves, packed (by `dotsPack`).
 */
export function linearDotsHalves(r: usize, item: usize, scratch: usize): void {
  const I = arg(r, 5);
  const O = arg(r, 6);
  const block = arg(r, 7);
  const first = item * block;
  const outputs = least(block, O - first);
  const head = arg(r, 10) + item * (HEAD + block * I * 2);
  const exact = outputs == block && load<u32>(head) == 0;
  const groups = (arg(r, 4) + SAMPLES - 1) / SAMPLES;
  const tile: usize = SAMPLES * 32;
  const rows = scratch + HEAD;
  const part = rows + FOUR * RUN * 4;
  const sums = part + groups * FOUR * tile;
  storeWidening(scratch);
  if (exact) fetch(head + HEAD, block * I * 2, scratch + 8);
  for (let o: usize = 0; o < outputs; o += FOUR) {
    const count = least(FOUR, outputs - o);
    for (let depth: usize = 0; depth < I; depth += DEPTH) {
      const end = least(depth + DEPTH, I);
      memory.fill(part, 0, groups * FOUR * tile);
      for (let k = depth; k < end; k += RUN) {
        const deep = least(RUN, end - k);
        if (exact) widenRows(head + HEAD + (o * I + k * FOUR) * 2, deep, rows, scratch);
        const w = exact ? rows : arg(r, 1) + ((first + o) * I + k) * 4;
        const line: usize = exact ? RUN << 2 : I << 2;
        for (let group: usize = 0; group < groups; group++) {
          const x = arg(r, 11) + (group * I + k) * SAMPLES * 4;
          dotsOfRows(w, line, count, x, 32, SAMPLES << 5, deep, part + group * FOUR * tile);
        }
      }
      for (let group: usize = 0; group < groups; group++) {
        addPart(part + group * FOUR * tile, count * tile, sums + (group * block + o) * tile, depth > 0);
      }
    }
  }
  finish(r, first, outputs, sums);
}

/** to[4][RUN] from the halves of four rows, `count` of each. */
function widenRows(from: usize, count: usize, to: usize, constants: usize): void {
  const mask = v128.load32_splat(constants);
  const scale = v128.load32_splat(constants, 4);
  for (const end = to + (count << 2); to < end; to += TURN << 2) {
    for (let row: usize = 0; row < FOUR; row++) {
      const low = v128.load(from);
      const high = v128.load(from, 16);
      const at = to + row * RUN * 4;
      v128.store(at, firstOf(high, mask, scale), 16);
      v128.store(at, firstOf(low, mask, scale));
      v128.store(at, secondOf(high, mask, scale), 48);
      v128.store(at, secondOf(low, mask, scale), 32);
      from += TURN << 1;
    }
  }
}
