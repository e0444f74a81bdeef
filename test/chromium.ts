import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { optional } from './optional.ts';

/** Debian's; nothing is downloaded. */
const PATH = process.env.FER_CHROMIUM ?? '/usr/bin/chromium';

/** Whether tests in a browser can run here. */
export function hasChromium(): boolean {
  return optional(
    'chromium',
    existsSync(PATH),
    `no ${PATH}; on Debian: apt-get install chromium, elsewhere name it in FER_CHROMIUM`,
  );
}

/** A browser without a window, its WebGL in software. */
export function openChromium(...args: string[]): Promise<Browser> {
  return openPlainChromium('--use-angle=swiftshader', '--enable-unsafe-swiftshader', ...args);
}

/** A browser without a window and without WebGL: software that imitates a GPU would take the time of the page. */
export function openPlainChromium(...args: string[]): Promise<Browser> {
  // The sandbox needs rights that a container's root does not have; the pages are our own.
  return chromium.launch({ executablePath: PATH, headless: true, args: ['--no-sandbox', ...args] });
}
