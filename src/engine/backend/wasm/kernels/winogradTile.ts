/**
 * Tiles of Winograd's convolutions: where they lie in their images, and the transforms of the data under
 * them. A tile covers m×m outputs and reads (m+2)×(m+2) inputs; tiles are counted over the whole batch: image,
 * tile row, tile column.
 */
import { CONSTANTS, gradientAcross, gradientDown, inputAcross, inputDown, M, TILE } from './generated/f5';
import { VECTOR } from './tiles';

/** Points of a tile. */
export const POINTS: usize = TILE * TILE;
/** Bytes of a tile of one vector of channels in scratch. */
export const PATCH: usize = TILE * TILE * VECTOR;
/** Bytes at the start of the scratch of every Winograd kernel: two patches, and the constants of the transforms. */
export const PATCHES: usize = 2 * PATCH + CONSTANTS;

/**
 * Bytes from one point's data to the next: an odd number of cache lines, so that the 49 places a
 * transform writes to at once fall into different sets. `planeFloats` in conv-choice.ts is its twin.
 */
@inline
export function planeBytes(bytes: usize): usize {
  return ((bytes + 63) & ~63) | 64;
}

/**
 * Copies a TILE×TILE patch of one vector of channels from row y, column x on; zero outside the image.
 * A row or column of -1 wraps to the largest number, so that one comparison finds both ends.
 */
function gatherPatch(image: usize, y: usize, x: usize, H: usize, W: usize, pixel: usize, patch: usize): void {
  for (let i: usize = 0; i < TILE; i++) {
    const row = y + i;
    const to = patch + i * TILE * VECTOR;
    if (row >= H) {
      memory.fill(to, 0, TILE * VECTOR);
      continue;
    }
    const from = image + row * W * pixel;
    for (let j: usize = 0; j < TILE; j++) {
      const column = x + j;
      const at = from + column * pixel;
      if (FER_WIDE) v128.store(to + j * VECTOR, column < W ? v128.load(at, 16) : f32x4.splat(0), 16);
      v128.store(to + j * VECTOR, column < W ? v128.load(at) : f32x4.splat(0));
    }
  }
}

/** Words that `locate` leaves for a tile: image, first row, first column, whether all of it is inside. */
export const PLACE: usize = 16;

/** Finds where tile `tile` of images [N, H, W] begins to read: `border` pixels before its outputs. */
export function locate(x: usize, H: usize, W: usize, pixel: usize, tile: usize, border: usize, span: usize, place: usize): void {
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
export function transformInput(place: usize, H: usize, W: usize, pixel: usize, c: usize, out: usize, plane: usize, scratch: usize): void {
  const half = scratch + PATCH;
  const constants = scratch + 2 * PATCH;
  const image = <usize>load<u32>(place) + c;
  const y = <usize>load<u32>(place, 4);
  const x = <usize>load<u32>(place, 8);
  if (load<u32>(place, 12)) {
    const corner = image + (y * W + x) * pixel;
    for (let j: usize = 0; j < TILE; j++) inputDown(corner + j * pixel, pixel * W, half + j * VECTOR, constants);
  } else {
    gatherPatch(image, y, x, H, W, pixel, scratch);
    for (let j: usize = 0; j < TILE; j++) inputDown(scratch + j * VECTOR, TILE * VECTOR, half + j * VECTOR, constants);
  }
  for (let i: usize = 0; i < TILE; i++) inputAcross(half + i * TILE * VECTOR, out + i * TILE * plane, plane, constants);
}

/** A dy Aᵀ of one vector of channels of a located tile of outputs; as `transformInput`. */
export function transformGradient(place: usize, H: usize, W: usize, pixel: usize, k: usize, out: usize, plane: usize, scratch: usize): void {
  const half = scratch + PATCH;
  const constants = scratch + 2 * PATCH;
  const image = <usize>load<u32>(place) + k;
  const y = <usize>load<u32>(place, 4);
  const x = <usize>load<u32>(place, 8);
  if (load<u32>(place, 12)) {
    const corner = image + (y * W + x) * pixel;
    for (let j: usize = 0; j < M; j++) gradientDown(corner + j * pixel, pixel * W, half + j * VECTOR, constants);
  } else {
    gatherPatch(image, y, x, H, W, pixel, scratch);
    for (let j: usize = 0; j < M; j++) gradientDown(scratch + j * VECTOR, TILE * VECTOR, half + j * VECTOR, constants);
  }
  for (let i: usize = 0; i < TILE; i++) gradientAcross(half + i * M * VECTOR, out + i * TILE * plane, plane, constants);
}
