/**
 * The weight gradient of a convolution by Winograd's F(m, 3): dW = Gᵀ [Σ (Bᵀ d B) ⊙ (A dy Aᵀ)] G, the sum over
 * all tiles a matrix product for each point.
 */
import { kernelGradientAcross, kernelGradientDown, M, storeConstants, TILE, UNIT } from './generated/f5';
import { arg, least } from './madd';
import { ROWS, tileColumnsPair, VECTOR } from './tiles';
import { locate, PATCH, PATCHES, PLACE, planeBytes, POINTS, transformGradient, transformInput } from './winogradTile';

/** Tiles summed in one go: their rows of both operands stay in the first cache. */
const DEPTH: usize = 128;
/** Outputs whose weight gradients are finished together: a cache line of each point's products. */
const LINE: usize = 16;
/** Side of a square of the weight gradient, multiple of a register tile. */
const BLOCK: usize = 64;

/**
 * Item: a group of tiles of a chunk; both operands of the weight gradient, V of x and D of dy, as strips:
 * V[xi][C / 4][chunk][4] (in the wide build 8 wide) and D[xi][K / 8][chunk][8], which the product reads from end to end. A group's
 * tiles are the inner loop, so that its piece of a strip is written in one go.
 * Record: x, dy, v, d, H, W, C, K, first, count, group, chunk.
 */
export function winogradGradientTransform(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 4);
  const W = arg(a, 5);
  const C = arg(a, 6);
  const K = arg(a, 7);
  const group = arg(a, 10);
  const chunk = arg(a, 11);
  const from = item * group;
  const count = least(group, arg(a, 9) - from);
  const places = scratch + PATCHES;
  storeConstants(scratch + 2 * PATCH);
  const v = arg(a, 2) + from * VECTOR;
  const planeV = planeBytes(C * chunk * 4);
  for (let t: usize = 0; t < count; t++) locate(arg(a, 0), H, W, C << 2, arg(a, 8) + from + t, 1, TILE, places + t * PLACE);
  for (let c: usize = 0; c < C << 2; c += VECTOR) {
    for (let t: usize = 0; t < count; t++) {
      transformInput(places + t * PLACE, H, W, C << 2, c, v + c * chunk + t * VECTOR, planeV, scratch);
    }
  }
  const d = arg(a, 3) + from * 32;
  const planeD = planeBytes(K * chunk * 4);
  for (let t: usize = 0; t < count; t++) locate(arg(a, 1), H, W, K << 2, arg(a, 8) + from + t, 0, M, places + t * PLACE);
  for (let k: usize = 0; k < K << 2; k += VECTOR) {
    // Two vectors make a row of a strip of 8.
    const strip = d + (k >> 5) * chunk * 32 + (k & 16);
    for (let t: usize = 0; t < count; t++) {
      transformGradient(places + t * PLACE, H, W, K << 2, k, strip + t * 32, planeD, scratch);
    }
  }
}

/**
 * Item: one point and a slice of C. dU[xi][C][K] (+)= Vᵀ D over the tiles of a chunk.
 * Record: v, d, du, db, C, K, count, chunk, accumulate, slices.
 */
export function winogradGradientGemm(a: usize, item: usize, scratch: usize): void {
  const C = arg(a, 4);
  const K = arg(a, 5);
  const count = arg(a, 6);
  const chunk = arg(a, 7);
  const accumulate = arg(a, 8) != 0;
  const slices = arg(a, 9);
  const xi = item / slices;
  const slice = item % slices;
  const v = arg(a, 0) + xi * planeBytes(C * chunk * 4);
  const d = arg(a, 1) + xi * planeBytes(K * chunk * 4);
  const du = arg(a, 2) + xi * planeBytes(C * K * 4);
  const width = C / slices;
  for (let t: usize = 0; t < count; t += DEPTH) {
    const deep = least(DEPTH, count - t);
    for (let k: usize = 0; k < K; k += 8) {
      const strip = d + (k * chunk + t * 8) * 4;
      for (let c: usize = slice * width; c < (slice + 1) * width; c += 2 * ROWS) {
        const to = du + (c * K + k) * 4;
        const rows = v + c * chunk * 4 + t * VECTOR;
        tileColumnsPair(rows, FER_WIDE ? 16 : chunk * 16, VECTOR, strip, 32, deep, to, ROWS * K * 4, K << 2, accumulate || t > 0);
      }
    }
  }
  if (xi == UNIT * TILE + UNIT && slice == 0) sumBias(arg(a, 1), K, count, chunk, arg(a, 3), 0, K << 2, accumulate);
}

/**
 * dw [K, C, 3, 3] = Gᵀ dU G for outputs k..kEnd, inputs c..cEnd; `du` is dU of (k, c) = (0, 0), a row of K every
 * `row` bytes, points `plane` bytes apart.
 */
function transformKernelGradient(du: usize, row: usize, plane: usize, dw: usize, C: usize, k: usize, kEnd: usize, c: usize, cEnd: usize, scratch: usize): void {
  const half = scratch;
  const taps = scratch + PATCH;
  const constants = scratch + 2 * PATCH;
  storeConstants(constants);
  for (let i = c; i < cEnd; i++) {
    for (let o = k; o < kEnd; o += VECTOR / 4) {
      const from = du + i * row + (o << 2);
      for (let j: usize = 0; j < TILE; j++) {
        kernelGradientDown(from + j * plane, TILE * plane, half + j * VECTOR, constants);
      }
      for (let s: usize = 0; s < 3; s++) kernelGradientAcross(half + s * TILE * VECTOR, taps + s * 3 * VECTOR, VECTOR, constants);
      for (let lane: usize = 0; lane < VECTOR / 4; lane++) {
        const to = dw + ((o + lane) * C + i) * 36;
        for (let s: usize = 0; s < 9; s++) store<f32>(to + (s << 2), load<f32>(taps + s * VECTOR + (lane << 2)));
      }
    }
  }
}

/**
 * Item: 16 outputs k (fewer at the end) and a slice of C. dw from dU.
 * Record: du, dw, C, K, slices.
 */
export function winogradGradientOutput(a: usize, item: usize, scratch: usize): void {
  const C = arg(a, 2);
  const K = arg(a, 3);
  const slices = arg(a, 4);
  const k = (item / slices) * LINE;
  const width = C / slices;
  const c = (item % slices) * width;
  transformKernelGradient(arg(a, 0), K << 2, planeBytes(C * K * 4), arg(a, 1), C, k, least(K, k + LINE), c, c + width, scratch);
}

/**
 * Item: a square of dU, BLOCK inputs by BLOCK outputs, from the products over all tiles to dw, for kernels so
 * large that dU should not go through memory. The first column of squares also sums the bias gradient.
 * Record: v, d, dw, db, C, K, tiles.
 */
export function winogradGradientSquare(a: usize, item: usize, scratch: usize): void {
  const C = arg(a, 4);
  const K = arg(a, 5);
  const tiles = arg(a, 6);
  const across = (K + BLOCK - 1) / BLOCK;
  const c = (item / across) * BLOCK;
  const k = (item % across) * BLOCK;
  const cEnd = least(C, c + BLOCK);
  const kEnd = least(K, k + BLOCK);
  const planeV = planeBytes(C * tiles * 4);
  const planeD = planeBytes(K * tiles * 4);
  const planeU = planeBytes(BLOCK * BLOCK * 4);
  const u = scratch + PATCHES;
  for (let xi: usize = 0; xi < POINTS; xi++) {
    for (let t: usize = 0; t < tiles; t += DEPTH) {
      const deep = least(DEPTH, tiles - t);
      for (let o = k; o < kEnd; o += 8) {
        const strip = arg(a, 1) + xi * planeD + (o * tiles + t * 8) * 4;
        for (let i = c; i < cEnd; i += 2 * ROWS) {
          const rows = arg(a, 0) + xi * planeV + i * tiles * 4 + t * VECTOR;
          const to = u + xi * planeU + ((i - c) * BLOCK + (o - k)) * 4;
          tileColumnsPair(rows, FER_WIDE ? 16 : tiles * 16, VECTOR, strip, 32, deep, to, ROWS * BLOCK * 4, BLOCK << 2, t > 0);
        }
      }
    }
  }
  transformKernelGradient(u - (c * BLOCK + k) * 4, BLOCK << 2, planeU, arg(a, 2), C, k, kEnd, c, cEnd, scratch);
  if (c == 0) sumBias(arg(a, 1), K, tiles, tiles, arg(a, 3), k << 2, kEnd << 2, false);
}

/** The bias gradient of channel bytes k..kEnd: D at p = 1 in both directions is the plain sum of a tile. */
function sumBias(d: usize, K: usize, count: usize, chunk: usize, db: usize, k: usize, kEnd: usize, accumulate: bool): void {
  const unit = d + (UNIT * TILE + UNIT) * planeBytes(K * chunk * 4);
  for (; k < kEnd; k += 16) {
    // Two vectors make a row of a strip of 8.
    const strip = unit + (k >> 5) * chunk * 32 + (k & 16);
    let sum = accumulate ? v128.load(db + k) : f32x4.splat(0);
    for (let t: usize = 0; t < count; t++) sum = f32x4.add(sum, v128.load(strip + (t << 5)));
    v128.store(db + k, sum);
  }
}
