import {
  ATTEMPTS,
  type Augmentation,
  CROP,
  DEGREES,
  ERASING,
  FIRST_BOX_COUNTER,
  FLIP,
  fixedCrop,
  ROTATION,
  SHIFT,
} from '../../../augment.ts';
import { ORDER, STEP } from '../../../kernels.ts';
import { GROUP_INDEX } from '../dispatches.ts';
import { read, type Shader, THREADS, write } from '../shader.ts';
import { DOUBLE, doubleConstant } from './double.ts';
import { RANDOM } from './random.ts';

/** What is drawn for a sample, as words; floats are kept as their bits. */
const DRAWN = {
  left: 0,
  top: 1,
  width: 2,
  height: 3,
  shiftX: 4,
  shiftY: 5,
  flip: 6,
  sin: 7,
  /** 1 - cos, which keeps the digits that the cosine of a small angle loses. */
  versine: 8,
  cropLeft: 9,
  cropTop: 10,
  erasedLeft: 11,
  erasedTop: 12,
  erasedWidth: 13,
  erasedHeight: 14,
} as const;
export const DRAWN_WORDS = 16;

interface Sampling {
  readonly size: number;
  readonly side: number;
  readonly crops: number;
  readonly draws: readonly Augmentation[];
}

const IMAGE_OF = (crops: number): string => `
fn entryOf(sample: u32) -> u32 { return bitcast<u32>(order(u32(step(${STEP.start}u)) + sample / ${crops}u)); }
fn imageOf(sample: u32) -> u32 { return entryOf(sample) & ${ORDER.image}u; }`;

const d = doubleConstant;

/** A draw of so many 2^-24 is below a probability if it is below this. */
const threshold = (probability: number): string => `${Math.ceil(probability * 2 ** 24)}u`;

/**
 * The draws of `src/engine/augment.ts` to the bit. Where float64 rounds, it is emulated, in the same order;
 * where it does not, whole numbers do. An emulated operation is a long piece of code, so each appears
 * in few places, and what differs between boxes or axes is data.
 */
const DRAWS = `
/** u in [0, 1) is so many 2^-24. */
fn draw(key: u32, counter: u32) -> u32 { return randomBits(key, counter) >> 8u; }
fn scaled(n: u32) -> Double {
  var u = whole(n);
  u.exponent -= select(24, 0, n == 0u);
  return u;
}
/** floor(u·count) */
fn below(key: u32, counter: u32, count: u32) -> i32 {
  let n = wide(draw(key, counter), count);
  return i32((n.x << 8u) | (n.y >> 24u));
}
fn nearest(x: Double) -> i32 { return floored(sum(x, ${d(0.5)})); }
/** A range of shares of the area, and of ratios of the sides: the least, and how far they go (ratios: their logarithm). */
struct Ranges { area: Double, areaRange: Double, ratio: Double, logRange: Double }
/** Sides of a box of random area and ratio: √(area·ratio) and √(area / ratio), rounded. */
fn sides(key: u32, counter: u32, side: u32, ranges: Ranges) -> vec2i {
  let area = product(whole(side * side), sum(ranges.area, product(ranges.areaRange, scaled(draw(key, counter)))));
  let x = product(ranges.logRange, scaled(draw(key, counter + 1u)));
  var term = whole(1u);
  var exponential = whole(1u);
  for (var i = 1u; i < 20u; i++) {
    term = quotient(product(term, x), whole(i));
    exponential = sum(exponential, term);
  }
  let ratio = product(ranges.ratio, exponential);
  var found = vec2i();
  for (var i = 0u; i < 2u; i++) {
    var square = product(area, ratio);
    if (i == 1u) { square = quotient(area, ratio); }
    found[i] = nearest(root(square));
  }
  return found;
}
/** (2u - 1)·most·scale */
fn centred(key: u32, counter: u32, most: Double, scale: Double) -> Double {
  let twice = 2 * i32(draw(key, counter)) - 0x1000000;
  var u = scaled(u32(abs(twice)));
  u.negative = twice < 0;
  return product(product(u, most), scale);
}`;

/**
 * Draws warp, crop and erased box of each sample of a training step. A workgroup takes a sample: the
 * attempts at a box are independent, so each has a thread.
 */
export function drawShader({ size, side, crops, draws }: Sampling): Shader {
  const middle = fixedCrop(size, side, 1, 0);
  const placed = (counter: number, fixed: number): string =>
    draws.includes('crop') ? `below(key, ${counter}u, ${size - side + 1}u)` : `${fixed}`;
  const put = (slot: keyof typeof DRAWN, value: string): string =>
    `set_drawn(at + ${DRAWN[slot]}u, ${value});`;
  const putBox = (slots: readonly (keyof typeof DRAWN)[]): string =>
    slots.map((slot, i) => put(slot, `box[${i}]`)).join('\n    ');
  const ranges = ({ area, areaRange, ratio, logRatioRange }: typeof CROP | typeof ERASING): string =>
    `Ranges(${[area, areaRange, ratio, logRatioRange].map(d).join(', ')})`;
  return {
    name: `augment.draw ${size} to ${side}, ${crops} crops, ${draws.join('+')}`,
    operands: { order: read('i32'), step: read('i32'), drawn: write('i32') },
    numbers: { samples: 'u32' },
    threads: 32,
    declarations: `${DOUBLE}${RANDOM}${DRAWS}${IMAGE_OF(crops)}
const ATTEMPTS = ${ATTEMPTS}u;
/** Left, top, width, height: of crops, then of erased boxes. A width of -1 is a failure. */
var<workgroup> boxes: array<vec4i, ${2 * ATTEMPTS}>;`,
    body: `
  let sample = ${GROUP_INDEX};
  if (sample >= p.samples) { return; }
  var key = extendKey(EMPTY_KEY, bitcast<u32>(step(${STEP.seed}u)));
  key = extendKey(key, STREAM_AUGMENT);
  key = extendKey(key, bitcast<u32>(step(${STEP.epoch}u)));
  key = extendKey(key, entryOf(sample));
  let erasingKey = extendKey(key, sample % ${crops}u);
  if (thread < 2u * ATTEMPTS) {
    let erasing = thread >= ATTEMPTS;
    let attempt = thread % ATTEMPTS;
    let own = select(key, erasingKey, erasing);
    let counter = select(${FIRST_BOX_COUNTER}u, 1u, erasing) + 4u * attempt;
    let space = select(${size}, ${side}, erasing);
    var ranges = ${ranges(CROP)};
    if (erasing) { ranges = ${ranges(ERASING)}; }
    let found = sides(own, counter, u32(space), ranges);
    // The ratio is width to height of a crop, and height to width of what is erased.
    let w = select(found.x, found.y, erasing);
    let h = select(found.y, found.x, erasing);
    let first = below(own, counter + 2u, u32(space - select(w, h, erasing) + 1));
    let second = below(own, counter + 3u, u32(space - select(h, w, erasing) + 1));
    let fits = select(w > 0 && h > 0 && w <= space && h <= space, w < space && h < space, erasing);
    boxes[thread] = select(vec4i(-1), vec4i(select(first, second, erasing), select(second, first, erasing), w, h), fits);
  }
  workgroupBarrier();
  let at = sample * ${DRAWN_WORDS}u;
  if (thread == 0u) {
    var box = vec4i(0, 0, ${size}, ${size});
    for (var i = ATTEMPTS; i > 0u && ${draws.includes('scale')}; i--) { if (boxes[i - 1u].z >= 0) { box = boxes[i - 1u]; } }
    ${putBox(['left', 'top', 'width', 'height'])}
  } else if (thread == 1u) {
    var box = vec4i();
    if (${draws.includes('erase')} && draw(erasingKey, 0u) < ${threshold(ERASING.probability)}) {
      for (var i = 2u * ATTEMPTS; i > ATTEMPTS; i--) { if (boxes[i - 1u].z >= 0) { box = boxes[i - 1u]; } }
    }
    ${putBox(['erasedLeft', 'erasedTop', 'erasedWidth', 'erasedHeight'])}
  } else if (thread == 2u) {
    let shifted = ${draws.includes('shift')} && draw(key, 0u) < ${threshold(SHIFT.probability)};
    for (var axis = 0u; axis < 2u; axis++) {
      let way = nearest(centred(key, 1u + axis, ${d(SHIFT.most)}, whole(${size}u)));
      set_drawn(at + ${DRAWN.shiftX}u + axis, select(0, way, shifted));
    }
    ${put('flip', `i32(${draws.includes('flip')} && draw(key, 3u) < ${threshold(FLIP.probability)})`)}
    ${put('cropLeft', placed(6, middle.left))}
    ${put('cropTop', placed(7, middle.top))}
  } else if (thread == 3u) {
    // sin x = x·(1 - s/6·(1 - s/20·(1 - s/42·(1 - s/72)))) and cos x likewise, s = x².
    let angle = centred(key, 5u, ${d(ROTATION.most)}, ${d(DEGREES)});
    let s = product(angle, angle);
    var divisors = array<vec4u, 2>(vec4u(72u, 42u, 20u, 6u), vec4u(56u, 30u, 12u, 2u));
    for (var which = 0u; which < 2u; which++) {
      var value = whole(1u);
      for (var i = 0u; i < 4u; i++) {
        value = sum(whole(1u), negated(product(quotient(s, whole(divisors[which][i])), value)));
      }
      // 1·x is x, and 1 - cos x keeps the digits that the cosine of a small angle loses.
      var result = toFloat(product(angle, value));
      if (which == 1u) { result = toFloat(sum(whole(1u), negated(value))); }
      if (${!draws.includes('rotate')} || draw(key, 4u) >= ${threshold(ROTATION.probability)}) { result = 0.0; }
      set_drawn(at + ${DRAWN.sin}u + which, bitcast<i32>(result));
    }
  }`,
  };
}

/** Of the ten fixed crops: corners and centre, then the same of the mirrored image; see `fixedCrop`. */
const FIXED_CROP = (slack: number, crops: number): string => `
fn fixedCrop(crop: u32) -> vec3u {
  const SLACK = ${slack}u;
  const MIDDLE = SLACK / 2u;
  if (${crops}u == 1u) { return vec3u(MIDDLE, MIDDLE, 0u); }
  let corner = crop % 5u;
  let mirror = crop / 5u;
  let left = select((corner % 2u) * SLACK, MIDDLE, corner == 4u);
  let top = select((corner / 2u) * SLACK, MIDDLE, corner == 4u);
  return vec3u(select(left, SLACK - left, mirror == 1u), top, mirror);
}`;

const pixelOf = ({ side }: Sampling): string => `
  let i = ${GROUP_INDEX} * ${THREADS}u + thread;
  if (i >= p.count) { return; }
  let sample = i / ${side * side}u;
  let x = i % ${side}u;
  let y = (i / ${side}u) % ${side}u;`;

/** Crops of the stored images, 0..1. A thread takes a pixel. */
export function cutShader(sampling: Sampling): Shader {
  const { size, side, crops } = sampling;
  return {
    name: `augment.cut ${size} to ${side}, ${crops} crops`,
    operands: { images: read('u8'), order: read('i32'), step: read('i32'), out: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    declarations: `${IMAGE_OF(crops)}${FIXED_CROP(size - side, crops)}`,
    body: `${pixelOf(sampling)}
  let crop = fixedCrop(sample % ${crops}u);
  let column = crop.x + select(x, ${side - 1}u - x, crop.z == 1u);
  set_out(i, f32(images(imageOf(sample) * ${size * size}u + (crop.y + y) * ${size}u + column)) / 255.0);`,
  };
}

/**
 * Crops of the warped images, 0..1. A thread takes a pixel. A coordinate is a whole number and a small
 * float, so that its error is that of the small part: the rotation moves a pixel by a few pixels at most.
 */
export function warpShader(sampling: Sampling): Shader {
  const { size, side, crops } = sampling;
  const word = (slot: keyof typeof DRAWN): string => `drawn(at + ${DRAWN[slot]}u)`;
  const float = (slot: keyof typeof DRAWN): string => `bitcast<f32>(${word(slot)})`;
  return {
    name: `augment.warp ${size} to ${side}, ${crops} crops`,
    operands: { images: read('u8'), order: read('i32'), step: read('i32'), drawn: read('i32'), out: write() },
    numbers: { count: 'u32' },
    threads: THREADS,
    declarations: `${IMAGE_OF(crops)}${FIXED_CROP(size - side, crops)}
const SIZE = ${size};
const LAST = ${size - 1};
/** n + rest. */
struct Place { n: i32, rest: f32 }
/** The share of a sample that lies on a canvas 0..LAST whose border fades over one pixel. */
fn coverage(u: Place) -> f32 {
  return clamp(min(f32(u.n + 1) + u.rest, f32(SIZE - u.n) - u.rest), 0.0, 1.0);
}
/** From the stretched box into the stored image: start + (u + 1/2)·length / SIZE - 1/2, kept in the box. */
fn intoBox(u: Place, start: i32, length: i32) -> Place {
  var inside = u;
  if (f32(u.n) + u.rest <= 0.0) { inside = Place(0, 0.0); }
  if (f32(u.n - LAST) + u.rest >= 0.0) { inside = Place(LAST, 0.0); }
  let numerator = (2 * inside.n + 1) * length;
  let n = numerator / (2 * SIZE);
  let rest = f32(numerator % (2 * SIZE)) / f32(2 * SIZE) - 0.5 + inside.rest * (f32(length) / f32(SIZE));
  if (f32(n) + rest <= 0.0) { return Place(start, 0.0); }
  if (f32(n - (length - 1)) + rest >= 0.0) { return Place(start + length - 1, 0.0); }
  return Place(start + n, rest);
}
/** Whole pixels and the fraction between two of them. */
fn split(u: Place) -> Place {
  let down = i32(floor(u.rest));
  let n = min(u.n + down, SIZE - 2);
  return Place(n, f32(u.n - n) + u.rest);
}`,
    body: `${pixelOf(sampling)}
  let at = sample * ${DRAWN_WORDS}u;
  let ex = i32(x) - ${word('erasedLeft')};
  let ey = i32(y) - ${word('erasedTop')};
  if (ex >= 0 && ey >= 0 && ex < ${word('erasedWidth')} && ey < ${word('erasedHeight')}) {
    set_out(i, 0.0);
    return;
  }
  ${
    crops === 1
      ? `let column = ${word('cropLeft')} + i32(x);
  let rowAt = ${word('cropTop')} + i32(y);`
      : `let crop = fixedCrop(sample % ${crops}u);
  let column = i32(crop.x + select(x, ${side - 1}u - x, crop.z == 1u));
  let rowAt = i32(crop.y + y);`
  }
  // From the centre, in halves of a pixel.
  let u = f32(2 * column - LAST) / 2.0;
  let v = f32(2 * rowAt - LAST) / 2.0;
  let sin = ${float('sin')};
  let versine = ${float('versine')};
  var px = Place(column, -versine * u - sin * v);
  var py = Place(rowAt, sin * u - versine * v);
  var weight = coverage(px) * coverage(py);
  if (${word('flip')} != 0) { px = Place(LAST - px.n, -px.rest); }
  px.n -= ${word('shiftX')};
  py.n -= ${word('shiftY')};
  weight *= coverage(px) * coverage(py);
  if (weight <= 0.0) {
    set_out(i, 0.0);
    return;
  }
  let cx = split(intoBox(px, ${word('left')}, ${word('width')}));
  let cy = split(intoBox(py, ${word('top')}, ${word('height')}));
  let first = imageOf(sample) * ${size * size}u + u32(cy.n * SIZE + cx.n);
  let upper = f32(images(first)) * (1.0 - cx.rest) + f32(images(first + 1u)) * cx.rest;
  let lower = f32(images(first + ${size}u)) * (1.0 - cx.rest) + f32(images(first + ${size + 1}u)) * cx.rest;
  set_out(i, weight * (upper * (1.0 - cy.rest) + lower * cy.rest) / 255.0);`,
  };
}

/** labels[i] = targets[image], the image of order[start + i / crops]. A thread takes a sample. */
export function gatherShader(crops: number): Shader {
  return {
    name: `gatherLabels of ${crops} crops`,
    operands: { targets: read('u8'), order: read('i32'), step: read('i32'), labels: write('i32') },
    numbers: { count: 'u32' },
    threads: 64,
    declarations: IMAGE_OF(crops),
    body: `
  let i = ${GROUP_INDEX} * 64u + thread;
  if (i < p.count) { set_labels(i, i32(targets(imageOf(i)))); }`,
  };
}
