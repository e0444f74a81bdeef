import { types } from 'node:util';
import { PictureError } from '../errors.ts';
import { readPhoto } from '../image/read.ts';
import type { Sent } from './client.ts';
import type { Photo } from './pictureRecognizer.ts';
import { describeValue, rawCopy } from './raw.ts';
import type { NodePicture, RawPicture } from './types.ts';

export type { NodePicture };

/** What crosses to the thread; raw pixels become RGBA there. */
export type SentNodePicture = (Photo & { readonly scale: number }) | RawPicture;

/**
 * A caller's picture as pixels for the recogniser's thread.
 *
 * @throws PictureError for what is no picture, or one that cannot be read
 */
export async function sendNodePicture(picture: NodePicture): Promise<Sent<SentNodePicture>> {
  const sent = await pixelsOf(picture);
  return { picture: sent, transfer: [sent.data.buffer as ArrayBuffer] };
}

async function pixelsOf(picture: NodePicture): Promise<SentNodePicture> {
  if (typeof picture === 'string' || types.isUint8Array(picture)) {
    const { image, scale } = await readPhoto(picture, typeof picture === 'string' ? picture : 'picture');
    // Memory of its own, so that it can go to another thread.
    return { ...image, data: Uint8Array.from(image.data), scale };
  }
  if (typeof picture?.width === 'number' && picture.data !== undefined) return rawCopy(picture);
  throw new PictureError(
    `expected a path, the bytes of a picture, or {width, height, data}; found ${describeValue(picture)}`,
  );
}
