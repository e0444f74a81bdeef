import { describe, expect, it } from 'vitest';
import { randomIntegers } from '../../test/check-ops.ts';
import {
  AUGMENTATIONS,
  type Augmentation,
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
    expect(share(({ flip }) => flip)).toBeCloseTo(0.5, 1);
    expect(share(({ sin }) => sin !== 0)).toBeCloseTo(0.5, 1);
    expect(share(({ shiftX, shiftY }) => shiftX !== 0 || shiftY !== 0)).toBeCloseTo(0.5, 1);
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
    const [least, most] = range(({ box }) => box.left);
    expect(least).toBe(0);
    expect(most).toBeGreaterThan(8);
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
    expect(erased.length / DRAWS).toBeCloseTo(0.5, 1);
    const areas = erased.map(({ width, height }) => (width * height) / 1600);
    expect(Math.min(...areas)).toBeGreaterThan(0.015);
    expect(Math.max(...areas)).toBeLessThan(0.35);
    expect(areas.reduce((sum, area) => sum + area, 0) / areas.length).toBeCloseTo(0.165, 1);
    const ratios = erased.map(({ width, height }) => height / width);
    expect(Math.min(...ratios)).toBeGreaterThan(0.2);
    expect(Math.max(...ratios)).toBeLessThan(4.5);
    const inside = erased.filter(
      ({ left, top, width, height }) => Math.min(left, top, 40 - left - width, 40 - top - height) >= 0,
    );
    expect(inside).toHaveLength(erased.length);
  });
});
