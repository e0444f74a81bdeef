/**
 * Samples from the stored uint8 images: warp, crop, flip, scale to 0..1, erase. The recipe, its order
 * and its ranges are those of usef-kh/fer; `src/engine/augment.ts` is the definition, in the same order
 * of operations and float64, so that both draw the same parameters.
 */
import { arg } from './madd';
import { EMPTY_KEY, extend, uniform } from './random';

/** The part of an entry of the order that is the image, as in engine/kernels.ts. */
const IMAGE: u32 = 0xffffff;
const ATTEMPTS: usize = 10;
const DEGREES: f64 = 0.017453292519943295;

/** What is drawn, a bit each, as numbered by `AUGMENTATIONS`. */
const DRAW_CROP: usize = 1;
const DRAW_SCALE: usize = 2;
const DRAW_SHIFT: usize = 4;
const DRAW_FLIP: usize = 8;
const DRAW_ROTATE: usize = 16;
const DRAW_ERASE: usize = 32;

/** exp of a small argument by its series; the same in every backend. */
function exponential(x: f64): f64 {
  let term: f64 = 1;
  let sum: f64 = 1;
  for (let i = 1; i < 20; i++) {
    term = (term * x) / <f64>i;
    sum += term;
  }
  return sum;
}

function sine(x: f64): f64 {
  const s = x * x;
  return x * (1 - (s / 6) * (1 - (s / 20) * (1 - (s / 42) * (1 - s / 72))));
}

function cosine(x: f64): f64 {
  const s = x * x;
  return 1 - (s / 2) * (1 - (s / 12) * (1 - (s / 30) * (1 - s / 56)));
}

/** The share of a sample that lies on a canvas 0..side-1 whose border fades over one pixel. */
@inline
function coverage(u: f64, side: f64): f64 {
  return Math.max(0, Math.min(1, Math.min(u + 1, side - u)));
}

@inline
function clamp(u: f64, low: f64, high: f64): f64 {
  return Math.max(low, Math.min(high, u));
}

/**
 * Item: a sample, image·crops + crop.
 * Record: images, order, out, step, size, side, crops, draws (bits), stream.
 */
export function augment(a: usize, item: usize, scratch: usize): void {
  const step: usize = arg(a, 3);
  const size = arg(a, 4);
  const side = arg(a, 5);
  const crops = arg(a, 6);
  const draws = arg(a, 7);
  const image = item / crops;
  const crop = item % crops;
  const entry = load<u32>(arg(a, 1) + ((<usize>load<u32>(step, 8) + image) << 2));
  const pixels = arg(a, 0) + <usize>(entry & IMAGE) * size * size;
  const out = arg(a, 2) + <usize>item * side * side * 4;
  const slack = size - side;

  // Where the crop lies: top left, top right, bottom left, bottom right, centre, then their mirrors.
  let left = slack / 2;
  let top = slack / 2;
  let mirror = false;
  if (crops == 10) {
    const corner = crop % 5;
    mirror = crop >= 5;
    if (corner < 4) {
      left = corner & 1 ? slack : 0;
      top = corner & 2 ? slack : 0;
    }
    // The mirror's crops are taken from the mirrored image: a crop at its left lies at the right.
    if (mirror) left = slack - left;
  }
  if (draws == 0) {
    for (let y: usize = 0; y < side; y++) {
      const row = pixels + <usize>(top + y) * size + left;
      for (let x: usize = 0; x < side; x++) {
        const value = <f32>load<u8>(row + (mirror ? side - 1 - x : x)) / 255;
        store<f32>(out + (<usize>(y * side + x) << 2), value);
      }
    }
    return;
  }

  let key = extend(EMPTY_KEY, load<u32>(step));
  key = extend(key, <u32>arg(a, 8));
  key = extend(key, load<u32>(step, 4));
  key = extend(key, entry);
  const full = <f64>size;

  // Random resized crop: a box of .8 to 1.2 of the area, if it fits.
  let boxWidth = full;
  let boxHeight = full;
  let boxLeft: f64 = 0;
  let boxTop: f64 = 0;
  let counter: u32 = 16;
  for (let attempt: usize = draws & DRAW_SCALE ? 0 : ATTEMPTS; attempt < ATTEMPTS; attempt++) {
    const area = full * full * (0.8 + 0.4 * uniform(key, counter));
    const ratio = 0.75 * exponential(0.5753641449035618 * uniform(key, counter + 1));
    const w = Math.floor(Math.sqrt(area * ratio) + 0.5);
    const h = Math.floor(Math.sqrt(area / ratio) + 0.5);
    if (w > 0 && h > 0 && w <= full && h <= full) {
      boxWidth = w;
      boxHeight = h;
      boxLeft = Math.floor(uniform(key, counter + 2) * (full - w + 1));
      boxTop = Math.floor(uniform(key, counter + 3) * (full - h + 1));
      break;
    }
    counter += 4;
  }
  // Shift by whole pixels up to a fifth, mirror, turn by up to 10 degrees.
  let shiftX: f64 = 0;
  let shiftY: f64 = 0;
  if (draws & DRAW_SHIFT && uniform(key, 0) < 0.5) {
    shiftX = Math.floor((2 * uniform(key, 1) - 1) * 0.2 * full + 0.5);
    shiftY = Math.floor((2 * uniform(key, 2) - 1) * 0.2 * full + 0.5);
  }
  const flip = (draws & DRAW_FLIP) != 0 && uniform(key, 3) < 0.5;
  let sin: f64 = 0;
  let cos: f64 = 1;
  if (draws & DRAW_ROTATE && uniform(key, 4) < 0.5) {
    const angle = (2 * uniform(key, 5) - 1) * 10 * DEGREES;
    sin = sine(angle);
    cos = cosine(angle);
  }
  if (crops == 1 && draws & DRAW_CROP) {
    left = <usize>Math.floor(uniform(key, 6) * <f64>(slack + 1));
    top = <usize>Math.floor(uniform(key, 7) * <f64>(slack + 1));
  }

  const last = full - 1;
  const centre = last / 2;
  const scaleX = boxWidth / full;
  const scaleY = boxHeight / full;
  for (let y: usize = 0; y < side; y++) {
    const v = <f64>(top + y) - centre;
    for (let x: usize = 0; x < side; x++) {
      const u = <f64>(left + (mirror ? side - 1 - x : x)) - centre;
      // Back through the turn, the mirror and the shift, each on its own canvas with a black outside.
      let px = cos * u - sin * v + centre;
      let py = sin * u + cos * v + centre;
      let weight = coverage(px, full) * coverage(py, full);
      if (flip) px = last - px;
      px -= shiftX;
      py -= shiftY;
      weight *= coverage(px, full) * coverage(py, full);
      let value: f64 = 0;
      if (weight > 0) {
        // Then into the box, by pixel centres, and between four stored pixels.
        px = clamp(boxLeft + (clamp(px, 0, last) + 0.5) * scaleX - 0.5, boxLeft, boxLeft + boxWidth - 1);
        py = clamp(boxTop + (clamp(py, 0, last) + 0.5) * scaleY - 0.5, boxTop, boxTop + boxHeight - 1);
        const x0 = Math.min(Math.floor(px), last - 1);
        const y0 = Math.min(Math.floor(py), last - 1);
        const fx = px - x0;
        const fy = py - y0;
        const at = pixels + <usize>(<usize>y0 * size + <usize>x0);
        const upper = <f64>load<u8>(at) * (1 - fx) + <f64>load<u8>(at, 1) * fx;
        const lower = <f64>load<u8>(at + size) * (1 - fx) + <f64>load<u8>(at + size, 1) * fx;
        value = (weight * (upper * (1 - fy) + lower * fy)) / 255;
      }
      store<f32>(out + (<usize>(y * side + x) << 2), <f32>value);
    }
  }
  if (draws & DRAW_ERASE) erase(out, side, extend(key, <u32>crop));
}

/** Random erasing with torchvision's defaults: half the samples, .02 to .33 of the area, black. */
function erase(out: usize, side: usize, key: u32): void {
  if (uniform(key, 0) >= 0.5) return;
  const full = <f64>side;
  let counter: u32 = 1;
  for (let attempt: usize = 0; attempt < ATTEMPTS; attempt++) {
    const area = full * full * (0.02 + 0.31 * uniform(key, counter));
    const ratio = 0.3 * exponential(2.3978952727983707 * uniform(key, counter + 1));
    const h = Math.floor(Math.sqrt(area * ratio) + 0.5);
    const w = Math.floor(Math.sqrt(area / ratio) + 0.5);
    if (h < full && w < full) {
      const top = <usize>Math.floor(uniform(key, counter + 2) * (full - h + 1));
      const left = <usize>Math.floor(uniform(key, counter + 3) * (full - w + 1));
      for (let y = top; y < top + <usize>h; y++) memory.fill(out + (<usize>(y * side + left) << 2), 0, <usize>w << 2);
      return;
    }
    counter += 4;
  }
}

/**
 * Item 0 only. labels[i] = targets[image], the image of order[start + i / crops].
 * Record: targets, order, labels, step, crops, length.
 */
export function gatherLabels(a: usize, item: usize, scratch: usize): void {
  const start: usize = load<u32>(arg(a, 3), 8);
  const crops = arg(a, 4);
  const length = arg(a, 5);
  for (let i: usize = 0; i < length; i++) {
    const entry = load<u32>(arg(a, 1) + (<usize>(start + i / crops) << 2));
    store<u32>(arg(a, 2) + (<usize>i << 2), <usize>load<u8>(arg(a, 0) + (entry & IMAGE)));
  }
}
