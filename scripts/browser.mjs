// Bundles what runs in browsers: dist/browser/, the library `fer/browser` with its worker, kernels and face
// models; and dist/web/, the page of `fer serve`.
import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { root } from './run.mjs';

const library = join(root, 'dist/browser');
const page = join(root, 'dist/web');

/** Where the library's entries lie, by the names of their bundles. */
const entries = {
  'index.js': join(root, 'src/browser.ts'),
  'worker.js': join(root, 'src/recognize/browserThread.ts'),
};

/**
 * Puts files that the source refers to by `new URL('...', import.meta.url)` beside the bundle and keeps that
 * form, which every bundler understands, and a page without one as well.
 */
function filesBeside(folder, files) {
  return {
    name: 'files-beside',
    transform(code, id) {
      if (!code.includes('import.meta.url')) return null;
      return code.replace(/new URL\(\s*'([^']+)',\s*import\.meta\.url,?\s*\)/g, (_, path) => {
        const file = resolve(dirname(id), path);
        const entry = Object.keys(entries).find((name) => entries[name] === file);
        const name = entry ?? basename(file);
        if (!entry) files.set(file, join(folder, name));
        return `new URL('./${name}', import.meta.url)`;
      });
    },
  };
}

async function bundleLibrary() {
  const { rolldown } = await import('rolldown');
  const files = new Map();
  rmSync(library, { recursive: true, force: true });
  mkdirSync(library, { recursive: true });
  for (const [name, input] of Object.entries(entries)) {
    const bundle = await rolldown({
      input,
      platform: 'browser',
      plugins: [filesBeside(library, files)],
      onLog(level, log) {
        if (level === 'warn') throw new Error(`${name}: ${log.message}`);
      },
    });
    await bundle.write({ file: join(library, name), format: 'esm', codeSplitting: false });
    await bundle.close();
  }
  for (const [from, to] of files) copyFileSync(from, to);
}

async function bundlePage() {
  const { build } = await import('vite');
  await build({
    configFile: false,
    root: join(root, 'src/web'),
    base: './',
    logLevel: 'warn',
    build: {
      outDir: page,
      emptyOutDir: true,
      target: 'es2022',
      // A data: address is no file that a policy could name, and cannot be cached.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    worker: { format: 'es' },
  });
}

/** Builds both and returns a line on what was made. The kernels must be there. */
export async function buildBrowser() {
  await bundleLibrary();
  await bundlePage();
  const size = (folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.map'))
      .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
  const kib = (folder) => `${Math.round(size(folder) / 1024).toLocaleString('en-US')} KiB`;
  return `browser library ${kib(library)}, page ${kib(page)}`;
}
