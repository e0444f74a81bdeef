import { Buffer } from 'node:buffer';
import sharp from 'sharp';
import { FerError } from '../errors.ts';
import { BACKDROP } from './backdrop.ts';

/** Ten thousand pixels square: more than any camera, far less than a decompression bomb. */
const MOST_PIXELS = 100_000_000;
/** Longest side that is kept: a face that is tiny then is one that no network could judge. */
const LONGEST_SIDE = 4096;
const FORMATS = ['jpeg', 'png', 'webp'];

/** Opaque RGBA of an encoded picture. */
export interface DecodedPhoto {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
  /** Pixels of the original for one of these. */
  readonly scale: number;
}

/**
 * An encoded picture as pixels: its first frame, upright as its EXIF orientation says, in sRGB, transparent
 * parts on mid-grey, made smaller where it is very large.
 *
 * @param name for messages
 * @throws FerError naming what is wrong with it
 */
export async function decodePhoto(bytes: Uint8Array, name: string): Promise<DecodedPhoto> {
  const options = { limitInputPixels: MOST_PIXELS, failOn: 'error' } as const;
  try {
    const { format, autoOrient } = await sharp(bytes, options).metadata();
    if (!FORMATS.includes(format)) throw new Error('Input buffer contains unsupported image format');
    const { data, info } = await sharp(bytes, options)
      .autoOrient()
      .flatten({ background: { r: BACKDROP, g: BACKDROP, b: BACKDROP } })
      .resize(LONGEST_SIDE, LONGEST_SIDE, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    // Memory of its own, so that it can go to another thread.
    return { width, height, data: Uint8Array.from(data), scale: autoOrient.width / width };
  } catch (error) {
    throw new FerError(`${name}: ${explain((error as Error).message, bytes)}`, { cause: error });
  }
}

function explain(reason: string, bytes: Uint8Array): string {
  if (bytes.length === 0) return 'expected a JPEG, PNG or WebP picture, found no bytes';
  if (reason.includes('unsupported image format')) {
    const head = Buffer.from(bytes.subarray(0, 4)).toString('hex');
    return `expected a JPEG, PNG or WebP picture, found a file that starts with ${head}`;
  }
  if (reason.includes('exceeds pixel limit')) {
    return `it has more than ${MOST_PIXELS / 1e6} million pixels: make it smaller`;
  }
  // libvips stacks its warnings in lines; the first names the cause.
  return `the picture cannot be decoded (${reason.split('\n')[0].trim()}): it is damaged or cut short`;
}
