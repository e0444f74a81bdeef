import { FerError, PictureError } from '../errors.ts';
import { BACKDROP, LONGEST_SIDE } from '../image/image.ts';
import type { Sent } from './client.ts';
import type { Photo } from './pictureRecognizer.ts';
import { rawCopy, rgbaOf } from './raw.ts';
import type { RawPicture } from './types.ts';

/** An address, a file or its bytes, whatever a canvas can draw, or pixels. Encoded pictures are turned as EXIF says. */
export type BrowserPicture =
  | string
  | URL
  | Blob
  | Uint8Array
  | ArrayBuffer
  | CanvasImageSource
  | ImageData
  | RawPicture;

/** What crosses to the thread, which has a canvas of its own, and makes RGBA of raw pixels. */
export type SentBrowserPicture = ImageBitmap | RawPicture;

/**
 * A caller's picture, ready to cross to the thread.
 *
 * @throws PictureError for what is no picture, or one that cannot be read
 */
export async function sendBrowserPicture(picture: BrowserPicture): Promise<Sent<SentBrowserPicture>> {
  const source = await sourceOf(picture);
  if ('data' in source) {
    const raw = rawCopy(source);
    return { picture: raw, transfer: [raw.data.buffer as ArrayBuffer] };
  }
  try {
    const bitmap = await createImageBitmap(source);
    return { picture: bitmap, transfer: [bitmap], discard: () => bitmap.close() };
  } catch (error) {
    throw new PictureError(
      `the picture cannot be decoded: it is damaged, or no kind that this browser reads`,
      {
        cause: error,
      },
    );
  }
}

async function sourceOf(picture: BrowserPicture): Promise<ImageBitmapSource | RawPicture> {
  if (typeof picture === 'string' || picture instanceof URL) return fetched(String(picture));
  if (picture instanceof Uint8Array || picture instanceof ArrayBuffer)
    return new Blob([picture as Uint8Array<ArrayBuffer> | ArrayBuffer]);
  if (picture !== null && typeof picture === 'object') {
    if ('videoWidth' in picture && picture.readyState < picture.HAVE_CURRENT_DATA)
      throw new PictureError('the video has no picture yet: wait for its event "loadeddata"');
    if (globalThis.HTMLImageElement && picture instanceof HTMLImageElement) await loaded(picture);
    if (!('data' in picture)) return picture as ImageBitmapSource;
    if (typeof picture.width === 'number') return picture;
  }
  throw new PictureError(`expected a file, an image, a canvas, a video or pixels; found ${String(picture)}`);
}

/** @throws PictureError if an image element has no picture, and will have none */
async function loaded(image: HTMLImageElement): Promise<void> {
  try {
    await image.decode();
  } catch (error) {
    const what = image.src === '' ? 'the image element has no src' : `${image.src} cannot be loaded`;
    throw new PictureError(what, { cause: error });
  }
}

/** @throws PictureError, whatever is wrong with the server or the way to it */
async function fetched(address: string): Promise<Blob> {
  let response: Response;
  try {
    response = await fetch(address);
    if (response.ok) return await response.blob();
  } catch (error) {
    throw new PictureError(
      `${address} cannot be fetched: is there a picture, and does its server allow this page?`,
      { cause: error },
    );
  }
  throw new PictureError(`${address} cannot be fetched: status ${response.status}`);
}

/** Draws what was sent, to read its pixels: transparent parts on mid-grey, very large pictures made smaller. */
export class BitmapReader {
  #context: OffscreenCanvasRenderingContext2D | undefined;

  read(picture: SentBrowserPicture): Photo {
    if ('data' in picture) return rgbaOf(picture);
    const scale = Math.max(1, Math.max(picture.width, picture.height) / LONGEST_SIDE);
    const width = Math.max(1, Math.round(picture.width / scale));
    const height = Math.max(1, Math.round(picture.height / scale));
    const context = this.#sized(width, height);
    context.fillStyle = `rgb(${BACKDROP} ${BACKDROP} ${BACKDROP})`;
    context.fillRect(0, 0, width, height);
    context.drawImage(picture, 0, 0, width, height);
    const factor = picture.width / width;
    picture.close();
    return { width, height, data: context.getImageData(0, 0, width, height).data, scale: factor };
  }

  #sized(width: number, height: number): OffscreenCanvasRenderingContext2D {
    this.#context ??=
      new OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true }) ?? undefined;
    if (!this.#context) throw new FerError('this browser has no canvas to read pictures with');
    const { canvas } = this.#context;
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    this.#context.imageSmoothingQuality = 'high';
    return this.#context;
  }
}
