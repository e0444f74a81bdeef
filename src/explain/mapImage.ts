import sharp from 'sharp';
import { CAP, COLOR_SCALE, colorOf, OPACITY } from './colorScale.ts';
import { type SaliencyMap, shownMap } from './explainer.ts';
import { METHODS } from './methods.ts';

/** Grey values of the face under an overlay are compressed to this share: white skin would drown the colours. */
const DIMMED = 0.8;

/** A grey face [size, size] as a PNG, smoothly enlarged to `side` pixels. */
export async function facePng(face: Uint8Array, side: number): Promise<Buffer> {
  return encode(await enlarge(face, side, 'cubic'), side, (gray) => [gray, gray, gray]);
}

/**
 * A map in colours, as a PNG of `side` pixels: one that is fine shows its pixels, with the largest percent of
 * them alike; one of regions is smooth.
 */
export async function mapPng(map: SaliencyMap, side: number): Promise<Buffer> {
  const fine = METHODS[map.method].grain === 'pixel';
  const shown = await enlarge(bytesOf(map), side, fine ? 'nearest' : 'cubic');
  return encode(shown, side, (value) => colorOf(value / 255));
}

/** A map over its face, as a PNG of `side` pixels: the more a pixel matters, the less is seen of the face. */
export async function overlayPng(face: Uint8Array, map: SaliencyMap, side: number): Promise<Buffer> {
  const gray = await enlarge(face, side, 'cubic');
  const shown = await enlarge(bytesOf(map), side, 'cubic');
  return encode(gray, side, (value, i) => {
    const share = (OPACITY * shown[i]) / 255;
    const color = colorOf(shown[i] / 255);
    return color.map((part) => Math.round((1 - share) * DIMMED * value + share * part));
  });
}

/** The colours from light (top) to dark, as a PNG one pixel wide. */
export async function colorBarPng(): Promise<Buffer> {
  const pixels = Uint8Array.from([...COLOR_SCALE].reverse().flat());
  return png(pixels, 1, COLOR_SCALE.length);
}

function bytesOf(map: SaliencyMap): Uint8Array {
  const shown = shownMap(map, METHODS[map.method].grain === 'pixel' ? CAP : 1);
  return Uint8Array.from(shown, (value) => Math.round(255 * value));
}

/** One channel [size, size] to [side, side]. */
async function enlarge(values: Uint8Array, side: number, kernel: 'nearest' | 'cubic'): Promise<Uint8Array> {
  const size = Math.sqrt(values.length);
  return sharp(values, { raw: { width: size, height: size, channels: 1 } })
    .resize(side, side, { kernel })
    .extractChannel(0)
    .raw()
    .toBuffer();
}

function encode(
  values: Uint8Array,
  side: number,
  color: (value: number, i: number) => readonly number[],
): Promise<Buffer> {
  const pixels = new Uint8Array(3 * side * side);
  for (let i = 0; i < side * side; i++) pixels.set(color(values[i], i), 3 * i);
  return png(pixels, side, side);
}

function png(pixels: Uint8Array, width: number, height: number): Promise<Buffer> {
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
