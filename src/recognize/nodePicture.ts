import { types } from 'node:util';
import { FerError } from '../errors.ts';
import { readPhoto } from '../image/read.ts';
import type { Sent } from './client.ts';
import type { Photo } from './pictureRecognizer.ts';
import { rgbaOf } from './raw.ts';
import type { RawPicture } from './types.ts';

/** A path, the bytes of a JPEG, PNG or WebP file, or pixels such as a canvas' `ImageData`. */
export type NodePicture = string | Uint8Array | RawPicture;

/**
 * A caller's picture as pixels for the recogniser's thread.
 *
 * @throws FerError for what is no picture, or one that cannot be read
 */
export async function sendNodePicture(picture: NodePicture): Promise<Sent<Photo>> {
  const photo = await photoOf(picture);
  return { picture: photo, transfer: [photo.data.buffer as ArrayBuffer] };
}

async function photoOf(picture: NodePicture): Promise<Photo> {
  if (typeof picture === 'string' || types.isUint8Array(picture)) {
    const { image, scale } = await readPhoto(picture, typeof picture === 'string' ? picture : 'picture');
    // Memory of its own, so that it can go to another thread.
    return { ...image, data: Uint8Array.from(image.data), scale };
  }
  if (typeof picture?.width === 'number' && picture.data !== undefined) return rgbaOf(picture);
  throw new FerError(
    `expected a path, the bytes of a picture, or {width, height, data}; found ${describe(picture)}`,
  );
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  return typeof value === 'object' ? `an object of ${value.constructor?.name ?? 'no class'}` : typeof value;
}
