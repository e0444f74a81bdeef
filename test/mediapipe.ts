import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, extname, join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import type { Box } from '../src/image/image.ts';
import { openChromium } from './chromium.ts';

const require = createRequire(import.meta.url);
const PACKAGE = dirname(require.resolve('@mediapipe/face_detection/package.json'));
const TYPES: Readonly<Record<string, string>> = { '.js': 'text/javascript', '.wasm': 'application/wasm' };

export type Model = 'short' | 'full';

/** A face in pixels of the picture; keypoints in MediaPipe's order. */
export interface TheirFace {
  readonly box: Box;
  readonly keypoints: readonly { readonly x: number; readonly y: number }[];
}

/** What the package's script declares, as far as it is used here. */
interface Detector {
  setOptions(options: { model: Model; selfieMode: boolean }): void;
  initialize(): Promise<void>;
  onResults(listener: (results: Results) => void): void;
  send(input: { image: HTMLImageElement }): Promise<void>;
}
interface Results {
  readonly detections: readonly {
    readonly boundingBox: { xCenter: number; yCenter: number; width: number; height: number };
    readonly landmarks: readonly { x: number; y: number }[];
  }[];
}
interface Globals {
  FaceDetection: new (config: { locateFile: (file: string) => string }) => Detector;
  detector: Detector;
}

/** MediaPipe's own JavaScript, from the package our models come from, in headless Chromium. */
export class MediaPipe {
  readonly #server: Server;
  readonly #browser: Browser;
  readonly #url: string;
  readonly #pages = new Map<Model, Page>();
  readonly #pictures: Map<string, Buffer>;

  private constructor(server: Server, browser: Browser, pictures: Map<string, Buffer>) {
    this.#server = server;
    this.#browser = browser;
    this.#url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    this.#pictures = pictures;
  }

  static async start(): Promise<MediaPipe> {
    const pictures = new Map<string, Buffer>();
    const server = createServer((request, response) => {
      const name = (request.url ?? '/').slice(1);
      const picture = pictures.get(name);
      if (picture) return response.end(picture);
      if (name === '') {
        response.setHeader('content-type', 'text/html');
        return response.end('<script src="face_detection.js"></script>');
      }
      response.setHeader('content-type', TYPES[extname(name)] ?? 'application/octet-stream');
      response.end(/^face[\w.]+$/.test(name) ? readFileSync(join(PACKAGE, name)) : '');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new MediaPipe(server, await openChromium(), pictures);
  }

  /** What it finds in a picture (JPEG or PNG), with its own limits: a score of 0.5 (short), 0.6 (full). */
  async detect(model: Model, picture: Buffer): Promise<TheirFace[]> {
    const name = `picture${this.#pictures.size}`;
    this.#pictures.set(name, picture);
    const page = this.#pages.get(model) ?? (await this.#open(model));
    return page.evaluate(detectInPage, `/${name}`);
  }

  /** A page for each model: a second detector in a page finds the files of the first one. */
  async #open(model: Model): Promise<Page> {
    const page = await this.#browser.newPage();
    this.#pages.set(model, page);

    await page.goto(this.#url);
    await page.evaluate(async (chosen) => {
      const { FaceDetection } = globalThis as unknown as Globals;
      const detector = new FaceDetection({ locateFile: (file: string) => `/${file}` });
      detector.setOptions({ model: chosen, selfieMode: false });
      // The first time it reads the files of the model, the second time it starts the graph that uses them.
      await detector.initialize();
      await detector.initialize();
      Object.assign(globalThis, { detector });
    }, model);
    return page;
  }

  async stop(): Promise<void> {
    await this.#browser.close();
    this.#server.close();
  }
}

/** Runs in the page. */
async function detectInPage(url: string): Promise<TheirFace[]> {
  const { detector } = globalThis as unknown as Globals;
  const image = new Image();
  image.src = url;
  await image.decode();
  const { naturalWidth: width, naturalHeight: height } = image;
  const { detections } = await new Promise<Results>((resolve, reject) => {
    detector.onResults(resolve);
    detector.send({ image }).catch(reject);
  });
  return detections.map(({ boundingBox: box, landmarks }) => ({
    box: {
      x: (box.xCenter - box.width / 2) * width,
      y: (box.yCenter - box.height / 2) * height,
      width: box.width * width,
      height: box.height * height,
    },
    keypoints: landmarks.map(({ x, y }) => ({ x: x * width, y: y * height })),
  }));
}
