import { describe, expect, it } from 'vitest';
import { randomIntegers } from '../../test/check-ops.ts';
import {
  AUGMENTATIONS,
  type Augmentation,
  type Box,
  type Crop,
  cutCrop,
  cutWarped,
  drawErasing,
  drawWarp,
  fixedCrop,
  type Warp,
} from './augment.ts';
import { keyOf } from './random.ts';

const SIZE = 12;
const IMAGE = Uint8Array.from(randomIntegers(SIZE * SIZE, 256, 1));
const WHOLE: Crop = { left: 0, top: 0, mirror: false };
const STILL: Warp = {
  box: { left: 0, top: 0, width: SIZE, height: SIZE },
  shiftX: 0,
  shiftY: 0,
  flip: false,
  sin: 0,
  cos: 1,
  crop: WHOLE,
};

const warped = (change: Partial<Warp>, crop = WHOLE, side = SIZE): number[] => {
  const out = new Float64Array(side * side);
  cutWarped(IMAGE, SIZE, { ...STILL, ...change }, crop, side, out);
  return [...out];
};
const cut = (crop: Crop, side: number): number[] => {
  const out = new Float64Array(side * side);
  cutCrop(IMAGE, SIZE, crop, side, out);
  return [...out];
};
/** The stored pixel (x, y), 0 outside, scaled. */
const pixel = (x: number, y: number): number =>
  x < 0 || y < 0 || x >= SIZE || y >= SIZE ? 0 : IMAGE[y * SIZE + x] / 255;
const picture = (at: (x: number, y: number) => number, side = SIZE): number[] =>
  Array.from({ length: side * side }, (_, i) => at(i % side, Math.floor(i / side)));
const expectPicture = (actual: number[], at: (x: number, y: number) => number): void => {
  const expected = picture(at, Math.sqrt(actual.length));
  for (const [i, value] of expected.entries()) expect(actual[i], `pixel ${i}`).toBeCloseTo(value, 12);
};

describe('a warp', () => {
  it('that does nothing is the image', () => expectPicture(warped({}), pixel));
  it('shifts to the right and down over black', () => {
    expectPicture(warped({ shiftX: 2, shiftY: -3 }), (x, y) => pixel(x - 2, y + 3));
  });
  it('mirrors', () => expectPicture(warped({ flip: true }), (x, y) => pixel(SIZE - 1 - x, y)));
  it('mirrors what was shifted', () => {
    expectPicture(warped({ flip: true, shiftX: 2 }), (x, y) => pixel(SIZE - 1 - x - 2, y));
  });
  it('turns about the centre', () => {
    expectPicture(warped({ sin: 1, cos: 0 }), (x, y) => pixel(SIZE - 1 - y, x));
  });
  it('leaves black corners where it turns', () => {
    const turned = warped({ sin: Math.SQRT1_2, cos: Math.SQRT1_2 });
    expect(turned[0]).toBe(0);
    expect(turned[SIZE * SIZE - 1]).toBe(0);
  });
  it('stretches its box over the whole', () => {
    const stretched = warped({ box: { left: 4, top: 0, width: SIZE / 2, height: SIZE } });
    // The centres of the outer pixels lie outside the box, which ends with its own pixels.
    expect(stretched[5 * SIZE]).toBeCloseTo(pixel(4, 5), 12);
    expect(stretched[5 * SIZE + SIZE - 1]).toBeCloseTo(pixel(9, 5), 12);
    for (let x = 1; x < SIZE - 1; x++) {
      const at = 4 + (x + 0.5) / 2 - 0.5;
      const left = Math.floor(at);
      const mixed = pixel(left, 5) * (left + 1 - at) + pixel(left + 1, 5) * (at - left);
      expect(stretched[5 * SIZE + x]).toBeCloseTo(mixed, 12);
    }
  });
  it('is cut like an image', () => {
    for (let crop = 0; crop < 10; crop++) {
      const place = fixedCrop(SIZE, 7, 10, crop);
      for (const [i, value] of cut(place, 7).entries())
        expect(warped({}, place, 7)[i]).toBeCloseTo(value, 12);
    }
  });
});

describe('the fixed crops', () => {
  const side = 8;
  const crop = (i: number): number[] => cut(fixedCrop(SIZE, side, 10, i), side);

  it('are corners and centre', () => {
    const corners = [
      [0, 0],
      [4, 0],
      [0, 4],
      [4, 4],
      [2, 2],
    ];
    for (const [i, [left, top]] of corners.entries()) {
      expectPicture(crop(i), (x, y) => pixel(left + x, top + y));
      // The same of the mirrored image.
      expectPicture(crop(i + 5), (x, y) => pixel(SIZE - 1 - (left + x), top + y));
    }
  });
  it('or the centre alone', () => {
    expect(fixedCrop(48, 40, 1, 0)).toEqual({ left: 4, top: 4, mirror: false });
    expect(fixedCrop(13, 8, 1, 0)).toEqual({ left: 2, top: 2, mirror: false });
  });
});

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;
const expectAbout = (actual: number, expected: number, within: number): void => {
  expect(actual).toBeGreaterThan(expected - within);
  expect(actual).toBeLessThan(expected + within);
};
const expectHalf = (share: number): void => expectAbout(share, 0.5, 0.012);

/** How many of the boxes of a random resized crop have more than such a share of the image's area. */
function shareOfLarge(least: number): number {
  const POINTS = 200;
  let fitting = 0;
  let large = 0;
  for (let i = 0; i < POINTS ** 2; i++) {
    const area = 0.8 + (0.4 * (Math.floor(i / POINTS) + 0.5)) / POINTS;
    const ratio = (3 / 4) * (16 / 9) ** (((i % POINTS) + 0.5) / POINTS);
    const [width, height] = [Math.sqrt(area * ratio), Math.sqrt(area / ratio)].map((side) =>
      Math.round(48 * side),
    );
    if (width > 48 || height > 48) continue;
    fitting++;
    if (width * height > least * 48 ** 2) large++;
  }
  // After ten attempts it is the whole image.
  const none = (1 - fitting / POINTS ** 2) ** 10;
  return none + (1 - none) * (large / fitting);
}

describe('the draws', () => {
  const DRAWS = 20000;
  const warps = Array.from({ length: DRAWS }, (_, i) => drawWarp(keyOf(1, i), 48, 40, AUGMENTATIONS));
  const share = (holds: (warp: Warp) => boolean): number => warps.filter(holds).length / DRAWS;
  const range = (value: (warp: Warp) => number): [number, number] => {
    const values = warps.map(value);
    return [Math.min(...values), Math.max(...values)];
  };

  it('depend on their key alone', () => {
    const of = (key: number): Warp => drawWarp(key, 48, 40, AUGMENTATIONS);
    expect(of(5)).toEqual(of(5));
    expect(of(5)).not.toEqual(of(6));
  });

  it('mirror, turn and shift half of the images', () => {
    expectHalf(share(({ flip }) => flip));
    expectHalf(share(({ sin }) => sin !== 0));
    expectHalf(share(({ shiftX, shiftY }) => shiftX !== 0 || shiftY !== 0));
  });

  it('shift by up to a fifth and turn by up to 10 degrees', () => {
    expect(range(({ shiftX }) => shiftX)).toEqual([-10, 10]);
    expect(range(({ shiftY }) => shiftY)).toEqual([-10, 10]);
    const [least, most] = range(({ sin, cos }) => (Math.atan2(sin, cos) * 180) / Math.PI);
    expect(least).toBeGreaterThanOrEqual(-10);
    expect(least).toBeLessThan(-9.9);
    expect(most).toBeLessThanOrEqual(10);
    expect(most).toBeGreaterThan(9.9);
    const [short, long] = range(({ sin, cos }) => sin * sin + cos * cos);
    expect(Math.max(1 - short, long - 1)).toBeLessThan(1e-12);
  });

  it('take boxes inside the image of about .8 of its area and more', () => {
    const inside = ({ box: { left, top, width, height } }: Warp): boolean =>
      Math.min(left, top, 48 - left - width, 48 - top - height) >= 0;
    expect(share(inside)).toBe(1);
    expect(range(({ box }) => (box.width * box.height) / 48 ** 2)[0]).toBeGreaterThan(0.76);
    const [narrow, wide] = range(({ box }) => box.width / box.height);
    expect(narrow).toBeGreaterThan(0.72);
    expect(wide).toBeLessThan(1.38);
    expect(range(({ box }) => box.left)).toEqual([0, 10]);
    expect(range(({ box }) => box.top)).toEqual([0, 10]);
    expect(range(({ box: { left, width } }) => 48 - left - width)).toEqual([0, 10]);
    expect(range(({ box: { top, height } }) => 48 - top - height)).toEqual([0, 10]);
  });

  it('draw areas of .8 to 1.2 and ratios of 3:4 to 4:3 until a box fits', () => {
    const area = ({ box: { width, height } }: Warp): number => (width * height) / 48 ** 2;
    expectAbout(
      share((warp) => area(warp) > 0.95),
      shareOfLarge(0.95),
      0.01,
    );
    expectAbout(mean(warps.map(({ box }) => Math.log(box.width / box.height))), 0, 0.003);
  });

  it('place one crop anywhere', () => {
    expect(range(({ crop }) => crop.left)).toEqual([0, 8]);
    expect(range(({ crop }) => crop.top)).toEqual([0, 8]);
  });

  // `erase` is drawn for a crop, not for a warp.
  it.each<[Augmentation, readonly (keyof Warp)[]]>([
    ['crop', ['crop']],
    ['scale', ['box']],
    ['shift', ['shiftX', 'shiftY']],
    ['flip', ['flip']],
    ['rotate', ['sin', 'cos']],
    ['erase', []],
  ])('are the same without %s, but for its own', (without, keys) => {
    const still = drawWarp(0, 48, 40, []);
    expect(still).toEqual({
      ...STILL,
      box: { left: 0, top: 0, width: 48, height: 48 },
      crop: fixedCrop(48, 40, 1, 0),
    });
    const rest = AUGMENTATIONS.filter((name) => name !== without);
    for (const [i, warp] of warps.slice(0, 100).entries()) {
      const own = Object.fromEntries(keys.map((key) => [key, still[key]]));
      expect(drawWarp(keyOf(1, i), 48, 40, rest)).toEqual({ ...warp, ...own });
    }
  });

  it('erase a box of .02 to .33 of half the samples', () => {
    const boxes = warps.map((_, i) => drawErasing(keyOf(2, i), 40));
    const erased = boxes.filter((box) => box !== undefined);
    expectHalf(erased.length / DRAWS);
    const areas = erased.map(({ width, height }) => (width * height) / 1600);
    // Sides are rounded to whole pixels.
    expectAbout(Math.min(...areas), 0.02, 0.005);
    expectAbout(Math.max(...areas), 0.335, 0.015);
    expectAbout(mean(areas), 0.175, 0.01);
    const ratios = erased.map(({ width, height }) => height / width);
    expectAbout(Math.min(...ratios), 0.28, 0.05);
    expectAbout(Math.max(...ratios), 3.6, 0.6);
    expectAbout(mean(ratios.map(Math.log)), 0, 0.03);
    const inside = erased.filter(
      ({ left, top, width, height }) => Math.min(left, top, 40 - left - width, 40 - top - height) >= 0,
    );
    expect(inside).toHaveLength(erased.length);
    const room = ({ left, top, width, height }: Box): number[] => [
      left,
      40 - left - width,
      top,
      40 - top - height,
    ];
    for (const side of [0, 1, 2, 3]) {
      const rooms = erased.map((box) => room(box)[side]);
      expect(Math.min(...rooms)).toBe(0);
      expect(Math.max(...rooms)).toBeGreaterThan(33);
    }
  });
});
