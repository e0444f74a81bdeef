/**
 * Convolutions by Winograd's F(m, 3), all three passes, in the stages: transform kernel, transform
 * input, gemm, transform output. A tile covers m×m outputs and reads (m+2)×(m+2) inputs; `xi` counts the
 * (m+2)² points of a tile.
 *
 * Layouts: transformed input V[tile / 4][xi][4][C], products P[tile / 4][xi][4][K], transformed kernel
 * U[xi][K / 8][C][8]. Four tiles are the rows of a register tile; keeping their points together keeps the
 * 49 places that a transform writes to on a few pages. The weight gradient has strips of its own. Tiles are
 * counted over the whole batch: image, tile row, tile column.
 */
import { gradientTransform, inputTransform, kernelGradientTransform, kernelTransform, M, outputTransform, TILE, UNIT } from './generated/f5';
import { arg, least } from './madd';
import { ROWS, tileColumns, tileRows } from './tiles';

/** Points of a tile. */
const POINTS: usize = TILE * TILE;
/** Tiles summed in one go in the weight gradient: their rows of both operands stay in the first cache. */
const DEPTH: usize = 256;
/** Outputs whose weight gradients are finished together: a cache line of each point's products. */
const LINE: usize = 16;
/** Side of a square of the weight gradient, multiple of a register tile. */
const BLOCK: usize = 64;
/** Tiles whose products of one panel are held at a time: they fit the second cache beside the panel's kernel. */
const PANEL_TILES: usize = 256;
/** Bytes of a tile of one vector in scratch. */
const PATCH: usize = TILE * TILE * 16;

/**
 * Bytes from one point's data to the next: an odd number of cache lines, so that the 49 places a
 * transform writes to at once fall into different sets. `planeBytes` in lower-conv.ts is its twin.
 */
@inline
function planeBytes(bytes: usize): usize {
  return ((bytes + 63) & ~63) | 64;
}

/**
 * Copies a TILE×TILE patch of one vector of channels from row y, column x on; zero outside the image.
 * A row or column of -1 wraps to the largest number, so that one comparison finds both ends.
 */
function gatherPatch(image: usize, y: usize, x: usize, H: usize, W: usize, pixel: usize, patch: usize): void {
  for (let i: usize = 0; i < TILE; i++) {
    const row = y + i;
    const to = patch + i * TILE * 16;
    if (row >= H) {
      for (let j: usize = 0; j < TILE; j++) v128.store(to + (j << 4), f32x4.splat(0));
      continue;
    }
    const from = image + row * W * pixel;
    for (let j: usize = 0; j < TILE; j++) {
      const column = x + j;
      v128.store(to + (j << 4), column < W ? v128.load(from + column * pixel) : f32x4.splat(0));
    }
  }
}

/** Words that `locate` leaves for a tile: image, first row, first column, whether all of it is inside. */
const PLACE: usize = 16;

/** Finds where tile `tile` of images [N, H, W] begins to read: `border` pixels before its outputs. */
function locate(x: usize, H: usize, W: usize, pixel: usize, tile: usize, border: usize, span: usize, place: usize): void {
  const columns = (W + M - 1) / M;
  const perImage = ((H + M - 1) / M) * columns;
  const n = tile / perImage;
  const within = tile - n * perImage;
  const row = within / columns;
  const y = row * M - border;
  const x0 = (within - row * columns) * M - border;
  store<u32>(place, x + n * H * W * pixel);
  store<u32>(place, y, 4);
  store<u32>(place, x0, 8);
  store<u32>(place, y < H && x0 < W && y + span <= H && x0 + span <= W ? 1 : 0, 12);
}

/** Bᵀ d B of one vector of channels, c bytes into the pixel, of a located tile; points `plane` bytes apart. */
function transformInput(place: usize, H: usize, W: usize, pixel: usize, c: usize, out: usize, plane: usize, scratch: usize): void {
  const half = scratch + PATCH;
  const image = <usize>load<u32>(place) + c;
  const y = <usize>load<u32>(place, 4);
  const x = <usize>load<u32>(place, 8);
  if (load<u32>(place, 12)) {
    const corner = image + (y * W + x) * pixel;
    for (let j: usize = 0; j < TILE; j++) inputTransform(corner + j * pixel, pixel * W, half + (j << 4), TILE * 16);
  } else {
    gatherPatch(image, y, x, H, W, pixel, scratch);
    for (let j: usize = 0; j < TILE; j++) inputTransform(scratch + (j << 4), TILE * 16, half + (j << 4), TILE * 16);
  }
  for (let i: usize = 0; i < TILE; i++) inputTransform(half + i * TILE * 16, 16, out + i * TILE * plane, plane);
}

/** A dy Aᵀ of one vector of channels of a located tile of outputs; as `transformInput`. */
function transformGradient(place: usize, H: usize, W: usize, pixel: usize, k: usize, out: usize, plane: usize, scratch: usize): void {
  const half = scratch + PATCH;
  const image = <usize>load<u32>(place) + k;
  const y = <usize>load<u32>(place, 4);
  const x = <usize>load<u32>(place, 8);
  if (load<u32>(place, 12)) {
    const corner = image + (y * W + x) * pixel;
    for (let j: usize = 0; j < M; j++) gradientTransform(corner + j * pixel, pixel * W, half + (j << 4), M * 16);
  } else {
    gatherPatch(image, y, x, H, W, pixel, scratch);
    for (let j: usize = 0; j < M; j++) gradientTransform(scratch + (j << 4), TILE * 16, half + (j << 4), M * 16);
  }
  for (let i: usize = 0; i < TILE; i++) gradientTransform(half + i * M * 16, 16, out + i * TILE * plane, plane);
}

/**
 * Aᵀ P A + bias (0: none) of one tile and `bytes` of channels: its outputs that lie inside y [N, H, W, K].
 * `y` and `bias` point at the first of these channels.
 */
function transformOutput(from: usize, plane: usize, H: usize, W: usize, K: usize, bytes: usize, tile: usize, bias: usize, y: usize, scratch: usize): void {
  const pixel: usize = K << 2;
  const half = scratch;
  const patch = scratch + PATCH;
  const place = scratch + 2 * PATCH;
  locate(y, H, W, pixel, tile, 0, M, place);
  const y0 = <usize>load<u32>(place, 4);
  const x0 = <usize>load<u32>(place, 8);
  const height = least(M, H - y0);
  const width = least(M, W - x0);
  const corner = <usize>load<u32>(place) + (y0 * W + x0) * pixel;
  for (let k: usize = 0; k < bytes; k += 16) {
    for (let j: usize = 0; j < TILE; j++) outputTransform(from + k + j * plane, TILE * plane, half + (j << 4), TILE * 16);
    const b = bias ? v128.load(bias + k) : f32x4.splat(0);
    for (let i: usize = 0; i < height; i++) {
      outputTransform(half + i * TILE * 16, 16, patch, 16);
      const to = corner + i * W * pixel + k;
      for (let j: usize = 0; j < width; j++) v128.store(to + j * pixel, f32x4.add(v128.load(patch + (j << 4)), b));
    }
  }
}

/** Nine taps of four kernels, `stride` bytes apart, into nine vectors; backwards where `flip`. */
function gatherTaps(w: usize, stride: usize, flip: bool, taps: usize): void {
  const step: usize = flip ? ~<usize>15 : 16;
  let to = flip ? taps + 128 : taps;
  for (let s: usize = 0; s < 32; s += 16) {
    const r0 = v128.load(w + s);
    const r1 = v128.load(w + s + stride);
    const r2 = v128.load(w + s + 2 * stride);
    const r3 = v128.load(w + s + 3 * stride);
    const l0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
    const l1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
    const h0 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
    const h1 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
    v128.store(to, v128.shuffle<f32>(l0, l1, 0, 1, 4, 5));
    v128.store(to + step, v128.shuffle<f32>(l0, l1, 2, 3, 6, 7));
    v128.store(to + 2 * step, v128.shuffle<f32>(h0, h1, 0, 1, 4, 5));
    v128.store(to + 3 * step, v128.shuffle<f32>(h0, h1, 2, 3, 6, 7));
    to += 4 * step;
  }
  for (let lane: usize = 0; lane < 4; lane++) store<f32>(to + (lane << 2), load<f32>(w + lane * stride + 32));
}

/**
 * U[xi][in][8] of one panel of 8 outputs of w [K, C, 3, 3], points `plane` bytes apart; `flip` gives the kernel
 * of the input gradient (channels exchanged, taps turned by 180 degrees).
 */
function transformPanel(w: usize, K: usize, C: usize, flip: bool, panel: usize, u: usize, plane: usize, scratch: usize): void {
  const inputs = flip ? K : C;
  const half = scratch + 9 * 16;
  const inputStride: usize = flip ? C * 36 : 36;
  const outputStride: usize = flip ? 36 : C * 36;
  for (let c: usize = 0; c < inputs; c++) {
    const from = w + c * inputStride + panel * 8 * outputStride;
    const to = u + c * 32;
    for (let part: usize = 0; part < 2; part++) {
      gatherTaps(from + part * 4 * outputStride, outputStride, flip, scratch);
      for (let s: usize = 0; s < 3; s++) kernelTransform(scratch + (s << 4), 48, half + (s << 4), 48);
      for (let i: usize = 0; i < TILE; i++) kernelTransform(half + i * 48, 16, to + (part << 4) + i * TILE * plane, plane);
    }
  }
}

/**
 * Item: a panel of 8 outputs. U[xi][out / 8][in][8].
 * Record: w, u, K, C, flip.
 */
export function winogradKernel(a: usize, item: usize, scratch: usize): void {
  const K = arg(a, 2);
  const C = arg(a, 3);
  const flip = arg(a, 4) != 0;
  const u = arg(a, 1) + item * (flip ? K : C) * 32;
  transformPanel(arg(a, 0), K, C, flip, item, u, planeBytes(K * C * 4), scratch);
}

/**
 * Item: a block of tiles through all stages. y = correlate(x, w) + bias.
 * Record: x, u, bias, y, H, W, C, K, tiles, block.
 */
export function winogradConv(a: usize, item: usize, scratch: usize): void {
  const x: usize = arg(a, 0);
  const u: usize = arg(a, 1);
  const bias: usize = arg(a, 2);
  const y: usize = arg(a, 3);
  const H = arg(a, 4);
  const W = arg(a, 5);
  const C = arg(a, 6);
  const K = arg(a, 7);
  const tiles = arg(a, 8);
  const block = arg(a, 9);
  const first = item * block;
  const count = least(block, tiles - first);
  const groups = (block + ROWS - 1) / ROWS;
  const planeV = planeBytes(ROWS * C * 4);
  const planeP = planeBytes(ROWS * K * 4);
  const planeU = planeBytes(K * C * 4);
  const place = scratch + 2 * PATCH;
  const v = place + 64;
  const p = v + groups * POINTS * planeV;
  for (let t: usize = 0; t < count; t++) {
    locate(x, H, W, C << 2, first + t, 1, TILE, place);
    const row = v + (t / ROWS) * POINTS * planeV + (t % ROWS) * C * 4;
    for (let c: usize = 0; c < C << 2; c += 16) transformInput(place, H, W, C << 2, c, row + c, planeV, scratch);
  }
  const whole = (count + ROWS - 1) / ROWS;
  for (let xi: usize = 0; xi < POINTS; xi++) {
    for (let panel: usize = 0; panel < K / 8; panel++) {
      const b = u + xi * planeU + panel * C * 32;
      let rows = v + xi * planeV;
      let out = p + xi * planeP + panel * 32;
      for (let group: usize = 0; group < whole; group++) {
        tileRows(rows, C << 2, b, C, out, K << 2, false);
        rows += POINTS * planeV;
        out += POINTS * planeP;
      }
    }
  }
  for (let t: usize = 0; t < count; t++) {
    const from = p + (t / ROWS) * POINTS * planeP + (t % ROWS) * K * 4;
    transformOutput(from, planeP, H, W, K, K << 2, first + t, bias, y, scratch);
  }
}

/**
 * Item: the tiles of a register tile. V[xi][tile / 4][C][4] of x for `winogradPanel`, which reads it from end to
 * end: the four tiles of a channel lie together.
 * Record: x, v, H, W, C, tiles.
 */
export function winogradInput(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 2);
  const W = arg(a, 3);
  const C = arg(a, 4);
  const tiles = arg(a, 5);
  const first = item * ROWS;
  const count = least(ROWS, tiles - first);
  const plane = planeBytes(((tiles + ROWS - 1) & ~(ROWS - 1)) * C * 4);
  const places = scratch + 2 * PATCH;
  const points = places + ROWS * PLACE;
  const v = arg(a, 1) + first * C * 4;
  for (let t: usize = 0; t < count; t++) locate(arg(a, 0), H, W, C << 2, first + t, 1, TILE, places + t * PLACE);
  memory.fill(points, 0, POINTS * 64);
  for (let c: usize = 0; c < C << 2; c += 16) {
    for (let t: usize = 0; t < count; t++) {
      transformInput(places + t * PLACE, H, W, C << 2, c, points + (t << 4), 64, scratch);
    }
    for (let xi: usize = 0; xi < POINTS; xi++) {
      const from = points + (xi << 6);
      const to = v + xi * plane + (c << 2);
      const r0 = v128.load(from);
      const r1 = v128.load(from, 16);
      const r2 = v128.load(from, 32);
      const r3 = v128.load(from, 48);
      const l0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
      const l1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
      const h0 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
      const h1 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
      v128.store(to, v128.shuffle<f32>(l0, l1, 0, 1, 4, 5));
      v128.store(to, v128.shuffle<f32>(l0, l1, 2, 3, 6, 7), 16);
      v128.store(to, v128.shuffle<f32>(h0, h1, 0, 1, 4, 5), 32);
      v128.store(to, v128.shuffle<f32>(h0, h1, 2, 3, 6, 7), 48);
    }
  }
}

/**
 * Item: a panel of 8 outputs through all stages that follow V, for kernels so large that U, made here, should
 * not go through memory. y [N, H, W, outputs]; K and C are those of w.
 * Record: v, w, bias, y, H, W, K, C, flip, tiles.
 */
export function winogradPanel(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 4);
  const W = arg(a, 5);
  const K = arg(a, 6);
  const C = arg(a, 7);
  const flip = arg(a, 8) != 0;
  const tiles = arg(a, 9);
  const inputs = flip ? K : C;
  const outputs = flip ? C : K;
  const planeV = planeBytes(((tiles + ROWS - 1) & ~(ROWS - 1)) * inputs * 4);
  const planeU = planeBytes(inputs * 32);
  const planeP = planeBytes(PANEL_TILES * 32);
  const u = scratch + 2 * PATCH + 64;
  const p = u + POINTS * planeU;
  transformPanel(arg(a, 1), K, C, flip, item, u, planeU, scratch);
  const bias: usize = arg(a, 2) ? arg(a, 2) + item * 32 : 0;
  for (let first: usize = 0; first < tiles; first += PANEL_TILES) {
    const count = least(PANEL_TILES, tiles - first);
    const groups = (count + ROWS - 1) / ROWS;
    const v = arg(a, 0) + first * inputs * 4;
    for (let xi: usize = 0; xi < POINTS; xi++) {
      let rows = v + xi * planeV;
      let out = p + xi * planeP;
      for (let group: usize = 0; group < groups; group++) {
        tileColumns(rows, 16, u + xi * planeU, 32, inputs, out, 32, false);
        rows += ROWS * inputs * 4;
        out += ROWS * 32;
      }
    }
    for (let t: usize = 0; t < count; t++) {
      const from = p + t * 32;
      transformOutput(from, planeP, H, W, outputs, 32, first + t, bias, arg(a, 3) + item * 32, scratch);
    }
  }
}

/**
 * Item: a group of tiles of a chunk; both operands of the weight gradient, V of x and D of dy, as strips:
 * V[xi][C / 4][chunk][4] and D[xi][K / 8][chunk][8], which the product reads from end to end. A group's
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
  const places = scratch + 2 * PATCH;
  const v = arg(a, 2) + from * 16;
  const planeV = planeBytes(C * chunk * 4);
  for (let t: usize = 0; t < count; t++) locate(arg(a, 0), H, W, C << 2, arg(a, 8) + from + t, 1, TILE, places + t * PLACE);
  for (let c: usize = 0; c < C << 2; c += 16) {
    for (let t: usize = 0; t < count; t++) {
      transformInput(places + t * PLACE, H, W, C << 2, c, v + c * chunk + t * 16, planeV, scratch);
    }
  }
  const d = arg(a, 3) + from * 32;
  const planeD = planeBytes(K * chunk * 4);
  for (let t: usize = 0; t < count; t++) locate(arg(a, 1), H, W, K << 2, arg(a, 8) + from + t, 0, M, places + t * PLACE);
  for (let k: usize = 0; k < K << 2; k += 16) {
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
      for (let c: usize = slice * width; c < (slice + 1) * width; c += ROWS) {
        const to = du + (c * K + k) * 4;
        tileColumns(v + (c * chunk + t * 4) * 4, 16, strip, 32, deep, to, K << 2, accumulate || t > 0);
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
  for (let i = c; i < cEnd; i++) {
    for (let o = k; o < kEnd; o += 4) {
      const from = du + i * row + (o << 2);
      for (let j: usize = 0; j < TILE; j++) {
        kernelGradientTransform(from + j * plane, TILE * plane, half + (j << 4), TILE * 16);
      }
      for (let s: usize = 0; s < 3; s++) kernelGradientTransform(half + s * TILE * 16, 16, taps + s * 48, 16);
      for (let lane: usize = 0; lane < 4; lane++) {
        const to = dw + ((o + lane) * C + i) * 36;
        for (let s: usize = 0; s < 9; s++) store<f32>(to + (s << 2), load<f32>(taps + (s << 4) + (lane << 2)));
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
  const u = scratch + 2 * PATCH;
  for (let xi: usize = 0; xi < POINTS; xi++) {
    for (let t: usize = 0; t < tiles; t += DEPTH) {
      const deep = least(DEPTH, tiles - t);
      for (let o = k; o < kEnd; o += 8) {
        const strip = arg(a, 1) + xi * planeD + (o * tiles + t * 8) * 4;
        for (let i = c; i < cEnd; i += ROWS) {
          const rows = arg(a, 0) + xi * planeV + (i * tiles + t * 4) * 4;
          tileColumns(rows, 16, strip, 32, deep, u + xi * planeU + ((i - c) * BLOCK + (o - k)) * 4, BLOCK << 2, t > 0);
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
