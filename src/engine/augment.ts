import { uniform } from './random.ts';

/**
 * How a sample is made from a stored image: the recipe, order and ranges of usef-kh/fer. Its kernels
 * (`backend/wasm/kernels/augment.ts`) draw with the same counters and compute in the same order in
 * float64, so that every backend makes the same decisions to the bit. Hence the series below, too:
 * the engine's own `Math.exp` and `Math.sin` differ from machine to machine in the last bit.
 */

/**
 * What can be drawn, in the order in which it is applied, the place of the crop first. A recipe is some of
 * them; the draws of the others stay the same without one.
 */
export const AUGMENTATIONS = ['crop', 'scale', 'shift', 'flip', 'rotate', 'erase'] as const;
export type Augmentation = (typeof AUGMENTATIONS)[number];

/** A box of whole pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What is drawn once for an image and a step, in the order in which it is applied. */
export interface Warp {
  /** Stretched to the whole image: the random resized crop. */
  readonly box: Box;
  /** Whole pixels, to the right and down. */
  readonly shiftX: number;
  readonly shiftY: number;
  readonly flip: boolean;
  /** Of the angle of rotation about the centre. */
  readonly sin: number;
  readonly cos: number;
  /** Where one random crop lies in the warped image. */
  readonly crop: Crop;
}

/** Top left corner of a crop; `mirror` reads its columns from right to left. */
export interface Crop {
  readonly left: number;
  readonly top: number;
  readonly mirror: boolean;
}

/** Draws of a box before it is given up. */
export const ATTEMPTS = 10;
/** Counters of the boxes' draws start behind those of the rest. */
export const FIRST_BOX_COUNTER = 16;
export const DEGREES = 0.017453292519943295;

/** Random resized crop to the stored size: share of the area, and sides from 3:4 to 4:3 (log 16/9 = .575…). */
export const CROP = { area: 0.8, areaRange: 0.4, ratio: 0.75, logRatioRange: 0.5753641449035618 } as const;
export const SHIFT = { probability: 0.5, most: 0.2 } as const;
export const FLIP = { probability: 0.5 } as const;
export const ROTATION = { probability: 0.5, most: 10 } as const;
/** torchvision's RandomErasing: ratios from 0.3 to 3.3 (log 11 = 2.397…). */
export const ERASING = {
  probability: 0.5,
  area: 0.02,
  areaRange: 0.31,
  ratio: 0.3,
  logRatioRange: 2.3978952727983707,
} as const;

/** The warp of an image of side `size`, to be cut to crops of `side`, from a key of its own. */
export function drawWarp(key: number, size: number, side: number, draws: readonly Augmentation[]): Warp {
  const whole = { left: 0, top: 0, width: size, height: size };
  const box = (draws.includes('scale') && drawBox(key, size)) || whole;
  let shiftX = 0;
  let shiftY = 0;
  if (draws.includes('shift') && uniform(key, 0) < SHIFT.probability) {
    shiftX = Math.floor((2 * uniform(key, 1) - 1) * SHIFT.most * size + 0.5);
    shiftY = Math.floor((2 * uniform(key, 2) - 1) * SHIFT.most * size + 0.5);
  }
  const flip = draws.includes('flip') && uniform(key, 3) < FLIP.probability;
  let sin = 0;
  let cos = 1;
  if (draws.includes('rotate') && uniform(key, 4) < ROTATION.probability) {
    const angle = (2 * uniform(key, 5) - 1) * ROTATION.most * DEGREES;
    sin = sine(angle);
    cos = cosine(angle);
  }
  const places = size - side + 1;
  const crop = draws.includes('crop')
    ? { left: Math.floor(uniform(key, 6) * places), top: Math.floor(uniform(key, 7) * places), mirror: false }
    : fixedCrop(size, side, 1, 0);
  return { box, shiftX, shiftY, flip, sin, cos, crop };
}

function drawBox(key: number, size: number): Box | undefined {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const counter = FIRST_BOX_COUNTER + 4 * attempt;
    const area = size * size * (CROP.area + CROP.areaRange * uniform(key, counter));
    const ratio = CROP.ratio * exponential(CROP.logRatioRange * uniform(key, counter + 1));
    const width = Math.floor(Math.sqrt(area * ratio) + 0.5);
    const height = Math.floor(Math.sqrt(area / ratio) + 0.5);
    if (width > 0 && height > 0 && width <= size && height <= size) {
      const left = Math.floor(uniform(key, counter + 2) * (size - width + 1));
      const top = Math.floor(uniform(key, counter + 3) * (size - height + 1));
      return { left, top, width, height };
    }
  }
  return undefined;
}

/** The box of a sample that is blacked out, if any; `key` is the warp's, extended by the crop's number. */
export function drawErasing(key: number, side: number): Box | undefined {
  if (uniform(key, 0) >= ERASING.probability) return undefined;
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const counter = 1 + 4 * attempt;
    const area = side * side * (ERASING.area + ERASING.areaRange * uniform(key, counter));
    const ratio = ERASING.ratio * exponential(ERASING.logRatioRange * uniform(key, counter + 1));
    const height = Math.floor(Math.sqrt(area * ratio) + 0.5);
    const width = Math.floor(Math.sqrt(area / ratio) + 0.5);
    if (height < side && width < side) {
      const top = Math.floor(uniform(key, counter + 2) * (side - height + 1));
      const left = Math.floor(uniform(key, counter + 3) * (side - width + 1));
      return { left, top, width, height };
    }
  }
  return undefined;
}

/**
 * One of the fixed crops: the centre, or of ten the corners (top left, top right, bottom left, bottom
 * right) and the centre, then the same of the mirrored image.
 */
export function fixedCrop(size: number, side: number, crops: 1 | 10, crop: number): Crop {
  const slack = size - side;
  const middle = Math.floor(slack / 2);
  if (crops === 1) return { left: middle, top: middle, mirror: false };
  const corner = crop % 5;
  const mirror = crop >= 5;
  const left = corner === 4 ? middle : (corner % 2) * slack;
  const top = corner === 4 ? middle : Math.floor(corner / 2) * slack;
  // What lies left in the mirrored image lies right in the stored one.
  return { left: mirror ? slack - left : left, top, mirror };
}

/** A crop of a stored image, 0..1, into `out` [side, side]. */
export function cutCrop(image: Uint8Array, size: number, crop: Crop, side: number, out: Float64Array): void {
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const column = crop.left + (crop.mirror ? side - 1 - x : x);
      out[y * side + x] = image[(crop.top + y) * size + column] / 255;
    }
  }
}

/** A crop of the warped image, 0..1, into `out` [side, side]. */
export function cutWarped(
  image: Uint8Array,
  size: number,
  warp: Warp,
  crop: Crop,
  side: number,
  out: Float64Array,
): void {
  const centre = (size - 1) / 2;
  for (let y = 0; y < side; y++) {
    const v = crop.top + y - centre;
    for (let x = 0; x < side; x++) {
      const u = crop.left + (crop.mirror ? side - 1 - x : x) - centre;
      out[y * side + x] = warpedPixel(image, size, warp, u, v);
    }
  }
}

/**
 * The warped image at (u, v) from its centre, found by going back: through the rotation, the mirror and
 * the shift, each on a canvas of its own that is black outside, then into the box.
 */
function warpedPixel(image: Uint8Array, size: number, warp: Warp, u: number, v: number): number {
  const { box, sin, cos } = warp;
  const last = size - 1;
  const centre = last / 2;
  let px = cos * u - sin * v + centre;
  let py = sin * u + cos * v + centre;
  let weight = coverage(px, size) * coverage(py, size);
  if (warp.flip) px = last - px;
  px -= warp.shiftX;
  py -= warp.shiftY;
  weight *= coverage(px, size) * coverage(py, size);
  if (weight <= 0) return 0;
  px = intoBox(clamp(px, 0, last), box.left, box.width, size);
  py = intoBox(clamp(py, 0, last), box.top, box.height, size);
  return (weight * bilinear(image, size, px, py)) / 255;
}

/** A coordinate of the stretched box in the stored image; pixels have their centres at whole numbers. */
function intoBox(p: number, start: number, length: number, size: number): number {
  return clamp(start + (p + 0.5) * (length / size) - 0.5, start, start + length - 1);
}

function bilinear(image: Uint8Array, size: number, px: number, py: number): number {
  const x = Math.min(Math.floor(px), size - 2);
  const y = Math.min(Math.floor(py), size - 2);
  const fx = px - x;
  const fy = py - y;
  const at = y * size + x;
  const upper = image[at] * (1 - fx) + image[at + 1] * fx;
  const lower = image[at + size] * (1 - fx) + image[at + size + 1] * fx;
  return upper * (1 - fy) + lower * fy;
}

/** The share of a sample that lies on a canvas 0..side-1 whose border fades over one pixel. */
function coverage(u: number, side: number): number {
  return Math.max(0, Math.min(1, Math.min(u + 1, side - u)));
}

function clamp(value: number, low: number, high: number): number {
  return Math.max(low, Math.min(high, value));
}

/** exp of a small argument by its series. */
function exponential(x: number): number {
  let term = 1;
  let sum = 1;
  for (let i = 1; i < 20; i++) {
    term = (term * x) / i;
    sum += term;
  }
  return sum;
}

/** sin of a small angle by its series. */
function sine(x: number): number {
  const s = x * x;
  return x * (1 - (s / 6) * (1 - (s / 20) * (1 - (s / 42) * (1 - s / 72))));
}

function cosine(x: number): number {
  const s = x * x;
  return 1 - (s / 2) * (1 - (s / 12) * (1 - (s / 30) * (1 - s / 56)));
}
