import type { Box, RgbaImage } from './image.ts';

/**
 * A picture and its halves, quarters and so on, each pixel the mean of four, made when first asked for. A window
 * then costs what it holds in pixels of the result, however large the picture.
 */
export class Pyramid {
  readonly #levels: RgbaImage[];

  constructor(image: RgbaImage) {
    this.#levels = [image];
  }

  /**
   * The level to scale a box down from: one in which it still has `side` pixels or more, and less than twice as
   * many; or the picture itself. With the box in that level's pixels.
   */
  level(box: Box, side: number): { image: RgbaImage; box: Box } {
    let level = 0;
    for (let width = box.width; width >= 2 * side; width /= 2) level++;
    let image = this.#levels[0];
    for (let i = 1; i <= level && image.width > 1 && image.height > 1; i++) {
      image = this.#levels[i] ??= halve(image);
    }
    // Levels past the last possible one are that one.
    level = this.#levels.indexOf(image);
    const scale = 2 ** -level;
    return {
      image,
      box: { x: box.x * scale, y: box.y * scale, width: box.width * scale, height: box.height * scale },
    };
  }
}

/** Every second byte of a pixel: two sums at a time, with room for the carry between them. */
const BYTES = 0x00ff00ff;

/** Means of 2x2 pixels, rounded; an odd last row or column is left out. */
export function halve({ width, height, data }: RgbaImage): RgbaImage {
  // Pixels are read as 32-bit words, so the bytes must be aligned; `new Uint8Array` copies, `Buffer.slice` would not.
  const aligned = data.byteOffset % 4 === 0 ? data : new Uint8Array(data);
  const pixels = new Uint32Array(aligned.buffer, aligned.byteOffset, width * height);
  const [outWidth, outHeight] = [width >> 1, height >> 1];
  const out = new Uint32Array(outWidth * outHeight);
  let to = 0;
  for (let y = 0; y < outHeight; y++) {
    let at = 2 * y * width;
    for (let x = 0; x < outWidth; x++, at += 2) {
      const a = pixels[at];
      const b = pixels[at + 1];
      const c = pixels[at + width];
      const d = pixels[at + width + 1];
      const even = (a & BYTES) + (b & BYTES) + (c & BYTES) + (d & BYTES) + 0x00020002;
      const odd =
        ((a >>> 8) & BYTES) + ((b >>> 8) & BYTES) + ((c >>> 8) & BYTES) + ((d >>> 8) & BYTES) + 0x00020002;
      out[to++] = ((even >>> 2) & BYTES) | (((odd >>> 2) & BYTES) << 8);
    }
  }
  return { width: outWidth, height: outHeight, data: new Uint8Array(out.buffer) };
}
