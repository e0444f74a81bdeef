/**
 * Matrix products of the linear layers, each operand brought into panels or strips that a register tile reads
 * from end to end; the weights, by far the largest, are moved as little as the product allows.
 */
import { arg, least, madd } from './madd';
import { PANEL, ROWS, tileColumns, tileColumnsPair, tileRows, tileRowsPair } from './tiles';

/** Depth of a packed block: a panel of B stays in the first cache. */
const DEPTH: usize = 256;

/** Depth of a block of a linear layer's output: a panel of samples and four rows of weights fit the first cache. */
const LINEAR_DEPTH: usize = 512;

/** Bytes of the strips of x that a block of the weight gradient goes over again and again. */
export const CHUNK: usize = 384 << 10;

/** Item: a panel of 8 samples. packed[n / 8][I][8] of x [N, I], zero beyond N. Record: x, packed, N, I. */
export function linearPack(r: usize, item: usize, scratch: usize): void {
  const I = arg(r, 3);
  const n = item * PANEL;
  const count = least(PANEL, arg(r, 2) - n);
  const from = arg(r, 0) + n * I * 4;
  const to = arg(r, 1) + n * I * 4;
  if (count == PANEL) {
    packFour(from, I << 2, I, to);
    packFour(from + I * 16, I << 2, I, to + 16);
    return;
  }
  for (let i: usize = 0; i < I; i++) {
    for (let j: usize = 0; j < PANEL; j++) {
      store<f32>(to + (i * PANEL + j) * 4, j < count ? load<f32>(from + (j * I + i) * 4) : 0);
    }
  }
}

/**
 * y [N, O] = x·wᵀ + b with the weights as the rows of the register tile, straight from memory, and the samples
 * packed. Item: a block of outputs. Record: packed, w, b, y, N, I, O, block.
 */
export function linear(r: usize, item: usize, scratch: usize): void {
  const N = arg(r, 4);
  const I = arg(r, 5);
  const O = arg(r, 6);
  const block = arg(r, 7);
  const first = item * block;
  const outputs = least(block, O - first);
  const whole = outputs & ~(ROWS - 1);
  const w = arg(r, 1) + first * I * 4;
  const ldc = ((N + PANEL - 1) & ~(PANEL - 1)) << 2;
  for (let k: usize = 0; k < I; k += LINEAR_DEPTH) {
    const deep = least(LINEAR_DEPTH, I - k);
    let o: usize = 0;
    for (; o + 2 * ROWS <= whole; o += 2 * ROWS) {
      for (let n: usize = 0; n < N; n += PANEL) {
        const b = arg(r, 0) + (n * I + k * PANEL) * 4;
        const to = scratch + o * ldc + (n << 2);
        tileRowsPair(w + (o * I + k) * 4, ROWS * I * 4, I << 2, b, deep, to, ROWS * ldc, ldc, k > 0);
      }
    }
    for (; o < whole; o += ROWS) {
      for (let n: usize = 0; n < N; n += PANEL) {
        const b = arg(r, 0) + (n * I + k * PANEL) * 4;
        tileRows(w + (o * I + k) * 4, I << 2, b, deep, scratch + o * ldc + (n << 2), ldc, k > 0);
      }
    }
  }
  for (let o = whole; o < outputs; o++) {
    // Outputs that fill no register tile: the seven classes of the last layer.
    for (let n: usize = 0; n < N; n += PANEL) {
      let s0 = f32x4.splat(0);
      let s1 = f32x4.splat(0);
      let row = w + o * I * 4;
      let b: usize = arg(r, 0) + n * I * 4;
      for (const end = row + (I << 2); row < end; row += 4) {
        const value = v128.load32_splat(row);
        s0 = madd(value, v128.load(b), s0);
        s1 = madd(value, v128.load(b, 16), s1);
        b += 32;
      }
      v128.store(scratch + o * ldc + (n << 2), s1, 16);
      v128.store(scratch + o * ldc + (n << 2), s0);
    }
  }
  for (let n: usize = 0; n < N; n++) {
    const to = arg(r, 3) + (n * O + first) * 4;
    for (let o: usize = 0; o < outputs; o++) {
      store<f32>(to + (o << 2), load<f32>(scratch + o * ldc + (n << 2)) + load<f32>(arg(r, 2) + ((first + o) << 2)));
    }
  }
}

/** to[row][depth] for rows first..first+count, zero rows up to a multiple of ROWS. */
function packRows(from: usize, rowStride: usize, count: usize, depth: usize, to: usize): void {
  for (let row: usize = 0; row < count; row++) memory.copy(to + row * depth * 4, from + row * rowStride, depth << 2);
  const rounded = ((count + ROWS - 1) / ROWS) * ROWS;
  if (rounded > count) memory.fill(to + count * depth * 4, 0, (rounded - count) * depth * 4);
}

/** Four rows of `depth`, `stride` bytes apart, as columns into every other 16 bytes of a panel. */
function packFour(from: usize, stride: usize, depth: usize, to: usize): void {
  let k: usize = 0;
  for (; k + 4 <= depth; k += 4) {
    const at = from + (k << 2);
    const r0 = v128.load(at);
    const r1 = v128.load(at + stride);
    const r2 = v128.load(at + 2 * stride);
    const r3 = v128.load(at + 3 * stride);
    const l0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const l1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const h0 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const h1 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    const panel = to + k * 32;
    v128.store(panel, v128.shuffle<f32>(l0, l1, 0, 1, 4, 5));
    v128.store(panel, v128.shuffle<f32>(l0, l1, 2, 3, 6, 7), 32);
    v128.store(panel, v128.shuffle<f32>(h0, h1, 0, 1, 4, 5), 64);
    v128.store(panel, v128.shuffle<f32>(h0, h1, 2, 3, 6, 7), 96);
  }
  for (; k < depth; k++) {
    for (let j: usize = 0; j < 4; j++) store<f32>(to + k * 32 + (j << 2), load<f32>(from + (k << 2) + j * stride));
  }
}

/**
 * to[column / 8][depth][8], panels `plane` bytes apart, columns beyond `columns` zero; rows `stride` bytes apart. Row after row:
 * each cache line is read once and in order, whatever set of a cache the rows fall into.
 */
function packPanels(from: usize, stride: usize, columns: usize, depth: usize, to: usize, plane: usize): void {
  const whole = columns & ~(PANEL - 1);
  for (let k: usize = 0; k < depth; k++) {
    let out = to + k * PANEL * 4;
    for (let source = from; source < from + (whole << 2); source += PANEL << 2) {
      v128.store(out, v128.load(source, 16), 16);
      v128.store(out, v128.load(source));
      out += plane;
    }
    for (let j: usize = 0; whole < columns && j < PANEL; j++) {
      store<f32>(out + (j << 2), whole + j < columns ? load<f32>(from + ((whole + j) << 2)) : 0);
    }
    from += stride;
  }
}

/**
 * The input gradient of a linear layer: c [M, N] = a [M, depth]·b [depth, N]. Item: a block of c, rows × columns.
 * Record: a, b, c, M, N, depth, blockRows, blockColumns.
 */
export function gemm(r: usize, item: usize, scratch: usize): void {
  const M = arg(r, 3);
  const N = arg(r, 4);
  const depth = arg(r, 5);
  const blockRows = arg(r, 6);
  const blockColumns = arg(r, 7);
  const across = (N + blockColumns - 1) / blockColumns;
  const row = (item / across) * blockRows;
  const column = (item % across) * blockColumns;
  const rows = least(blockRows, M - row);
  const columns = least(blockColumns, N - column);
  const ldc: usize = blockColumns << 2;
  const block = scratch;
  const packedA = block + blockRows * ldc;
  const packedB = packedA + blockRows * DEPTH * 4;
  for (let k: usize = 0; k < depth; k += DEPTH) {
    const deep = least(DEPTH, depth - k);
    packRows(arg(r, 0) + (row * depth + k) * 4, depth << 2, rows, deep, packedA);
    // A line between panels: the places of a row are not all in one set of the first cache.
    const plane = deep * PANEL * 4 + 64;
    packPanels(arg(r, 1) + (k * N + column) * 4, N << 2, columns, deep, packedB, plane);
    for (let j: usize = 0; j < columns; j += PANEL) {
      const panel = packedB + (j / PANEL) * plane;
      let i: usize = 0;
      for (; i + ROWS < rows; i += 2 * ROWS) {
        const from = packedA + i * deep * 4;
        tileRowsPair(from, ROWS * deep * 4, deep << 2, panel, deep, block + i * ldc + (j << 2), ROWS * ldc, ldc, k > 0);
      }
      if (i < rows) tileRows(packedA + i * deep * 4, deep << 2, panel, deep, block + i * ldc + (j << 2), ldc, k > 0);
    }
  }
  for (let i: usize = 0; i < rows; i++) {
    memory.copy(arg(r, 2) + ((row + i) * N + column) * 4, block + i * ldc, columns << 2);
  }
}

/**
 * Item: a strip of `width` (4 or 8) columns of x [N, F]. strips[F / width][N][width], zero beyond F.
 * Record: x, strips, N, F, width.
 */
export function linearStrips(r: usize, item: usize, scratch: usize): void {
  const N = arg(r, 2);
  const F = arg(r, 3);
  const width = arg(r, 4);
  const first = item * width;
  const count = least(width, F - first);
  let from = arg(r, 0) + (first << 2);
  let to = arg(r, 1) + first * N * 4;
  for (let n: usize = 0; n < N; n++) {
    if (count == width) {
      if (width == PANEL) v128.store(to, v128.load(from, 16), 16);
      v128.store(to, v128.load(from));
    } else {
      for (let j: usize = 0; j < width; j++) {
        store<f32>(to + (j << 2), j < count ? load<f32>(from + (j << 2)) : 0);
      }
    }
    from += F << 2;
    to += width << 2;
  }
}

/**
 * The product of a linear layer's weight gradient: dw [O, I] = dyᵀ·x from the strips of both. Four rows of dw at a
 * time are written from end to end, as far as a chunk of x stays in the second cache.
 * Item: a block of outputs. Record: strips of x (8 wide), strips of dy (4 wide), dw, N, I, O, block.
 */
export function linearGradient(r: usize, item: usize, scratch: usize): void {
  const N = arg(r, 3);
  const I = arg(r, 4);
  const O = arg(r, 5);
  const block = arg(r, 6);
  const first = item * block;
  const last = least(O, first + block);
  const panels = (I + PANEL - 1) / PANEL;
  const bytes = N * PANEL * 4;
  const chunk = CHUNK / bytes + 1;
  for (let p: usize = 0; p < panels; p += chunk) {
    const end = least(panels, p + chunk);
    let o = first;
    for (; o + 2 * ROWS <= last; o += 2 * ROWS) {
      for (let panel = p; panel < end; panel++) {
        const i = panel * PANEL;
        const b = arg(r, 0) + panel * bytes;
        if (i + PANEL > I) {
          gradientTile(r, o, i, b, scratch);
          gradientTile(r, o + ROWS, i, b, scratch);
          continue;
        }
        const to = arg(r, 2) + (o * I + i) * 4;
        tileColumnsPair(arg(r, 1) + o * N * 4, ROWS * N * 4, 16, b, 32, N, to, ROWS * I * 4, I << 2, false);
      }
    }
    for (; o < last; o += ROWS) {
      for (let panel = p; panel < end; panel++) gradientTile(r, o, panel * PANEL, arg(r, 0) + panel * bytes, scratch);
    }
  }
}

/** A register tile of dw at (o, i), which may reach beyond it; b is the strip of x. */
function gradientTile(r: usize, o: usize, i: usize, b: usize, scratch: usize): void {
  const N = arg(r, 3);
  const I = arg(r, 4);
  const O = arg(r, 5);
  const to = arg(r, 2) + (o * I + i) * 4;
  const strip = arg(r, 1) + o * N * 4;
  if (o + ROWS <= O && i + PANEL <= I) {
    tileColumns(strip, 16, b, 32, N, to, I << 2, false);
    return;
  }
  tileColumns(strip, 16, b, 32, N, scratch, 32, false);
  for (let row: usize = 0; row < least(ROWS, O - o); row++) {
    memory.copy(to + row * I * 4, scratch + (row << 5), least(PANEL, I - i) << 2);
  }
}

/**
 * Item: a block of columns of x [M, N]: out[j] = Σ_i x[i][j], row after row. A cache line of columns at a time.
 * Record: x, out, M, N, block.
 */
export function columnSums(a: usize, item: usize, scratch: usize): void {
  const line: usize = arg(a, 3) << 2;
  const bytes = arg(a, 2) * line;
  const block: usize = arg(a, 4) << 2;
  const end = least(line, (item + 1) * block);
  let column = item * block;
  for (; column + 64 <= end; column += 64) {
    let s0 = f32x4.splat(0);
    let s1 = f32x4.splat(0);
    let s2 = f32x4.splat(0);
    let s3 = f32x4.splat(0);
    const first = arg(a, 0) + column;
    for (let at = first; at < first + bytes; at += line) {
      s0 = f32x4.add(s0, v128.load(at));
      s1 = f32x4.add(s1, v128.load(at, 16));
      s2 = f32x4.add(s2, v128.load(at, 32));
      s3 = f32x4.add(s3, v128.load(at, 48));
    }
    const to = arg(a, 1) + column;
    v128.store(to, s1, 16);
    v128.store(to, s0);
    v128.store(to, s3, 48);
    v128.store(to, s2, 32);
  }
  for (; column + 16 <= end; column += 16) {
    let sum = f32x4.splat(0);
    const first = arg(a, 0) + column;
    for (let at = first; at < first + bytes; at += line) sum = f32x4.add(sum, v128.load(at));
    v128.store(arg(a, 1) + column, sum);
  }
  for (; column < end; column += 4) {
    let sum: f32 = 0;
    const first = arg(a, 0) + column;
    for (let at = first; at < first + bytes; at += line) sum += load<f32>(at);
    store<f32>(arg(a, 1) + column, sum);
  }
}
