import { copyFileSync, cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import sharp from 'sharp';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { loadRecognizer, type NodePicture, type PhotoRecognizer, shownMap } from '../src/index.ts';
import { type RunningServer, startServer } from '../src/server/server.ts';
import { fakeCamera } from './camera.ts';
import { hasChromium, openPlainChromium } from './chromium.ts';
import { fer } from './commands.ts';
import { ran } from './ran.ts';
import { FACES_IN_PHOTO, smallPhoto, type TinyModel, tinyModel } from './tinyModel.ts';

/** Long enough for a machine that is busy with other things. */
const PATIENCE = 120_000;

describe.runIf(hasChromium())('the page', { timeout: PATIENCE }, () => {
  let tiny: TinyModel;
  let server: RunningServer;
  let browser: Browser;
  let context: BrowserContext;
  let library: PhotoRecognizer<NodePicture>;
  /** A PNG, as two decoders of JPEG may differ in a bit. */
  let photo: Buffer;

  beforeAll(async () => {
    tiny = await tinyModel();
    photo = await sharp(await smallPhoto(960))
      .png()
      .toBuffer();
    const limits = { concurrency: 4, limit: 2 ** 20, url: '', cors: '' };
    const machine = { host: '127.0.0.1', port: 0, crops: 10, device: 'auto', threads: 1 } as const;
    server = await startServer({ ...machine, ...limits, model: tiny.model, runs: tiny.runs });
    library = await loadRecognizer({ model: tiny.model, threads: 1 });
    browser = await openPlainChromium(...(await fakeCamera(tiny.at('camera.mjpeg'), photo)));
  }, PATIENCE);
  afterAll(async () => {
    await browser?.close();
    await library?.close();
    await server?.stop();
  });
  afterEach(() => context?.close());

  /** The page in a new context; whatever it complains about fails the test. */
  async function open(path = '', options: Parameters<Browser['newContext']>[0] = {}): Promise<Page> {
    context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE / 2);
    page.on('pageerror', (error) => {
      throw error;
    });
    page.on('console', (message) => {
      if (message.type() === 'error') throw new Error(`${message.text()} ${message.location().url}`);
    });
    await page.goto(server.url + path);
    return page;
  }

  const choose = (page: Page, buffer = photo, name = 'photo.png', mimeType = 'image/png'): Promise<void> =>
    page.setInputFiles('input[type=file]', { name, mimeType, buffer });
  const ready = (page: Page): Promise<unknown> => page.waitForSelector('.device');
  const recognised = (page: Page): Promise<unknown> => page.waitForSelector('.face');

  /** Faces as the page shows them: left, top, width, height in percent of the picture, and the label. */
  const boxesOf = (page: Page): Promise<{ place: number[]; text: string }[]> =>
    page.$$eval('.box', (boxes) =>
      boxes.map((box) => {
        const { left, top, width, height } = (box as HTMLElement).style;
        return { place: [left, top, width, height].map(Number.parseFloat), text: box.textContent ?? '' };
      }),
    );

  const barsOf = (page: Page): Promise<[string, number][]> =>
    page.$$eval('.bar', (bars) =>
      bars.map((bar) => [
        bar.querySelector('dt')?.textContent ?? '',
        Number.parseFloat(bar.querySelector('.value')?.textContent ?? ''),
      ]),
    );

  test('recognises a photo as the library does, on threads of its own, and sends nothing', async () => {
    const page = await open();
    expect(await page.evaluate(() => crossOriginIsolated)).toBe(true);
    await ready(page);
    const device = (await page.textContent('.device')) ?? '';
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    expect(device).toContain(`${cores} thread`);
    ran(`page: ${device}`);
    // From here on there is no network at all, and nothing asks for it.
    const asked: string[] = [];
    page.on('request', (request) => asked.push(`${request.method()} ${request.url()}`));
    await context.setOffline(true);
    await choose(page);
    await recognised(page);
    expect(await page.textContent('.status')).toMatch(/^3 faces in \d/);

    const expected = (await library.recognize(photo)).sort((a, b) => a.box.x - b.box.x);
    expect(expected).toHaveLength(FACES_IN_PHOTO);
    const { width = 1, height = 1 } = await sharp(photo).metadata();
    const boxes = await boxesOf(page);
    expect(boxes).toHaveLength(FACES_IN_PHOTO);
    for (const [i, { place, text }] of boxes.entries()) {
      const { box, label } = expected[i];
      const percent = [box.x / width, box.y / height, box.width / width, box.height / height];
      place.forEach((value, k) => {
        expect(Math.abs(value - 100 * percent[k])).toBeLessThan(0.05);
      });
      expect(text).toMatch(new RegExp(`^${label} \\d+ %$`));
      await page.click(`.box >> nth=${i}`);
      expect(await page.textContent('.label')).toBe(label);
      for (const [name, value] of await barsOf(page)) {
        expect(Math.abs(value - 100 * expected[i].scores[name])).toBeLessThanOrEqual(0.11);
      }
    }
    expect((await barsOf(page)).map(([name]) => name)).toEqual(tiny.dataset.labels);
    expect(asked.filter((line) => !line.startsWith(`GET blob:${server.url}`))).toEqual([]);
  });

  test('has its photos again after a look at another view', async () => {
    const page = await open();
    await ready(page);
    await choose(page);
    await recognised(page);
    await page.check('text=The photo is one face');
    await page.waitForFunction(() => document.querySelectorAll('.box').length === 1);
    const boxes = await boxesOf(page);
    await page.click('nav a >> nth=2');
    await page.waitForSelector('h1:has-text("Runs")');
    await page.click('nav a >> nth=0');
    await recognised(page);
    expect(await boxesOf(page)).toEqual(boxes);
    expect(await page.isChecked('text=The photo is one face')).toBe(true);
  });

  test('takes what is dropped and what is pasted, and says what is no picture', async () => {
    const page = await open();
    await ready(page);
    for (const type of ['drop', 'paste'] as const) {
      await page.evaluate(
        ([kind, base64]) => {
          const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
          const data = new DataTransfer();
          data.items.add(new File([bytes], `${kind}.png`, { type: 'image/png' }));
          const event =
            kind === 'drop'
              ? new DragEvent('drop', { dataTransfer: data, cancelable: true })
              : new ClipboardEvent('paste', { clipboardData: data });
          dispatchEvent(event);
        },
        [type, photo.toString('base64')],
      );
      await page.waitForSelector(`.stage img[alt="${type}.png"]`);
      await recognised(page);
    }
    expect(await page.$$eval('.strip img', (all) => all.map((one) => one.getAttribute('alt')))).toEqual([
      'paste.png',
      'drop.png',
    ]);
    await choose(page, Buffer.from('no picture'), 'notes.txt', 'text/plain');
    expect(await page.textContent('[role=alert]')).toMatch(/notes\.txt: this is no picture/);
    // The others are still there.
    await page.click('.strip button:has(img[alt="drop.png"])');
    expect(await boxesOf(page)).toHaveLength(FACES_IN_PHOTO);
    await page.click('text=Remove all');
    await page.waitForSelector('.drop');
  });

  test('decodes many photos one at a time, and shows the first as soon as it can', async () => {
    const page = await open();
    await page.evaluate(() => {
      const { decode } = HTMLImageElement.prototype;
      const seen = { now: 0, most: 0, all: 0 };
      Object.assign(globalThis, { seen });
      HTMLImageElement.prototype.decode = async function () {
        seen.all++;
        seen.most = Math.max(seen.most, ++seen.now);
        await decode.call(this);
        seen.now--;
      };
    });
    const names = ['a.png', 'b.png', 'c.png'];
    const files = names.map((name) => ({ name, mimeType: 'image/png', buffer: photo }));
    await page.setInputFiles('input[type=file]', files);
    await page.waitForSelector('.stage img[alt="a.png"]');
    expect(await page.$$eval('.strip img', (all) => all.map((one) => one.getAttribute('alt')))).toEqual(
      names,
    );
    const seen = await page.waitForFunction(() => {
      const { seen: found } = globalThis as unknown as { seen: { now: number; most: number; all: number } };
      return found.all === 3 && found.now === 0 && found;
    });
    expect(await seen.jsonValue()).toMatchObject({ most: 1 });
  });

  test('takes a photo as one face where that is asked for', async () => {
    const page = await open();
    await choose(page);
    await recognised(page);
    await page.click('text=The photo is one face');
    await page.waitForSelector('.answer >> text=whole picture');
    const [face] = await library.recognize(photo, { faces: 'none' });
    const bars = Object.fromEntries(await barsOf(page));
    for (const [label, score] of Object.entries(face.scores)) {
      expect(Math.abs(bars[label] - 100 * score)).toBeLessThanOrEqual(0.11);
    }
  });

  test('lays a map over the face that is the method’s', async () => {
    const page = await open();
    await choose(page);
    await recognised(page);
    const pixelsOf = (selector: string): Promise<number[]> =>
      page.$eval(selector, (element) => {
        const canvas = element as HTMLCanvasElement;
        const { data } = canvas.getContext('2d')!.getImageData(0, 0, canvas.width, canvas.height);
        return [...data];
      });
    const crop = Uint8Array.from((await pixelsOf('.crop canvas')).filter((_, i) => i % 4 === 0));
    for (const [method, target] of [
      ['gradcam', ''],
      ['gradient', 'sad'],
    ] as const) {
      await page.selectOption('.saliency select >> nth=0', method);
      await page.selectOption('.saliency select >> nth=1', target);
      await page.waitForSelector('.saliency progress', { state: 'detached' });
      await page.waitForSelector('.over canvas');
      const alpha = (await pixelsOf('.over canvas')).filter((_, i) => i % 4 === 3);
      const { maps } = await library.explain(crop, { methods: [method], target: target || undefined });
      const shown = shownMap(maps[0], method === 'gradient' ? 0.99 : 1);
      const off = Array.from(shown, (value, i) => Math.abs(alpha[i] - 0.85 * 255 * value));
      expect(Math.max(...alpha)).toBeGreaterThan(200);
      expect(off.reduce((a, b) => a + b) / off.length).toBeLessThan(2);
    }
    await page.selectOption('.saliency select >> nth=0', '');
    await page.waitForSelector('.over', { state: 'detached' });
  });

  test('can be used without a mouse', async () => {
    const page = await open();
    // Asked for early: the browser has to be told before it opens a window of its own.
    const chooser = page.waitForEvent('filechooser');
    const focused = (): Promise<string> =>
      page.evaluate(
        () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? '',
      );
    const order: string[] = [];
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press('Tab');
      order.push((await focused()).trim());
    }
    expect(order).toEqual(['Skip to content', 'fer, start', 'Photos', 'Webcam', 'Runs', 'Choose photos']);
    await page.keyboard.press('Enter');
    await (await chooser).setFiles({ name: 'photo.png', mimeType: 'image/png', buffer: photo });
    await recognised(page);
    await page.focus('.box >> nth=0');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await page.getAttribute('.box >> nth=1', 'aria-pressed')).toBe('true');
    expect(await page.textContent('.answer small')).toBe('Face 2 of 3');
    // On to the method: two more faces or buttons do not matter, it is reached.
    for (
      let i = 0;
      i < 10 && !(await page.evaluate(() => document.activeElement?.tagName === 'SELECT'));
      i++
    ) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type('Grad-C');
    await page.waitForSelector('.over canvas');
    // Back to the start, and into the runs, by the skip link's way.
    await page.focus('nav a >> nth=2');
    await page.keyboard.press('Enter');
    await page.waitForSelector('table.runs');
  });

  test('watches a camera until it is stopped', async () => {
    const page = await open('#webcam');
    await ready(page);
    await page.click('text=Start the camera');
    await page.waitForSelector(`.box >> nth=${FACES_IN_PHOTO - 1}`);
    await page.waitForSelector('.status:has-text("frames a second")');
    expect(await page.textContent('.status')).toMatch(/^3 faces · \d+\.\d frames a second$/);
    ran(`webcam in the page: ${await page.textContent('.status')}`);
    // As in a mirror: the face that is rightmost in the picture is leftmost here.
    const camera = await sharp(photo).resize(640, 480, { fit: 'cover' }).png().toBuffer();
    const faces = (await library.recognize(camera, { crops: 1, smallest: 1 / 16 })).sort(
      (a, b) => b.box.x - a.box.x,
    );
    const boxes = await boxesOf(page);
    faces.forEach(({ box }, i) => {
      expect(Math.abs(boxes[i].place[0] - (100 * (640 - box.x - box.width)) / 640)).toBeLessThan(3);
    });
    await page.selectOption('.saliency select >> nth=0', 'gradcam');
    await page.waitForSelector('.over canvas');
    expect(await page.$$eval('.saliency select >> nth=0', () => true)).toBe(true);
    const live = (): Promise<boolean> =>
      page.evaluate(() => {
        const { srcObject } = document.querySelector('video') as HTMLVideoElement;
        const [track] = (srcObject as MediaStream).getTracks();
        (window as unknown as { track: MediaStreamTrack }).track = track;
        return track.readyState === 'live';
      });
    expect(await live()).toBe(true);
    await page.click('text=Stop the camera');
    await page.waitForSelector('text=Start the camera');
    expect(
      await page.evaluate(() => (window as unknown as { track: MediaStreamTrack }).track.readyState),
    ).toBe('ended');
  });

  test('waits for the first picture of a camera that has said its size', async () => {
    const page = await open('#webcam');
    await ready(page);
    // What a slow camera does: the size is known, and there is nothing to be drawn yet. This one may be slow as well.
    await page.evaluate(() => {
      let looks = 0;
      const { get: real } = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, 'readyState') as {
        get: () => number;
      };
      const drawn = window.createImageBitmap as (source: ImageBitmapSource) => Promise<ImageBitmap>;
      Object.defineProperty(HTMLVideoElement.prototype, 'readyState', {
        get(this: HTMLVideoElement) {
          return ++looks < 5 ? HTMLMediaElement.HAVE_METADATA : real.call(this);
        },
      });
      window.createImageBitmap = (source: ImageBitmapSource) =>
        looks < 5 ? Promise.reject(new DOMException('no data', 'InvalidStateError')) : drawn(source);
    });
    await page.click('text=Start the camera');
    await page.waitForSelector('.box');
  });

  test('opens at an address that stands for nothing, too', async () => {
    const page = await open('#photos/100%');
    await page.waitForSelector('h1:has-text("Which expression")');
  });

  test('keeps the keyboard within the view where a button goes away that was pressed', async () => {
    const page = await open('#webcam');
    await ready(page);
    const focused = (): Promise<string | undefined> => page.evaluate(() => document.activeElement?.id);
    await page.focus('text=Start the camera');
    await page.keyboard.press('Enter');
    await page.waitForSelector('text=Stop the camera');
    await page.waitForFunction(() => document.activeElement !== document.body);
    expect(await focused()).toBe('main');
    expect(await page.title()).toBe('Webcam · fer');
  });

  test('is stopped before the first picture, and complains of nothing', async () => {
    const page = await open('#webcam');
    await ready(page);
    // A camera that has been allowed and never shows anything: the element waits to play.
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () =>
        Promise.resolve(document.createElement('canvas').captureStream(0));
      window.addEventListener('unhandledrejection', ({ reason }) => {
        document.title = `unhandled: ${reason}`;
      });
    });
    const title = await page.title();
    await page.click('text=Start the camera');
    await page.waitForSelector('.status:has-text("Waiting for the first frame")');
    await page.click('text=Stop the camera');
    await page.waitForSelector('text=Start the camera');
    await page.evaluate(() => new Promise((done) => setTimeout(done, 250)));
    expect(await page.title()).toBe(title);
    expect(await page.$('[role=alert]')).toBeNull();
  });

  test('turns a camera off that is allowed after the view was left', async () => {
    const page = await open('#webcam');
    await page.evaluate(() => {
      const { mediaDevices } = navigator;
      const real = mediaDevices.getUserMedia.bind(mediaDevices);
      const seen = window as unknown as { allow(): void; track: MediaStreamTrack };
      mediaDevices.getUserMedia = async (wanted) => {
        await new Promise<void>((resolve) => {
          seen.allow = resolve;
        });
        const stream = await real(wanted);
        [seen.track] = stream.getTracks();
        return stream;
      };
    });
    await page.click('text=Start the camera');
    await page.click('nav a >> nth=0');
    await page.waitForSelector('text=Choose photos');
    await page.evaluate(() => (window as unknown as { allow(): void }).allow());
    await page.waitForFunction(
      () => (window as unknown as { track?: MediaStreamTrack }).track?.readyState === 'ended',
    );
  });

  test('says so when the page is given no camera', async () => {
    const page = await open('#webcam');
    await page.evaluate(() => Object.defineProperty(navigator, 'mediaDevices', { value: undefined }));
    await page.click('text=Start the camera');
    expect(await page.textContent('[role=alert]')).toMatch(/over https and on this machine/);
  });

  test('says so when the camera is refused', async () => {
    const page = await open('#webcam');
    await page.evaluate(() => {
      navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('no', 'NotAllowedError'));
    });
    await page.click('text=Start the camera');
    expect(await page.textContent('[role=alert]')).toMatch(/may not be used: allow it/);
  });

  test('shows a run, its figures, and an epoch that ends meanwhile', async () => {
    mkdirSync(`${tiny.runs}/b/evaluation`, { recursive: true });
    for (const name of ['config.json', 'history.csv'])
      copyFileSync(`${tiny.model}/${name}`, `${tiny.runs}/b/${name}`);
    const out = `out=${tiny.runs}/b/evaluation`;
    const { code } = await fer(
      'evaluate',
      `model=${tiny.model}`,
      'data=synthetic:140',
      'split=PrivateTest',
      'crops=1',
      out,
    );
    expect(code).toBe(0);
    const metrics = JSON.parse(readFileSync(`${tiny.runs}/b/evaluation/metrics.json`, 'utf8'));

    const page = await open('#runs');
    await page.click('table.runs a:has-text("b")');
    await page.waitForSelector('.matrix');
    // The link that was followed is gone: the keyboard is at the start of the run, and the title names it.
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    expect(await page.title()).toBe('b · Runs · fer');
    const cells = await page.$$eval('.matrix tbody td small', (all) =>
      all.map((one) => Number(one.textContent)),
    );
    expect(cells).toEqual(metrics.confusion.flat());
    expect(await page.textContent('.matrix caption')).toContain(`${(100 * metrics.accuracy).toFixed(2)} %`);
    const points = (): Promise<number[]> =>
      page.$$eval('.series polyline', (all) =>
        all.map((one) => one.getAttribute('points')?.split(' ').length ?? 0),
      );
    expect(await points()).toEqual([6, 6, 6, 6, 6]);
    // The arrow keys read the figures.
    await page.focus('.plot >> nth=0');
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    expect(await page.getAttribute('.plot >> nth=0', 'aria-valuetext')).toMatch(
      /^Epoch 5: training [\d.]+ %, PublicTest [\d.]+ %$/,
    );

    const history = `${tiny.runs}/b/history.csv`;
    const csv = readFileSync(history, 'utf8');
    const last = csv.trimEnd().split('\n').at(-1) ?? '';
    writeFileSync(history, `${csv}${last.replace(/^6,/, '7,')}\n`);
    await page.waitForSelector('.tiles b:text-is("7")');
    expect(await points()).toEqual([7, 7, 7, 7, 7]);
  });

  test('a run that is not there is said to be missing', async () => {
    context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(`${server.url}#runs/none`);
    expect(await page.textContent('.problem')).toMatch(/no such run/);
  });

  test('a network that cannot be loaded is said to be the problem', async () => {
    context = await browser.newContext();
    const page = await context.newPage();
    await page.route('**/model/model.safetensors', (route) => route.fulfill({ body: 'not weights at all' }));
    await page.goto(server.url);
    expect(await page.textContent('[role=alert]')).toMatch(
      /cannot be loaded: .*model\.safetensors is not a usable/,
    );
    await page.unroute('**/model/model.safetensors');
    await page.click('button:text-is("Try again")');
    await page.waitForSelector('.device');
    expect(await page.$('[role=alert]')).toBeNull();
  });

  test('every cell of a confusion matrix can be read, whatever its share', async () => {
    const shares = [0.02, 0.4, 0.45, 0.5, 0.55, 0.6, 0.66, 0.7, 0.72, 0.8, 0.9, 1];
    const metrics = {
      ...{ n: 1200, accuracy: 0.6, labels: shares.map((_, i) => `label ${i}`) },
      confusion: shares.map((share) => shares.map((_, c) => (c === 0 ? Math.round(100 * share) : 0))),
      confusionNormalized: shares.map((share) => shares.map((_, c) => (c === 0 ? share : 0))),
    };
    mkdirSync(`${tiny.runs}/shades`);
    cpSync(`${tiny.runs}/a/config.json`, `${tiny.runs}/shades/config.json`);
    writeFileSync(`${tiny.runs}/shades/metrics.json`, JSON.stringify(metrics));
    for (const colorScheme of ['light', 'dark'] as const) {
      const page = await open('#runs/shades', { colorScheme });
      await page.waitForSelector('.matrix');
      const { violations } = (await page.evaluate(`${axe.source}; axe.run('.matrix')`)) as axe.AxeResults;
      expect(violations.map(({ id, nodes }) => `${colorScheme} ${id}: ${nodes[0].html}`)).toEqual([]);
      await context.close();
    }
    rmSync(`${tiny.runs}/shades`, { recursive: true });
  });

  describe.each(['light', 'dark'] as const)('in the %s', (colorScheme) => {
    const views = { start: '', photo: '', webcam: '#webcam', runs: '#runs', run: '#runs/a' } as const;

    test.each(Object.keys(views) as (keyof typeof views)[])(
      '%s: nothing for axe to complain about, no sideways scrolling on a phone',
      async (view) => {
        const page = await open(views[view], { colorScheme, viewport: { width: 1280, height: 860 } });
        if (view === 'photo') {
          await choose(page);
          await recognised(page);
          await page.selectOption('.saliency select >> nth=0', 'gradcam');
          await page.waitForSelector('.over canvas');
        } else if (view === 'runs' || view === 'run') {
          await page.waitForSelector(view === 'runs' ? 'table.runs' : '.tiles');
        }
        for (const width of [1280, 360]) {
          await page.setViewportSize({ width, height: 860 });
          const folder = process.env.FER_TEST_SCREENSHOTS;
          if (folder)
            await page.screenshot({ path: `${folder}/${view}-${colorScheme}-${width}.png`, fullPage: true });
          const { violations } = await page
            .evaluate(`${axe.source}; axe.run()`)
            .then((found) => found as axe.AxeResults);
          expect(
            violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`),
          ).toEqual([]);
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
          expect(wide).toBeLessThanOrEqual(0);
        }
      },
    );
  });
});
