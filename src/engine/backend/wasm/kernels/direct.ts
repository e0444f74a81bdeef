/**
 * 3x3 convolutions by the definition, on the same register tiles: any height and width, channels in
 * multiples of 4 (in) and 8 (out). The three taps of a row and all channels are one run of memory in a
 * padded row, so a row of outputs is three products.
 */
import { arg, floorOf, least, madd } from './madd';
import { rangeStatistics } from './norm';
import { ROWS, tileColumns, tileRows } from './tiles';

/**
 * Copies row h of an image to a row with a zero pixel at both ends; `spare` pixels behind are zeroed too.
 * Row -1 wraps to the largest number, so that one comparison finds both ends.
 */
function padRow(image: usize, h: usize, H: usize, W: usize, pixel: usize, row: usize, spare: usize): void {
  const bytes = W * pixel;
  if (h >= H) {
    memory.fill(row, 0, (W + 2 + spare) * pixel);
    return;
  }
  memory.fill(row, 0, pixel);
  memory.copy(row + pixel, image + h * bytes, bytes);
  memory.fill(row + pixel + bytes, 0, (1 + spare) * pixel);
}

/** Rows h - 1, h and h + 1 of an image, `stride` bytes apart; see `padRow`. */
function padRows(image: usize, h: usize, H: usize, W: usize, pixel: usize, rows: usize, stride: usize, spare: usize): void {
  for (let r: usize = 0; r < 3; r++) padRow(image, h + r - 1, H, W, pixel, rows + r * stride, spare);
}

/**
 * Item: a panel of 8 outputs. packed[out / 8][r][s][in][8] of w [K, C, 3, 3]; `flip` as in winogradKernel.
 * Record: w, packed, K, C, flip.
 */
export function directKernel(a: usize, item: usize, scratch: usize): void {
  const w: usize = arg(a, 0);
  const K = arg(a, 2);
  const C = arg(a, 3);
  const flip = arg(a, 4) != 0;
  const inputs = flip ? K : C;
  let to = arg(a, 1) + item * 9 * inputs * 32;
  for (let tap: usize = 0; tap < 9; tap++) {
    const s: usize = flip ? <usize>8 - tap : tap;
    for (let c: usize = 0; c < inputs; c++) {
      for (let lane: usize = 0; lane < 8; lane++) {
        const o = item * 8 + lane;
        const from = flip ? c * C + o : o * C + c;
        store<f32>(to, load<f32>(w + (from * 9 + s) * 4));
        to += 4;
      }
    }
  }
}

/**
 * Item: one row of one image. y = correlate(x, packed) + bias (0: none).
 * Record: x, packed, bias, y, H, W, C, K.
 */
export function directConv(a: usize, item: usize, scratch: usize): void {
  const packed: usize = arg(a, 1);
  const bias: usize = arg(a, 2);
  const H = arg(a, 4);
  const W = arg(a, 5);
  const C = arg(a, 6);
  const K = arg(a, 7);
  const pixel: usize = C << 2;
  const image = arg(a, 0) + (item / H) * H * W * pixel;
  const h = item % H;
  const out = arg(a, 3) + item * W * K * 4;
  const stride = (W + 2 + ROWS) * pixel;
  padRows(image, h, H, W, pixel, scratch, stride, ROWS);
  const block = scratch + 3 * stride;
  for (let panel: usize = 0; panel < K / 8; panel++) {
    const b = packed + panel * 9 * C * 32;
    const b0 = bias ? v128.load(bias + panel * 32) : f32x4.splat(0);
    const b1 = bias ? v128.load(bias + panel * 32, 16) : f32x4.splat(0);
    for (let x: usize = 0; x < W; x += ROWS) {
      for (let r: usize = 0; r < 3; r++) {
        tileRows(scratch + r * stride + x * pixel, pixel, b + r * 3 * C * 32, 3 * C, block, 32, r > 0);
      }
      const count = least(ROWS, W - x);
      for (let i: usize = 0; i < count; i++) {
        const to = out + ((x + i) * K + panel * 8) * 4;
        v128.store(to, f32x4.add(v128.load(block + i * 32), b0));
        v128.store(to, f32x4.add(v128.load(block + i * 32, 16), b1), 16);
      }
    }
  }
}

/**
 * Item: one of the fixed splits of the images. Partial sums of dw as parts[split][9][C][K].
 * Record: x, dy, parts, H, W, C, K, N, splits.
 */
export function directGradient(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 3);
  const W = arg(a, 4);
  const C = arg(a, 5);
  const K = arg(a, 6);
  const N = arg(a, 7);
  const splits = arg(a, 8);
  const part = arg(a, 2) + item * 9 * C * K * 4;
  const pixel: usize = C << 2;
  const stride = (W + 2) * pixel;
  memory.fill(part, 0, 9 * C * K * 4);
  for (let n = (item * N) / splits; n < ((item + 1) * N) / splits; n++) {
    const image = arg(a, 0) + n * H * W * pixel;
    for (let h: usize = 0; h < H; h++) {
      const dy = arg(a, 1) + (n * H + h) * W * K * 4;
      padRows(image, h, H, W, pixel, scratch, stride, 0);
      for (let tap: usize = 0; tap < 9; tap++) {
        const x = scratch + (tap / 3) * stride + (tap % 3) * pixel;
        const to = part + tap * C * K * 4;
        for (let c: usize = 0; c < C; c += ROWS) {
          for (let k: usize = 0; k < K; k += 8) {
            tileColumns(x + (c << 2), pixel, dy + (k << 2), K << 2, W, to + (c * K + k) * 4, K << 2, true);
          }
        }
      }
    }
  }
}

/**
 * Item: one output k. dw[k] = the parts summed in order of the splits.
 * Record: parts, dw, C, K, splits.
 */
export function directGradientSum(a: usize, item: usize, scratch: usize): void {
  const parts: usize = arg(a, 0);
  const C = arg(a, 2);
  const K = arg(a, 3);
  const splits = arg(a, 4);
  const dw = arg(a, 1) + item * C * 36;
  for (let c: usize = 0; c < C; c++) {
    for (let tap: usize = 0; tap < 9; tap++) {
      let sum: f32 = 0;
      for (let split: usize = 0; split < splits; split++) {
        sum += load<f32>(parts + (((split * 9 + tap) * C + c) * K + item) * 4);
      }
      store<f32>(dw + (c * 9 + tap) * 4, sum);
    }
  }
}

/** The pixel at `at` of a one-channel image in all lanes. */
@inline
function pixel(at: usize): v128 {
  return v128.load32_splat(at);
}

/** The weights [K, 9] of one input channel turned to [9][K], so that outputs fill the lanes. */
function turnTaps(w: usize, K: usize, to: usize): void {
  for (let k: usize = 0; k < K; k++) {
    for (let s: usize = 0; s < 9; s++) store<f32>(to + ((s * K + k) << 2), load<f32>(w + ((k * 9 + s) << 2)));
  }
}

/**
 * The first layer, one input channel. Item: some rows, counted over all images; K a multiple of 4. With `parts` also what
 * `normStatistics` makes of the blocks of pixels that lie in them.
 * Record: x, w, bias, y, H, W, K, affine, relu (as in `transformOutput`), N·H, rows, parts (0: none), block.
 */
export function firstConv(a: usize, item: usize, scratch: usize): void {
  const W = arg(a, 5);
  const K = arg(a, 6);
  const all = arg(a, 9);
  const first = item * arg(a, 10);
  const end = least(first + arg(a, 10), all);
  turnTaps(arg(a, 1), K, scratch);
  for (let row = first; row < end; row++) firstRow(a, row, scratch);
  const parts: usize = arg(a, 11);
  if (parts) rangeStatistics(arg(a, 3), parts, all * W, K << 2, arg(a, 12), first * W, end * W, 0, K << 2);
}

function firstRow(a: usize, item: usize, scratch: usize): void {
  const bias: usize = arg(a, 2);
  const H = arg(a, 4);
  const W = arg(a, 5);
  const K = arg(a, 6);
  const image = arg(a, 0) + (item / H) * H * W * 4;
  const out = arg(a, 3) + item * W * K * 4;
  const line: usize = K << 2;
  const affine: usize = arg(a, 7);
  const floor = floorOf(arg(a, 8));
  const rows = scratch + 9 * line;
  const row: usize = (W + 2) << 2;
  padRows(image, item % H, H, W, 4, rows, row, 0);
  for (let x: usize = 0; x < W; x++) {
    const at0 = rows + (x << 2);
    const d0 = pixel(at0);
    const d1 = pixel(at0 + 4);
    const d2 = pixel(at0 + 8);
    const d3 = pixel(at0 + row);
    const d4 = pixel(at0 + row + 4);
    const d5 = pixel(at0 + row + 8);
    const d6 = pixel(at0 + 2 * row);
    const d7 = pixel(at0 + 2 * row + 4);
    const d8 = pixel(at0 + 2 * row + 8);
    const to = out + x * line;
    for (let k: usize = 0; k < line; k += 16) {
      const at = scratch + k;
      let sum = madd(d0, v128.load(at), v128.load(bias + k));
      sum = madd(d1, v128.load(at + line), sum);
      sum = madd(d2, v128.load(at + 2 * line), sum);
      sum = madd(d3, v128.load(at + 3 * line), sum);
      sum = madd(d4, v128.load(at + 4 * line), sum);
      sum = madd(d5, v128.load(at + 5 * line), sum);
      sum = madd(d6, v128.load(at + 6 * line), sum);
      sum = madd(d7, v128.load(at + 7 * line), sum);
      sum = madd(d8, v128.load(at + 8 * line), sum);
      if (affine) sum = f32x4.pmax(madd(sum, v128.load(affine + k), v128.load(affine + line + k)), floor);
      v128.store(to + k, sum);
    }
  }
}

/**
 * The gradient of a one-channel input. Item: one row of one image.
 * Record: dy, w, dx, H, W, K.
 */
export function firstInputGradient(a: usize, item: usize, scratch: usize): void {
  const w: usize = arg(a, 1);
  const H = arg(a, 3);
  const W = arg(a, 4);
  const K = arg(a, 5);
  const image = arg(a, 0) + (item / H) * H * W * K * 4;
  const h = item % H;
  const out = arg(a, 2) + item * W * 4;
  turnTaps(w, K, scratch);
  for (let x: usize = 0; x < W; x++) {
    let sum = f32x4.splat(0);
    for (let r: usize = 0; r < 3; r++) {
      // Output (y, z) saw this pixel through the tap (h - y + 1, x - z + 1).
      const y = h - r + 1;
      if (y >= H) continue;
      for (let s: usize = 0; s < 3; s++) {
        const z = x - s + 1;
        if (z >= W) continue;
        const from = image + ((y * W + z) * K) * 4;
        const tap = scratch + ((r * 3 + s) * K) * 4;
        for (let k: usize = 0; k < K << 2; k += 16) sum = madd(v128.load(from + k), v128.load(tap + k), sum);
      }
    }
    store<f32>(
      out + (x << 2),
      f32x4.extract_lane(sum, 0) + f32x4.extract_lane(sum, 1) + f32x4.extract_lane(sum, 2) + f32x4.extract_lane(sum, 3),
    );
  }
}

/**
 * The weight gradient of the first layer. Item: one of the fixed splits of the images; the last row of
 * a part is the bias gradient: parts[split][10][K].
 * Record: x, dy, parts, H, W, K, N, splits.
 */
export function firstGradient(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 3);
  const W = arg(a, 4);
  const K = arg(a, 5);
  const N = arg(a, 6);
  const splits = arg(a, 7);
  const line: usize = K << 2;
  const part = arg(a, 2) + item * 10 * line;
  const padded: usize = (W + 2) << 2;
  memory.fill(part, 0, 10 * line);
  for (let n = (item * N) / splits; n < ((item + 1) * N) / splits; n++) {
    const image = arg(a, 0) + n * H * W * 4;
    for (let h: usize = 0; h < H; h++) {
      const row = arg(a, 1) + ((n * H + h) * W) * line;
      padRows(image, h, H, W, 4, scratch, padded, 0);
      // A vector of outputs at a time: its ten sums stay in registers along the row.
      for (let k: usize = 0; k < line; k += 16) {
        const to = part + k;
        let s0 = v128.load(to);
        let s1 = v128.load(to + line);
        let s2 = v128.load(to + 2 * line);
        let s3 = v128.load(to + 3 * line);
        let s4 = v128.load(to + 4 * line);
        let s5 = v128.load(to + 5 * line);
        let s6 = v128.load(to + 6 * line);
        let s7 = v128.load(to + 7 * line);
        let s8 = v128.load(to + 8 * line);
        let sum = v128.load(to + 9 * line);
        for (let x: usize = 0; x < W; x++) {
          const g = v128.load(row + x * line + k);
          const at = scratch + (x << 2);
          s0 = madd(pixel(at), g, s0);
          s1 = madd(pixel(at + 4), g, s1);
          s2 = madd(pixel(at + 8), g, s2);
          s3 = madd(pixel(at + padded), g, s3);
          s4 = madd(pixel(at + padded + 4), g, s4);
          s5 = madd(pixel(at + padded + 8), g, s5);
          s6 = madd(pixel(at + 2 * padded), g, s6);
          s7 = madd(pixel(at + 2 * padded + 4), g, s7);
          s8 = madd(pixel(at + 2 * padded + 8), g, s8);
          sum = f32x4.add(sum, g);
        }
        v128.store(to, s0);
        v128.store(to + line, s1);
        v128.store(to + 2 * line, s2);
        v128.store(to + 3 * line, s3);
        v128.store(to + 4 * line, s4);
        v128.store(to + 5 * line, s5);
        v128.store(to + 6 * line, s6);
        v128.store(to + 7 * line, s7);
        v128.store(to + 8 * line, s8);
        v128.store(to + 9 * line, sum);
      }
    }
  }
}

/**
 * Item 0 only: the parts of firstGradient summed in order of the splits.
 * Record: parts, dw, db, K, splits.
 */
export function firstGradientSum(a: usize, item: usize, scratch: usize): void {
  const parts: usize = arg(a, 0);
  const dw: usize = arg(a, 1);
  const db: usize = arg(a, 2);
  const K = arg(a, 3);
  const splits = arg(a, 4);
  for (let k: usize = 0; k < K; k++) {
    for (let tap: usize = 0; tap < 10; tap++) {
      let sum: f32 = 0;
      for (let split: usize = 0; split < splits; split++) {
        sum += load<f32>(parts + ((split * 10 + tap) * K + k) * 4);
      }
      store<f32>(tap < 9 ? dw + (k * 9 + tap) * 4 : db + (k << 2), sum);
    }
  }
}
