/**
 * Convolutions by Winograd's F(m, 3), output and input gradient, in the stages: transform kernel, transform
 * input, gemm, transform output. `xi` counts the (m+2)² points of a tile.
 *
 * Layouts: transformed input V[tile / 4][xi][4][C], products P[tile / 4][xi][4][K], transformed kernel
 * U[xi][K / 8][C][8]. Four tiles are the rows of a register tile; keeping their points together keeps the
 * 49 places that a transform writes to on a few pages.
 */
import { kernelAcross, kernelDown, M, outputAcross, outputDown, storeConstants, TILE } from './generated/f5';
import { arg, fetch, floorOf, least, madd } from './madd';
import { rangeStatistics } from './norm';
import { ROWS, tileColumns, tileColumnsPair, tileColumnsTriple, tileRows, tileRowsPair, VECTOR } from './tiles';
import { locate, PATCH, PATCHES, PLACE, planeBytes, POINTS, transformInput } from './winogradTile';

/**
 * Aᵀ P A + bias (0: none) of one tile and `bytes` of channels: its outputs that lie inside y [N, H, W, K]. Where `affine`
 * is given (scale and shift, K << 2 bytes apart) they are scaled, shifted and cut below `floor`, as `normApply` does.
 * `y`, `bias` and `affine` point at the first of these channels.
 */
function transformOutput(from: usize, plane: usize, H: usize, W: usize, K: usize, bytes: usize, tile: usize, bias: usize, affine: usize, floor: v128, y: usize, scratch: usize): void {
  const pixel: usize = K << 2;
  const half = scratch;
  const patch = scratch + PATCH;
  const constants = scratch + 2 * PATCH;
  const place = scratch + PATCHES;
  locate(y, H, W, pixel, tile, 0, M, place);
  const y0 = <usize>load<u32>(place, 4);
  const x0 = <usize>load<u32>(place, 8);
  const height = least(M, H - y0);
  const width = least(M, W - x0);
  const corner = <usize>load<u32>(place) + (y0 * W + x0) * pixel;
  for (let k: usize = 0; k < bytes; k += VECTOR) {
    for (let j: usize = 0; j < TILE; j++) outputDown(from + k + j * plane, TILE * plane, half + j * VECTOR, constants);
    const b = bias ? v128.load(bias + k) : f32x4.splat(0);
    const b1 = FER_WIDE && bias ? v128.load(bias + k, 16) : f32x4.splat(0);
    for (let i: usize = 0; i < height; i++) {
      outputAcross(half + i * TILE * VECTOR, patch, VECTOR, constants);
      const to = corner + i * W * pixel + k;
      if (affine) storeNormed(patch, width, to, pixel, b, b1, affine + k, affine + pixel + k, floor);
      else storeRow(patch, width, to, pixel, b, b1);
    }
  }
}

/** A row of outputs with their bias, `b1` that of the second vector of the wide build. */
@inline
function storeRow(from: usize, width: usize, to: usize, pixel: usize, b: v128, b1: v128): void {
  for (const end = from + width * VECTOR; from < end; from += VECTOR) {
    const low = f32x4.add(v128.load(from), b);
    const high = FER_WIDE ? f32x4.add(v128.load(from, 16), b1) : b1;
    if (FER_WIDE) v128.store(to, high, 16);
    v128.store(to, low);
    to += pixel;
  }
}

/** The same, then scaled, shifted and cut. */
@inline
function storeNormed(from: usize, width: usize, to: usize, pixel: usize, b: v128, b1: v128, scale: usize, shift: usize, floor: v128): void {
  const s = v128.load(scale);
  const s1 = FER_WIDE ? v128.load(scale, 16) : s;
  const t = v128.load(shift);
  const t1 = FER_WIDE ? v128.load(shift, 16) : t;
  for (const end = from + width * VECTOR; from < end; from += VECTOR) {
    // pmax(a, b) is a < b ? b : a, which keeps NaN in a.
    const low = f32x4.pmax(madd(f32x4.add(v128.load(from), b), s, t), floor);
    const high = FER_WIDE ? f32x4.pmax(madd(f32x4.add(v128.load(from, 16), b1), s1, t1), floor) : low;
    if (FER_WIDE) v128.store(to, high, 16);
    v128.store(to, low);
    to += pixel;
  }
}

/** Nine taps of four kernels, `stride` bytes apart, into nine places VECTOR bytes apart; backwards where `flip`. */
function gatherTaps(w: usize, stride: usize, flip: bool, taps: usize): void {
  const step: usize = flip ? ~(VECTOR - 1) : VECTOR;
  let to = flip ? taps + 8 * VECTOR : taps;
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

/** Bytes of the nine taps of a panel's 8 outputs for one input. */
const TAPS: usize = 9 * 32;

/** The taps of one input and 8 outputs of w [K, C, 3, 3], VECTOR / 4 outputs at a time: [part][9][VECTOR / 4]. */
function gatherPanelTaps(w: usize, K: usize, C: usize, flip: bool, panel: usize, c: usize, to: usize): void {
  const inputStride: usize = flip ? C * 36 : 36;
  const outputStride: usize = flip ? 36 : C * 36;
  const taps = w + c * inputStride + panel * 8 * outputStride;
  for (let part: usize = 0; part < 32; part += VECTOR) {
    for (let four: usize = 0; four < VECTOR; four += 16) {
      gatherTaps(taps + ((part + four) >> 2) * outputStride, outputStride, flip, to + part * 9 + four);
    }
  }
}

/**
 * Item: a panel of 8 outputs. Its taps for `transformPanel`: packed[out / 8][in][part][9][VECTOR / 4].
 * Record: w, packed, K, C, flip.
 */
export function winogradTaps(a: usize, item: usize, scratch: usize): void {
  const K = arg(a, 2);
  const C = arg(a, 3);
  const flip = arg(a, 4) != 0;
  const inputs = flip ? K : C;
  for (let c: usize = 0; c < inputs; c++) {
    gatherPanelTaps(arg(a, 0), K, C, flip, item, c, arg(a, 1) + (item * inputs + c) * TAPS);
  }
}

/**
 * U[xi][in][8] of one panel of 8 outputs of w [K, C, 3, 3], points `plane` bytes apart; `flip` gives the kernel
 * of the input gradient (channels exchanged, taps turned by 180 degrees). `packed` are the taps from `winogradTaps`,
 * or 0.
 */
function transformPanel(w: usize, packed: usize, K: usize, C: usize, flip: bool, panel: usize, u: usize, plane: usize, scratch: usize): void {
  const inputs = flip ? K : C;
  const half = scratch + TAPS;
  const constants = scratch + 2 * PATCH;
  if (packed) fetch(packed + panel * inputs * TAPS, inputs * TAPS, scratch);
  else if (flip) for (let k: usize = 0; k < K; k++) fetch(w + (k * C + panel * 8) * 36, TAPS, scratch);
  else fetch(w + panel * C * TAPS, C * TAPS, scratch);
  for (let c: usize = 0; c < inputs; c++) {
    const out = u + c * 32;
    let taps = scratch;
    if (packed) taps = packed + (panel * inputs + c) * TAPS;
    else gatherPanelTaps(w, K, C, flip, panel, c, taps);
    for (let part: usize = 0; part < 32; part += VECTOR) {
      for (let s: usize = 0; s < 3; s++) kernelDown(taps + part * 9 + s * VECTOR, 3 * VECTOR, half + s * VECTOR, constants);
      for (let i: usize = 0; i < TILE; i++) kernelAcross(half + i * 3 * VECTOR, out + part + i * TILE * plane, plane, constants);
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
  storeConstants(scratch + 2 * PATCH);
  transformPanel(arg(a, 0), 0, K, C, flip, item, u, planeBytes(K * C * 4), scratch);
}

/**
 * Item: a block of tiles through all stages. y = correlate(x, w) + bias. With `parts` also what `normStatistics` makes of
 * the blocks of pixels that lie in them; the tiles are then whole rows of tiles of images that they cover exactly.
 * Record: x, u, bias, y, H, W, C, K, tiles, block, affine, relu, parts (0: none), pixels of a block.
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
  const place = scratch + PATCHES;
  const v = place + 64;
  storeConstants(scratch + 2 * PATCH);
  const p = v + groups * POINTS * planeV;
  for (let t: usize = 0; t < count; t++) {
    locate(x, H, W, C << 2, first + t, 1, TILE, place);
    const row = v + (t / ROWS) * POINTS * planeV + (t % ROWS) * C * 4;
    for (let c: usize = 0; c < C << 2; c += VECTOR) transformInput(place, H, W, C << 2, c, row + c, planeV, scratch);
  }
  const whole = (count + ROWS - 1) / ROWS;
  for (let xi: usize = 0; xi < POINTS; xi++) {
    for (let panel: usize = 0; panel < K / 8; panel++) {
      const b = u + xi * planeU + panel * C * 32;
      let rows = v + xi * planeV;
      let out = p + xi * planeP + panel * 32;
      let group: usize = 0;
      for (; group + 2 <= whole; group += 2) {
        tileRowsPair(rows, POINTS * planeV, C << 2, b, C, out, POINTS * planeP, K << 2, false);
        rows += 2 * POINTS * planeV;
        out += 2 * POINTS * planeP;
      }
      if (group < whole) tileRows(rows, C << 2, b, C, out, K << 2, false);
    }
  }
  for (let t: usize = 0; t < count; t++) {
    const from = p + (t / ROWS) * POINTS * planeP + (t % ROWS) * K * 4;
    transformOutput(from, planeP, H, W, K, K << 2, first + t, bias, arg(a, 10), floorOf(arg(a, 11)), y, scratch);
  }
  const parts: usize = arg(a, 12);
  if (!parts) return;
  const end = pixelsBefore(first + count, W);
  rangeStatistics(y, parts, pixelsBefore(tiles, W), K << 2, arg(a, 13), pixelsBefore(first, W), end, 0, K << 2);
}

/** Pixels of images in front of a row of tiles, where tiles cover the images exactly from top to bottom. */
function pixelsBefore(tile: usize, W: usize): usize {
  return (tile / ((W + M - 1) / M)) * M * W;
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
  const places = scratch + PATCHES;
  storeConstants(scratch + 2 * PATCH);
  const points = places + ROWS * PLACE;
  const v = arg(a, 1) + first * C * 4;
  for (let t: usize = 0; t < count; t++) locate(arg(a, 0), H, W, C << 2, first + t, 1, TILE, places + t * PLACE);
  memory.fill(points, 0, POINTS * ROWS * VECTOR);
  for (let c: usize = 0; c < C << 2; c += VECTOR) {
    for (let t: usize = 0; t < count; t++) {
      transformInput(places + t * PLACE, H, W, C << 2, c, points + t * VECTOR, ROWS * VECTOR, scratch);
    }
    for (let xi: usize = 0; xi < POINTS; xi++) {
      for (let half: usize = 0; half < VECTOR; half += 16) {
        const from = points + xi * ROWS * VECTOR + half;
        const to = v + xi * plane + ((c + half) << 2);
        const r0 = v128.load(from);
        const r1 = v128.load(from, VECTOR);
        const r2 = v128.load(from, 2 * VECTOR);
        const r3 = v128.load(from, 3 * VECTOR);
        const l0 = v128.shuffle<f32>(r0, r1, 0, 4, 1, 5);
        const l1 = v128.shuffle<f32>(r2, r3, 0, 4, 1, 5);
        const h0 = v128.shuffle<f32>(r0, r1, 2, 6, 3, 7);
        const h1 = v128.shuffle<f32>(r2, r3, 2, 6, 3, 7);
        v128.store(to, v128.shuffle<f32>(l0, l1, 2, 3, 6, 7), 16);
        v128.store(to, v128.shuffle<f32>(l0, l1, 0, 1, 4, 5));
        v128.store(to, v128.shuffle<f32>(h0, h1, 2, 3, 6, 7), 48);
        v128.store(to, v128.shuffle<f32>(h0, h1, 0, 1, 4, 5), 32);
      }
    }
  }
}

/**
 * Item: `panels` panels of 8 outputs through all stages that follow V, for kernels so large that U, made here, should
 * not go through memory. Tiles go in blocks of `block`: then U and the products of a block stay in the second cache, and
 * what is read of V for the first panel is still near for the others. y [N, H, W, outputs]; K and C are those of w.
 * Record: v, w, bias, y, H, W, K, C, flip, tiles, panels, block, affine, relu, taps (0, or w from `winogradTaps`),
 * parts and pixels of a block (as in `winogradConv`).
 */
export function winogradPanel(a: usize, item: usize, scratch: usize): void {
  const H = arg(a, 4);
  const W = arg(a, 5);
  const K = arg(a, 6);
  const C = arg(a, 7);
  const flip = arg(a, 8) != 0;
  const tiles = arg(a, 9);
  const panels = arg(a, 10);
  const block = arg(a, 11);
  const inputs = flip ? K : C;
  const outputs = flip ? C : K;
  const row = panels * 32;
  const planeV = planeBytes(((tiles + ROWS - 1) & ~(ROWS - 1)) * inputs * 4);
  const planeU = planeBytes(inputs * row);
  const planeP = planeBytes(block * row);
  const u = scratch + PATCHES + 64;
  const p = u + POINTS * planeU;
  storeConstants(scratch + 2 * PATCH);
  const bias: usize = arg(a, 2) ? arg(a, 2) + item * row : 0;
  const affine: usize = arg(a, 12) ? arg(a, 12) + item * row : 0;
  const floor = floorOf(arg(a, 13));
  const y = arg(a, 3) + item * row;
  const parts: usize = arg(a, 15);
  const pixels = pixelsBefore(tiles, W);
  // Blocks of pixels lie across blocks of tiles: each goes with the one that ends it.
  let summed: usize = 0;
  for (let panel: usize = 0; panel < panels; panel++) {
    transformPanel(arg(a, 1), arg(a, 14), K, C, flip, item * panels + panel, u + panel * inputs * 32, planeU, scratch);
  }
  for (let first: usize = 0; first < tiles; first += block) {
    const count = least(block, tiles - first);
    const groups = (count + ROWS - 1) / ROWS;
    const v = arg(a, 0) + first * inputs * 4;
    for (let xi: usize = 0; xi < POINTS; xi++) {
      for (let panel: usize = 0; panel < panels; panel++) {
        const b = u + xi * planeU + panel * inputs * 32;
        let rows = v + xi * planeV;
        let out = p + xi * planeP + panel * 32;
        let group: usize = 0;
        if (groups == 3) {
          tileColumnsTriple(rows, ROWS * inputs * 4, 16, b, 32, inputs, out, ROWS * row, row, false);
          group = groups;
        }
        for (; group + 2 <= groups; group += 2) {
          tileColumnsPair(rows, ROWS * inputs * 4, 16, b, 32, inputs, out, ROWS * row, row, false);
          rows += 2 * ROWS * inputs * 4;
          out += 2 * ROWS * row;
        }
        if (group < groups) tileColumns(rows, 16, b, 32, inputs, out, row, false);
      }
    }
    for (let t: usize = 0; t < count; t++) {
      transformOutput(p + t * row, planeP, H, W, outputs, row, first + t, bias, affine, floor, y, scratch);
    }
    if (!parts) continue;
    const end = pixelsBefore(first + count, W);
    rangeStatistics(y, parts + item * row, pixels, outputs << 2, arg(a, 16), summed, end, 0, row);
    summed = end == pixels ? end : end - (end % arg(a, 16));
  }
}
