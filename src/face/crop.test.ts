import { describe, expect, test } from 'vitest';
import type { RgbaImage } from '../image/image.ts';
import { annotate, overlay } from './annotate.ts';
import { cropBox, cropFace } from './crop.ts';

const face = (x: number, y: number, side: number) => ({
  box: { x, y, width: side, height: side },
  score: 1,
  keypoints: [],
});

function gray(width: number, height: number, value: (x: number, y: number) => number): RgbaImage {
  const data = new Uint8ClampedArray(4 * width * height);
  for (let i = 0; i < width * height; i++) {
    const v = value(i % width, Math.floor(i / width));
    data.set([v, v, v, 255], 4 * i);
  }
  return { width, height, data };
}

describe('the frame', () => {
  test('is a larger square about the same middle, moved up', () => {
    const frame = cropBox(face(100, 200, 100));
    expect(frame.width).toBe(frame.height);
    expect(frame.width).toBeCloseTo(118.3, 6);
    expect(frame.x + frame.width / 2).toBeCloseTo(150, 6);
    expect(frame.y + frame.height / 2).toBeCloseTo(250 - 8.8, 6);
  });

  test('of a box that is no square is one', () => {
    const { width, height } = cropBox({ box: { x: 0, y: 0, width: 90, height: 110 } });
    expect([width, height]).toEqual([expect.closeTo(118.3, 6), expect.closeTo(118.3, 6)]);
  });
});

describe('the crop', () => {
  test('of a box that is none, or is far from any picture, is refused', () => {
    const image = gray(8, 4, () => 100);
    const box = { x: 0, y: 0, width: 4, height: 4 };
    for (const wrong of [
      { x: Number.NaN },
      { y: Number.NEGATIVE_INFINITY },
      { width: -1 },
      { height: Number.NaN },
      { width: 1e9 },
      { x: 1e16 },
    ]) {
      expect(() => cropFace(image, { box: { ...box, ...wrong } }, 48)).toThrow(RangeError);
    }
    expect(() => cropFace(image, { box: { ...box, width: -1 } }, 48)).toThrow(
      'expected a box of a face in a picture of 8x4 pixels; found one of -1x4 at 0, 0',
    );
    // One that is merely larger than the picture, or beside it, shows its edge.
    for (const odd of [{ width: 80, height: 80 }, { x: -30 }, { width: 0, height: 0 }]) {
      const crop = cropFace(image, { box: { ...box, ...odd } }, 6);
      expect(crop).toEqual(new Uint8Array(36).fill(100));
    }
  });

  test('shows what the frame holds', () => {
    const image = gray(300, 300, (x, y) => (x < 150 ? 40 : 200) + (y < 141 ? 0 : 50));
    const crop = cropFace(image, face(100, 100, 100), 48);
    expect(crop).toHaveLength(48 * 48);
    // The middle of the frame is at 150 and 141.2.
    const at = (x: number, y: number): number => crop[48 * y + x];
    expect([at(3, 3), at(44, 3), at(3, 44), at(44, 44)]).toEqual([40, 200, 90, 250]);
    expect(at(23, 10)).toBeLessThan(at(24, 10));
    expect(at(10, 22)).toBeLessThan(at(10, 25));
  });

  test('is grey by BT.601', () => {
    const red = gray(50, 50, () => 0);
    for (let i = 0; i < red.data.length; i += 4) red.data[i] = 255;
    expect(new Set(cropFace(red, face(10, 10, 20), 8))).toEqual(new Set([76]));
  });

  test('repeats the edge of a picture it reaches beyond', () => {
    const crop = cropFace(
      gray(60, 60, () => 123),
      face(-20, 30, 60),
      20,
    );
    expect(new Set(crop)).toEqual(new Set([123]));
  });

  test('of what is no picture is refused', () => {
    const image = { width: 10, height: 10, data: new Uint8Array(300) };
    expect(() => cropFace(image, face(0, 0, 5), 8)).toThrow(/found 300 bytes for 10x10/);
  });
});

describe('an annotated picture', () => {
  const image = gray(400, 300, () => 90);

  test('holds box and text of each face, inside its edges', () => {
    const svg = overlay(image, [
      { box: { x: 100, y: 100, width: 80, height: 80 }, text: 'happy <90 %>' },
      { box: { x: -20, y: -10, width: 100, height: 100 }, text: 'sad 50 %' },
    ]);
    expect(svg.match(/<text/g)).toHaveLength(2);
    expect(svg).toContain('happy &lt;90 %&gt;');
    for (const [, x, y, width, height] of svg.matchAll(
      /<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"/g,
    )) {
      expect(Number(x)).toBeGreaterThanOrEqual(0);
      expect(Number(y)).toBeGreaterThanOrEqual(0);
      expect(Number(x) + Number(width)).toBeLessThanOrEqual(400.1);
      expect(Number(y) + Number(height)).toBeLessThanOrEqual(300.1);
    }
  });

  test('is drawn over the picture, which stays as it was elsewhere', async () => {
    const { default: sharp } = await import('sharp');
    const box = { x: 100, y: 100, width: 80, height: 80 };
    const jpeg = await annotate(image, [{ box, text: 'fear 61 %' }]);
    const { data, info } = await sharp(jpeg).raw().toBuffer({ resolveWithObject: true });
    expect([info.width, info.height]).toEqual([400, 300]);
    const pixel = (x: number, y: number): number[] => [...data.subarray(3 * (y * 400 + x)).subarray(0, 3)];
    for (const v of pixel(300, 250)) expect(Math.abs(v - 90)).toBeLessThan(6);
    for (const v of pixel(140, 140)) expect(Math.abs(v - 90)).toBeLessThan(6);
    const [r, , b] = pixel(100, 140);
    expect(b - r).toBeGreaterThan(60);
  });

  test('without a face is the picture', async () => {
    const { default: sharp } = await import('sharp');
    const { data } = await sharp(await annotate(image, []))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect(data.every((v) => Math.abs(v - 90) < 4)).toBe(true);
  });
});
