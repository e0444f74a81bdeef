import { afterEach, expect, test, vi } from 'vitest';
import { PictureError } from '../errors.ts';
import { sendBrowserPicture } from './browserPicture.ts';

afterEach(() => vi.unstubAllGlobals());
const ADDRESS = 'https://pictures.example/a.jpg';

test.each<[string, () => Promise<unknown>, RegExp]>([
  [
    'that no server answers at',
    () => Promise.reject(new TypeError('Failed to fetch')),
    /cannot be fetched: is there/,
  ],
  ['with a status', async () => new Response(null, { status: 404 }), /cannot be fetched: status 404$/],
  [
    'that breaks off',
    async () => ({ ok: true, blob: () => Promise.reject(new TypeError('network error')) }),
    /cannot be fetched: is there/,
  ],
])('a picture at an address %s', async (_, fetch, message) => {
  vi.stubGlobal('fetch', fetch);
  for (const address of [ADDRESS, new URL(ADDRESS)]) {
    const error: unknown = await sendBrowserPicture(address).catch((reason) => reason);
    expect(error).toBeInstanceOf(PictureError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toContain(ADDRESS);
  }
});

test('bytes are given to the browser as a file', async () => {
  const decode = vi.fn(async (source: Blob) => ({ text: await source.text(), close: () => undefined }));
  vi.stubGlobal('createImageBitmap', decode);
  const bytes = new TextEncoder().encode('bytes');
  for (const picture of [bytes, bytes.buffer, new Blob([bytes])])
    expect((await sendBrowserPicture(picture)).picture).toMatchObject({ text: 'bytes' });
});
