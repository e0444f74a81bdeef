import { describe, expect, test } from 'vitest';
import { halve, Pyramid } from './pyramid.ts';
import { resample } from './resample.ts';

/** Red, green and blue as functions of the pixel. */
function picture(width: number, height: number, color: (x: number, y: number) => [number, number, number]) {
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++)
    for (let x = 0; x < width; x++) data.set([...color(x, y), 255], 4 * (y * width + x));
  return { width, height, data };
}
const ramp = picture(40, 30, (x, y) => [5 * x, 8 * y, x + y]);

describe('cutting and scaling', () => {
  test('a box of whole pixels at its own size is copied', () => {
    const cut = resample(ramp, { x: 3, y: 4, width: 6, height: 5 }, { width: 6, height: 5, border: 'black' });
    expect([...cut.slice(0, 6)]).toEqual([15, 32, 7, 20, 32, 8]);
    expect([...cut.slice(-3)]).toEqual([40, 64, 16]);
  });

  test.each([
    [20, 10],
    [7, 9],
    [3, 2],
  ])('a ramp stays one at %i x %i', (width, height) => {
    const box = { x: 10.3, y: 8.6, width: 14, height: 12 };
    const cut = resample(ramp, box, { width, height, border: 'black' });
    for (let y = 0; y < height; y++)
      for (let x = 0; x < width; x++) {
        const [px, py] = [
          box.x + ((x + 0.5) * box.width) / width - 0.5,
          box.y + ((y + 0.5) * box.height) / height - 0.5,
        ];
        const i = 3 * (y * width + x);
        // A filter only a few pixels wide, cut off between them, is not quite symmetric.
        expect(Math.abs(cut[i] - 5 * px)).toBeLessThan(1);
        expect(Math.abs(cut[i + 1] - 8 * py)).toBeLessThan(1.6);
      }
  });

  test('shrinking averages: a fine pattern becomes its mean', () => {
    const checks = picture(64, 64, (x, y) => [((x + y) % 2) * 200, 100, 0]);
    const cut = resample(
      checks,
      { x: 8, y: 8, width: 48, height: 48 },
      { width: 6, height: 6, border: 'black' },
    );
    for (let i = 0; i < cut.length; i += 3) expect(Math.abs(cut[i] - 100)).toBeLessThan(2);
  });

  test('beyond the edges it is black, or the edge goes on', () => {
    const white = picture(4, 4, () => [255, 255, 255]);
    const box = { x: -4, y: -8, width: 12, height: 12 };
    const size = { width: 12, height: 12 };
    const black = resample(white, box, { ...size, border: 'black' });
    const pixel = (x: number, y: number): number => black[3 * (y * 12 + x)];
    expect([pixel(3, 8), pixel(4, 8), pixel(7, 11), pixel(8, 11), pixel(4, 7)]).toEqual([0, 255, 255, 0, 0]);
    const repeated = resample(white, box, { ...size, border: 'repeat' });
    expect(Math.min(...repeated)).toBeCloseTo(255, 3);
    const edge = resample(ramp, { ...box, x: 36 }, { ...size, border: 'repeat' });
    expect(edge[3 * (11 * 12 + 11)]).toBeCloseTo(5 * 39, 3);
  });

  test('a box wholly outside is black or the corner', () => {
    const box = { x: 500, y: 500, width: 9, height: 9 };
    const size = { width: 3, height: 3 };
    expect(Math.max(...resample(ramp, box, { ...size, border: 'black' }))).toBe(0);
    expect(resample(ramp, box, { ...size, border: 'repeat' })[0]).toBeCloseTo(5 * 39, 3);
  });
});

describe('pyramid', () => {
  test('a half holds the rounded means of four', () => {
    const half = halve(picture(4, 3, (x, y) => [x === 0 ? 255 : 0, 255, 10 * y + x]));
    expect(half).toMatchObject({ width: 2, height: 1 });
    expect([...half.data]).toEqual([128, 255, 6, 255, 0, 255, 8, 255]);
  });

  test('pixels at an odd address are read too', () => {
    const { width, height, data } = picture(6, 4, (x, y) => [40 * x, 60 * y, 7]);
    const moved = new Uint8Array(data.length + 3).subarray(3);
    moved.set(data);
    expect(halve({ width, height, data: moved })).toEqual(halve({ width, height, data }));
    // A Buffer, as files are read: what it calls slice is no copy.
    const file = Buffer.concat([Buffer.alloc(18), data]);
    expect(halve({ width, height, data: file.subarray(18) })).toEqual(halve({ width, height, data }));
  });

  test('a level has at least the pixels asked for, and not twice as many', () => {
    const pyramid = new Pyramid(picture(1000, 600, () => [9, 9, 9]));
    const box = { x: 100, y: 40, width: 800, height: 800 };
    expect(pyramid.level(box, 500).image.width).toBe(1000);
    expect(pyramid.level(box, 128)).toMatchObject({
      image: { width: 250, height: 150 },
      box: { x: 25, y: 10, width: 200, height: 200 },
    });
    expect(pyramid.level(box, 1).box.width).toBeLessThanOrEqual(2);
  });
});
