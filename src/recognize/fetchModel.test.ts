import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { faces, trainTiny } from '../../test/training.ts';
import { FerError } from '../errors.ts';
import { fetchFaceModels } from './fetchFaceModels.ts';
import { fetchModel } from './fetchModel.ts';

const folder = temporaryFolder();
await trainTiny({ runs: folder.path, n_epochs: 1 }, { dataset: faces() });
const [config, weights] = ['config.json', 'best.safetensors'].map((name) =>
  Uint8Array.from(readFileSync(`${folder.path}/a/${name}`)),
);
folder.remove();
afterEach(() => vi.unstubAllGlobals());

/** A server with such a model, whose weights come with such headers and in pieces. */
function serve(headers: Record<string, string>, bytes = weights): void {
  vi.stubGlobal('fetch', async (url: string) => {
    if (url.endsWith('config.json')) return new Response(config);
    if (!url.endsWith('model.safetensors')) return new Response(null, { status: 404 });
    const body = new ReadableStream({
      start(controller) {
        for (let at = 0; at < bytes.length; at += 10_000) controller.enqueue(bytes.slice(at, at + 10_000));
        controller.close();
      },
    });
    return new Response(body, { headers });
  });
}

describe('weights that are fetched', () => {
  test.each([
    ['with their length', weights.length],
    ['with the length of what they were compressed to', Math.round(0.3 * weights.length)],
    ['without a length', undefined],
  ])('%s', async (_, length) => {
    serve(length === undefined ? {} : { 'content-length': String(length) });
    const shares: number[] = [];
    const fetched = await fetchModel('https://models.example/a/', (share) => shares.push(share));
    expect(Object.keys(fetched.weights.tensors)).toContain('conv1a.weight');
    expect(Math.max(0, ...shares)).toBe(length === undefined ? 0 : 1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
  });

  test('that were cut short', async () => {
    serve({ 'content-length': String(weights.length) }, weights.subarray(0, 5000));
    await expect(fetchModel('https://models.example/a/')).rejects.toThrow(/cut short: 5000 of \d+ bytes/);
    serve({}, weights.subarray(0, 5000));
    await expect(fetchModel('https://models.example/a/')).rejects.toThrow(/cut|damaged|header/);
  });

  test('that break off in the middle, as the description does and the detector', async () => {
    const broken = () =>
      new ReadableStream({
        pull(controller) {
          controller.error(new TypeError('network error'));
        },
      });
    const lost = (pattern: RegExp) =>
      vi.stubGlobal('fetch', async (url: string | URL) =>
        pattern.test(`${url}`) ? new Response(broken()) : new Response(config),
      );
    lost(/config/);
    await expect(fetchModel('https://models.example/a/')).rejects.toThrow(
      new FerError('https://models.example/a/config.json was cut short: the connection was lost'),
    );
    lost(/model\.safetensors/);
    await expect(fetchModel('https://models.example/a/')).rejects.toThrow(/model\.safetensors was cut short/);
    lost(/tflite/);
    await expect(fetchFaceModels()).rejects.toThrow(/short_range\.tflite was cut short/);
  });

  test('that a server has a page in place of, or that nobody serves', async () => {
    vi.stubGlobal('fetch', async () => new Response('<html>', { headers: { 'content-type': 'text/html' } }));
    await expect(fetchFaceModels()).rejects.toThrow(/short_range\.tflite is not served/);
    vi.stubGlobal('fetch', async () => {
      throw new TypeError('Failed to fetch');
    });
    await expect(fetchFaceModels()).rejects.toThrow(/short_range\.tflite cannot be fetched: is the server/);
  });
});
