import { createReadStream, existsSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cropFace } from '../src/face/crop.ts';
import { type Face, FaceDetector } from '../src/face/detector.ts';
import { loadFaceModels } from '../src/face/loadModels.ts';
import { readPhoto } from '../src/image/read.ts';
import { hasChromium, openChromium } from './chromium.ts';
import { readSample, SAMPLES } from './samplePhotos.ts';

const DIST = fileURLToPath(new URL('../dist/', import.meta.url));

interface Answer {
  readonly face: Face;
  readonly crop: readonly number[];
}

/** What a page would do; not compiled, so that its imports are the browser's own. */
const PAGE = `<!doctype html><script type="module">
  import { FaceDetector } from '/face/detector.js';
  import { cropFace } from '/face/crop.js';
  import { sendBrowserPicture } from '/recognize/browserPicture.js';
  globalThis.send = sendBrowserPicture;
  const bytes = async (path) => (await fetch(path)).arrayBuffer();
  globalThis.look = async ({ width, height, options }) => {
    const [shortRange, fullRange] = [await bytes('/shortRange'), await bytes('/fullRange')];
    const image = new ImageData(new Uint8ClampedArray(await bytes('/pixels')), width, height);
    const faces = FaceDetector.create({ shortRange, fullRange }).detect(image, options);
    return faces.map((face) => ({ face, crop: [...cropFace(image, face, 48)] }));
  };
</script>`;

describe.runIf(hasChromium())('in a page of Chromium', () => {
  const data = new Map<string, Uint8Array>();
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    const models = await loadFaceModels();
    data.set('/shortRange', models.shortRange).set('/fullRange', models.fullRange);
    server = createServer((request, response) => {
      const url = request.url ?? '/';
      const bytes = data.get(url);
      if (bytes) return response.end(bytes);
      const file = join(DIST, url);
      if (!/^\/[\w/]+\.js$/.test(url) || !existsSync(file)) {
        response.setHeader('content-type', 'text/html');
        return response.end(PAGE);
      }
      response.setHeader('content-type', 'text/javascript');
      createReadStream(file).pipe(response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    browser = await openChromium();
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test('the built files find the same faces as here, and cut them the same', async () => {
    const { image } = await readPhoto(readSample(SAMPLES[0].name));
    data.set('/pixels', new Uint8Array(image.data));
    const options = { smallest: 0.08 };
    const here = FaceDetector.create(await loadFaceModels()).detect(image, options);
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on('pageerror', (error) => errors.push(String(error)));
    await page.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
    const question = { width: image.width, height: image.height, options };
    const there = await page.evaluate((asked) => {
      const { look } = globalThis as unknown as { look(about: typeof asked): Promise<Answer[]> };
      return look(asked);
    }, question);
    expect(errors).toEqual([]);
    expect(here).toHaveLength(SAMPLES[0].faces);
    expect(there).toHaveLength(here.length);
    for (const [i, { face, crop }] of there.entries()) {
      for (const key of ['x', 'y', 'width', 'height'] as const)
        expect(face.box[key]).toBeCloseTo(here[i].box[key], 3);
      expect(face.score).toBeCloseTo(here[i].score, 5);
      const own = cropFace(image, here[i], 48);
      expect(Math.max(...crop.map((value, k) => Math.abs(value - own[k])))).toBeLessThanOrEqual(1);
    }
  });

  test('a video that shows nothing yet is an error that says what to wait for', async () => {
    const page = await browser.newPage();
    await page.goto(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
    const message = await page.evaluate(() => {
      const { send } = globalThis as unknown as { send(picture: unknown): Promise<never> };
      return send(document.createElement('video')).catch((error: Error) => error.message);
    });
    expect(message).toBe('the video has no picture yet: wait for its event "loadeddata"');
  });
});
