import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { optional } from './optional.ts';
import { ran } from './ran.ts';
import { trainingSteps } from './trainingSteps.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const CHROMIUM = process.env.FER_CHROMIUM || '/usr/bin/chromium';
const hasBrowser = optional(
  'webgpu in a browser',
  existsSync(CHROMIUM),
  `no ${CHROMIUM}: install the Debian package chromium, or name a Chromium in FER_CHROMIUM`,
);

interface InPage {
  readonly device: string;
  readonly losses: number[];
  readonly logits: number[];
}

// Text, as the names of the imports mean something to the page only.
const IN_PAGE = `(async () => {
  const { WebGpuBackend } = await import('/dist/engine/backend/webgpu.js');
  const { trainingSteps } = await import('/test/trainingSteps.mjs');
  const backend = await WebGpuBackend.create({ software: true });
  const device = backend.describe();
  const { losses, logits } = await trainingSteps(backend);
  await backend.close();
  return { device, losses, logits: [...logits] };
})()`;

/** The built engine as it is: a browser takes its modules one by one. */
async function serve(): Promise<Server> {
  const types: Record<string, string> = { '.mjs': 'text/javascript', '.js': 'text/javascript' };
  const server = createServer(async ({ url = '/' }, response) => {
    const path = normalize(new URL(url, 'http://here').pathname);
    const type = types[path.slice(path.lastIndexOf('.'))];
    if (path === '/') return response.setHeader('content-type', 'text/html').end('<!doctype html>');
    if (!type || !/^\/(dist|test)\//.test(path)) return response.writeHead(404).end();
    try {
      response.setHeader('content-type', type).end(await readFile(join(root, path)));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

describe.runIf(hasBrowser)('the GPU of a browser', () => {
  let server: Server;
  let browser: Browser;
  beforeAll(async () => {
    server = await serve();
    const software = [
      '--enable-unsafe-webgpu',
      '--use-webgpu-adapter=swiftshader',
      '--enable-unsafe-swiftshader',
    ];
    browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox', ...software] });
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  test('trains and infers there as on the CPU', { timeout: 300_000 }, async () => {
    const cpu = await WasmBackend.create({ threads: 2 });
    const expected = await trainingSteps(cpu);
    await cpu.close();

    const page = await browser.newPage();
    const problems: string[] = [];
    page.on('pageerror', ({ message }) => problems.push(message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    const found = await page.evaluate<InPage>(IN_PAGE);
    expect(problems).toEqual([]);
    ran(`webgpu in Chromium: ${found.device}`);
    expect(found.device).toMatch(/^GPU, WebGPU, /);
    const far = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
      Math.max(...Array.from(b, (value, i) => Math.abs(a[i] - value)));
    expect(found.losses).toHaveLength(expected.losses.length);
    expect(found.logits).toHaveLength(expected.logits.length);
    expect(far(found.losses, expected.losses)).toBeLessThan(1e-3);
    expect(far(found.logits, expected.logits)).toBeLessThan(1e-3);
    expect(Math.max(...found.logits.map(Math.abs))).toBeGreaterThan(0.01);
  });
});
