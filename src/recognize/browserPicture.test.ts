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
  const error: unknown = await sendBrowserPicture(ADDRESS).catch((reason) => reason);
  expect(error).toBeInstanceOf(PictureError);
  expect((error as Error).message).toMatch(message);
  expect((error as Error).message).toContain(ADDRESS);
});
