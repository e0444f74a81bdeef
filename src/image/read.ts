import { Buffer } from 'node:buffer';
import { readFile } from 'node:fs/promises';
import sharp, { type Sharp } from 'sharp';
import { FerError, PictureError } from '../errors.ts';
import { explainFileError } from '../io/files.ts';
import { BACKDROP, LONGEST_SIDE, type RgbaImage } from './image.ts';
import { luma } from './luma.ts';

/** Formats read, each with the bytes it starts with: the content decides, not the name. */
const FORMATS: readonly { readonly name: string; readonly matches: (head: Buffer) => boolean }[] = [
  { name: 'JPEG', matches: (head) => head.subarray(0, 3).equals(Buffer.from([0xff, 0xd8, 0xff])) },
  { name: 'PNG', matches: (head) => head.subarray(0, 8).equals(Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')) },
  {
    name: 'WebP',
    matches: (head) => head.toString('latin1', 0, 4) === 'RIFF' && head.toString('latin1', 8, 12) === 'WEBP',
  },
];

/** Formats not read, by their first bytes, to name what was found. */
const OTHERS = [
  { name: 'a GIF', start: 'GIF8' },
  { name: 'a BMP', start: 'BM' },
  { name: 'a TIFF', start: 'II*\0' },
  { name: 'a TIFF', start: 'MM\0*' },
  { name: 'a PDF', start: '%PDF' },
] as const;

/** Ten thousand pixels square: more than any camera, far less than a decompression bomb. */
const MAX_PIXELS = 100_000_000;

/**
 * A face crop as the networks take it: one frame, upright as its EXIF orientation says, the largest centred
 * square of it (a stretched face is another expression; FER2013's crops are square), scaled with an
 * antialiasing bilinear filter (torchvision's), grey by BT.601 on the gamma-encoded values. sharp's own
 * `greyscale()` weighs linear light instead: pure red would be 127, where FER2013's tools say 76.
 * Embedded colour profiles are converted to sRGB; 16-bit and CMYK pictures are read too.
 *
 * @param source path of a JPEG, PNG or WebP file, or its bytes
 * @param size side of the result, in pixels
 * @param name of bytes, for messages
 * @returns `[size, size]` row-major, 0 black to 255 white
 * @throws PictureError naming the file and what is wrong with it
 */
export async function readGrayImage(
  source: string | Uint8Array,
  size = 48,
  name = typeof source === 'string' ? source : 'image',
): Promise<Uint8Array> {
  let rgb: Uint8Array;
  const picture = open(await bytesOf(source), name);
  try {
    rgb = await picture
      .resize(size, size, { fit: 'cover', position: 'centre', kernel: 'linear', fastShrinkOnLoad: false })
      .toColourspace('srgb')
      .raw()
      .toBuffer();
  } catch (error) {
    throw new PictureError(`${name}: ${explain((error as Error).message)}`, { cause: error });
  }
  const channels = rgb.length / (size * size);
  if (channels !== 3) throw new Error(`${name}: decoded to ${channels} channels instead of 3`);
  const gray = new Uint8Array(size * size);
  for (let i = 0; i < gray.length; i++) gray[i] = luma(rgb[3 * i], rgb[3 * i + 1], rgb[3 * i + 2]);
  return gray;
}

/** A picture read for faces, and how it was scaled. */
export interface Photo {
  /** Opaque. */
  readonly image: RgbaImage;
  /** Side of the upright picture over that of `image`: 1 or more. */
  readonly scale: number;
}

/**
 * A photograph to look for faces in: one frame, upright as its EXIF orientation says, in sRGB. One larger than
 * `LONGEST_SIDE` is made smaller while it is decoded, which bounds memory; a face of a sixty-fourth of it then still
 * has as many pixels as the networks take.
 *
 * @param source path of a JPEG, PNG or WebP file, or its bytes
 * @param name of bytes, for messages
 * @throws PictureError naming the file and what is wrong with it
 */
export async function readPhoto(
  source: string | Uint8Array,
  name = typeof source === 'string' ? source : 'image',
): Promise<Photo> {
  const picture = open(await bytesOf(source), name);
  try {
    const { autoOrient } = await picture.metadata();
    const { data, info } = await picture
      .resize(LONGEST_SIDE, LONGEST_SIDE, { fit: 'inside', withoutEnlargement: true })
      .toColourspace('srgb')
      .ensureAlpha()
      .raw()
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return {
      image: { width, height, data },
      scale: Math.max(autoOrient.width, autoOrient.height) / Math.max(width, height),
    };
  } catch (error) {
    throw new PictureError(`${name}: ${explain((error as Error).message)}`, { cause: error });
  }
}

/** @throws PictureError if it is none of the formats */
function open(bytes: Uint8Array, name: string): Sharp {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 16));
  if (!FORMATS.some(({ matches }) => matches(head))) {
    const other = OTHERS.find(({ start }) => head.toString('latin1').startsWith(start));
    const found = bytes.byteLength === 0 ? 'an empty file' : (other?.name ?? 'neither of them');
    throw new PictureError(`${name}: expected a JPEG, PNG or WebP picture, found ${found}`);
  }
  return sharp(bytes, { limitInputPixels: MAX_PIXELS, failOn: 'error' })
    .autoOrient()
    .flatten({ background: { r: BACKDROP, g: BACKDROP, b: BACKDROP } });
}

/** @throws PictureError if the file cannot be read */
async function bytesOf(source: string | Uint8Array): Promise<Uint8Array> {
  if (typeof source !== 'string') return source;
  try {
    return await readFile(source);
  } catch (error) {
    const explained = explainFileError(error, 'read', source);
    throw explained instanceof FerError ? new PictureError(explained.message, { cause: error }) : error;
  }
}

function explain(reason: string): string {
  if (reason.includes('exceeds pixel limit')) {
    return `it has more than ${MAX_PIXELS / 1e6} million pixels: make it smaller`;
  }
  // libvips stacks its warnings in lines; the first names the cause.
  return `the picture cannot be decoded (${reason.split('\n')[0].trim()}): it is damaged or cut short`;
}
