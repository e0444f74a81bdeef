import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadRecognizer, type RecognizedFace } from '../src/index.ts';
import { hasChromium, openPlainChromium } from './chromium.ts';
import { start } from './process.ts';
import { FACES_IN_PHOTO, smallPhoto, type TinyModel, tinyModel } from './tinyModel.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PATIENCE = 120_000;

let tiny: TinyModel;
let faces: RecognizedFace[];

/** An example's folder as it is in a project of its own, with fer installed. */
function project(name: string): string {
  const folder = tiny.at(name);
  rmSync(folder, { recursive: true, force: true });
  cpSync(join(ROOT, 'examples', name), folder, { recursive: true });
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(ROOT, join(folder, 'node_modules/fer'));
  return folder;
}

beforeAll(async () => {
  tiny = await tinyModel();
  writeFileSync(tiny.at('photo.jpg'), await smallPhoto());
  const fer = await loadRecognizer({ model: tiny.model, threads: 1 });
  faces = await fer.recognize(tiny.at('photo.jpg'));
  await fer.close();
}, PATIENCE);

test('node: says what is in a photo', async () => {
  const program = join(project('node'), 'recognize.mjs');
  process.env.FER_MODEL = tiny.model;
  const { code, stdout, stderr } = await start(process.execPath, [program, tiny.at('photo.jpg')]).ended;
  delete process.env.FER_MODEL;
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const [head, ...lines] = stdout.trimEnd().split('\n');
  expect(head).toBe(`${tiny.at('photo.jpg')}: ${FACES_IN_PHOTO} faces`);
  expect(lines).toHaveLength(FACES_IN_PHOTO);
  lines.forEach((line, i) => {
    expect(line).toMatch(new RegExp(`^  ${faces[i].label} \\d+ % at \\d+, \\d+; looked most at row`));
  });
});

describe.runIf(hasChromium())('in a browser', { timeout: PATIENCE }, () => {
  const TYPES: Record<string, string> = {
    '.html': 'text/html',
    '.js': 'text/javascript',
    '.wasm': 'application/wasm',
  };
  const servers: Server[] = [];
  afterAll(() => {
    for (const server of servers) server.close();
  });

  /** A server as anybody has one: files of a folder. */
  async function serve(folder: string, headers: Record<string, string> = {}): Promise<string> {
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url ?? '/', 'http://here');
      const file = join(folder, pathname === '/' ? 'index.html' : pathname);
      try {
        const content = readFileSync(file);
        response.writeHead(200, {
          'content-type': TYPES[extname(file)] ?? 'application/octet-stream',
          ...headers,
        });
        response.end(content);
      } catch {
        response.writeHead(404).end();
      }
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(server.address() as { port: number }).port}/`;
  }

  /** Opens an example, gives it the photo, and returns its answers and what they were computed on. */
  async function answers(url: string): Promise<{ lines: string[]; device: string }> {
    const browser = await openPlainChromium();
    try {
      const page = await browser.newPage();
      page.on('pageerror', (error) => {
        throw error;
      });
      await page.goto(url);
      await page.waitForSelector('p:has-text("CPU")', { timeout: PATIENCE / 2 });
      await page.setInputFiles('input', tiny.at('photo.jpg'));
      await page.waitForSelector('li', { timeout: PATIENCE / 2 });
      return {
        lines: await page.$$eval('li', (all) => all.map((one) => one.textContent ?? '')),
        device: (await page.textContent('p')) ?? '',
      };
    } finally {
      await browser.close();
    }
  }

  /** Decoders of JPEG may differ in a bit, which these scores do not show. */
  const expectRight = (lines: string[]): void => {
    expect(lines).toHaveLength(FACES_IN_PHOTO);
    for (const [i, line] of lines.entries()) {
      const [, label, percent] = /^(\w+) ([\d.]+) %$/.exec(line) ?? [];
      expect(label).toBe(faces[i].label);
      expect(Math.abs(Number(percent) - 100 * faces[i].scores[label])).toBeLessThan(1);
    }
  };

  test('html: without a bundler, and on a page that is not isolated, on one thread', async () => {
    const folder = project('html');
    cpSync(join(ROOT, 'dist/browser'), join(folder, 'fer'), { recursive: true });
    cpSync(tiny.model, join(folder, 'model'), { recursive: true });
    const { lines, device } = await answers(await serve(folder));
    expectRight(lines);
    expect(device).toMatch(/1 thread$/);
  });

  test('vite: its development server, which finds what lies outside of the folder', async () => {
    const folder = project('vite');
    cpSync(tiny.model, join(folder, 'public/model'), { recursive: true });
    const { createServer: createVite } = await import('vite');
    const server = await createVite({
      root: folder,
      logLevel: 'error',
      server: { port: 0, host: '127.0.0.1' },
    });
    try {
      await server.listen();
      const { lines, device } = await answers(server.resolvedUrls?.local[0] ?? '');
      expectRight(lines);
      expect(device).not.toMatch(/ 1 thread$/);
    } finally {
      await server.close();
    }
  });

  test('vite: bundled, on all threads', async () => {
    const folder = project('vite');
    cpSync(tiny.model, join(folder, 'public/model'), { recursive: true });
    const { build } = await import('vite');
    await build({ root: folder, logLevel: 'error' });
    const headers = {
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-embedder-policy': 'require-corp',
    };
    const { lines, device } = await answers(await serve(join(folder, 'dist'), headers));
    expectRight(lines);
    expect(device).not.toMatch(/ 1 thread$/);
  });
});
