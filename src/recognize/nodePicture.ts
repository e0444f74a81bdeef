import { Blob } from 'node:buffer';
import { fileURLToPath } from 'node:url';
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
  const source = await encodedOf(picture);
  if (source !== undefined) {
    const { image, scale } = await readPhoto(source, typeof source === 'string' ? source : 'picture');
    // Memory of its own, so that it can go to another thread.
    return { ...image, data: Uint8Array.from(image.data), scale };
  }
  const raw = picture as RawPicture;
  if (typeof raw?.width === 'number' && raw.data !== undefined) return rawCopy(raw);
  throw new PictureError(
    `expected a path, the bytes of a picture, or {width, height, data}; found ${describeValue(picture)}`,
  );
}

/** Where an encoded picture lies, or its bytes; undefined for what is neither. */
async function encodedOf(picture: NodePicture): Promise<string | Uint8Array | undefined> {
  try {
    if (picture instanceof URL && picture.protocol === 'file:') return fileURLToPath(picture);
    if (picture instanceof Blob) return new Uint8Array(await picture.arrayBuffer());
  } catch (error) {
    const what = picture instanceof URL ? picture.href : 'the file';
    throw new PictureError(`${what} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  if (picture instanceof URL || (typeof picture === 'string' && /^https?:\/\//i.test(picture)))
    throw new PictureError(`${picture} is no file: fetch it, and give its bytes`);
  if (typeof picture === 'string' || types.isUint8Array(picture)) return picture;
  return types.isArrayBuffer(picture) ? new Uint8Array(picture) : undefined;
}
