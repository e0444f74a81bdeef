import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { describe, expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import { luma } from './luma.ts';
import { readGrayImage } from './read.ts';

type Color = { r: number; g: number; b: number; alpha?: number };
const plain = (color: Color, width = 48, height = 48): Sharp =>
  sharp({ create: { width, height, channels: color.alpha === undefined ? 3 : 4, background: color } });
const raw = (width: number, height: number, value: (x: number, y: number) => number) =>
  Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width)));
const gray = (pixels: Uint8Array, width: number, height: number): Sharp =>
  sharp(pixels, { raw: { width, height, channels: 1 } }).toColourspace('b-w');

describe('grey values', () => {
  test.each<[string, Color, number]>([
    ['black', { r: 0, g: 0, b: 0 }, 0],
    ['white', { r: 255, g: 255, b: 255 }, 255],
    ['red', { r: 255, g: 0, b: 0 }, 76],
    ['green', { r: 0, g: 255, b: 0 }, 150],
    ['blue', { r: 0, g: 0, b: 255 }, 29],
    ['skin', { r: 224, g: 172, b: 105 }, 180],
  ])('%s is the luma of BT.601', async (_name, color, expected) => {
    expect(Math.round(0.299 * color.r + 0.587 * color.g + 0.114 * color.b)).toBe(expected);
    expect(new Set(await readGrayImage(await plain(color).png().toBuffer()))).toEqual(new Set([expected]));
    expect(new Set(await readGrayImage(await plain(color).webp({ lossless: true }).toBuffer()))).toEqual(
      new Set([expected]),
    );
  });

  test('every grey keeps its value', () => {
    for (let v = 0; v < 256; v++) expect(luma(v, v, v)).toBe(v);
  });

  test('a grey PNG of the right size comes back as it was', async () => {
    const pixels = raw(48, 48, (x, y) => (x * 37 + y * 11) % 256);
    const png = await gray(pixels, 48, 48).png().toBuffer();
    expect((await sharp(png).metadata()).channels).toBe(1);
    expect(await readGrayImage(png)).toEqual(pixels);
  });

  test('a grey JPEG stays close', async () => {
    const pixels = raw(48, 48, (x, y) => 2 * (x + y) + 20);
    const found = await readGrayImage(await gray(pixels, 48, 48).jpeg({ quality: 95 }).toBuffer());
    const worst = Math.max(...found.map((value, i) => Math.abs(value - pixels[i])));
    expect(worst).toBeLessThanOrEqual(6);
  });

  test('16-bit grey is scaled to 8', async () => {
    const values = Uint16Array.from({ length: 48 * 48 }, (_, i) => 257 * (i % 256));
    const png = await sharp(values, { raw: { width: 48, height: 48, channels: 1 } })
      .toColourspace('grey16')
      .png()
      .toBuffer();
    expect(await sharp(png).metadata()).toMatchObject({ depth: 'ushort', channels: 1 });
    expect(await readGrayImage(png)).toEqual(Uint8Array.from(values, (v) => v / 257));
  });

  test('CMYK is converted through a profile, so nearly', async () => {
    const jpeg = await plain({ r: 200, g: 200, b: 200 })
      .toColourspace('cmyk')
      .jpeg({ quality: 100 })
      .toBuffer();
    expect((await sharp(jpeg).metadata()).space).toBe('cmyk');
    for (const value of await readGrayImage(jpeg)) expect(Math.abs(value - 200)).toBeLessThanOrEqual(16);
  });

  test('transparency shows mid-grey', async () => {
    const clear = await plain({ r: 255, g: 0, b: 0, alpha: 0 }).png().toBuffer();
    expect(new Set(await readGrayImage(clear))).toEqual(new Set([128]));
    const half = await plain({ r: 0, g: 0, b: 0, alpha: 0.5 }).png().toBuffer();
    for (const value of await readGrayImage(half)) expect(Math.abs(value - 64)).toBeLessThanOrEqual(1);
  });
});

describe('geometry', () => {
  test('the centred square is kept, what lies beside it is not', async () => {
    const wide = gray(
      raw(200, 100, (x) => (x < 50 || x >= 150 ? 255 : 100)),
      200,
      100,
    );
    const found = await readGrayImage(await wide.png().toBuffer());
    expect(new Set(found.filter((_, i) => i % 48 > 0 && i % 48 < 47))).toEqual(new Set([100]));
    const tall = gray(
      raw(100, 200, (_, y) => (y < 50 || y >= 150 ? 255 : 100)),
      100,
      200,
    );
    expect(new Set((await readGrayImage(await tall.png().toBuffer())).subarray(48, 47 * 48))).toEqual(
      new Set([100]),
    );
  });

  test.each([1, 7, 47, 49, 300])('a %i pixel square becomes any size asked for', async (side) => {
    const png = await plain({ r: 90, g: 90, b: 90 }, side, side).png().toBuffer();
    expect(await readGrayImage(png)).toEqual(new Uint8Array(48 * 48).fill(90));
    expect(await readGrayImage(png, 20)).toHaveLength(400);
  });

  test('shrinking averages, so a fine pattern becomes its mean', async () => {
    const checks = gray(
      raw(480, 480, (x, y) => ((x + y) % 2) * 200),
      480,
      480,
    );
    for (const value of await readGrayImage(await checks.png().toBuffer())) {
      expect(Math.abs(value - 100)).toBeLessThanOrEqual(2);
    }
  });

  test('the EXIF orientation is applied', async () => {
    const halves = raw(48, 48, (x) => (x < 24 ? 0 : 255));
    const png = await gray(halves, 48, 48).withMetadata({ orientation: 6 }).png().toBuffer();
    const turned = await readGrayImage(png);
    expect(turned).toEqual(raw(48, 48, (_, y) => (y < 24 ? 0 : 255)));
  });
});

describe('bad pictures', () => {
  const refusal = async (source: string | Uint8Array, name?: string): Promise<string> => {
    const error = await readGrayImage(source, 48, name).then(
      () => undefined,
      (caught: unknown) => caught,
    );
    expect(error).toBeInstanceOf(FerError);
    return (error as Error).message;
  };

  test('other content, whatever the name says', async () => {
    expect(await refusal(Buffer.from('hello'), 'a.png')).toBe(
      'a.png: expected a JPEG, PNG or WebP picture, found neither of them',
    );
    expect(await refusal(new Uint8Array(0), 'b.jpg')).toContain('found an empty file');
    expect(
      await refusal(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')),
    ).toContain('image: ');
    expect(await refusal(await plain({ r: 1, g: 1, b: 1 }).gif().toBuffer())).toContain('expected a JPEG');
  });

  test.each(['jpeg', 'png', 'webp'] as const)('a cut %s', async (format) => {
    const noise = raw(200, 200, (x, y) => (x * x * 31 + y * y * 17 + x * y) % 256);
    const whole = await gray(noise, 200, 200).toFormat(format).toBuffer();
    const message = await refusal(whole.subarray(0, whole.length / 2), `cut.${format}`);
    expect(message).toMatch(/^cut\.\w+: the picture cannot be decoded \(.+\): it is damaged or cut short$/);
  });

  test('a decompression bomb', async () => {
    const png = await plain({ r: 0, g: 0, b: 0 }, 10_001, 10_000).png().toBuffer();
    expect(await refusal(png, 'bomb.png')).toContain('more than 100 million pixels');
  });

  test('a file that is not there, and one that is', async () => {
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-image-'));
    const path = join(folder, 'face');
    expect(await refusal(path)).toMatch(/^cannot read .*face: there is no such file/);
    fs.writeFileSync(path, await plain({ r: 7, g: 7, b: 7 }).png().toBuffer());
    expect((await readGrayImage(path))[0]).toBe(7);
    fs.rmSync(folder, { recursive: true });
  });
});
