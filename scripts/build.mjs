// `npm run build` (and `npm ci`, through `prepare`): TypeScript to dist/, kernels to build/kernels/, the
// charts' font to build/fonts/, and what runs in browsers to dist/browser/ and dist/web/.
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { buildBrowser } from './browser.mjs';
import { buildFonts } from './fonts.mjs';
import { buildKernels } from './kernels.mjs';
import { binOf, root, runNode } from './run.mjs';

const dist = join(root, 'dist');
/** Bundles, which replace themselves. */
const BUNDLED = /^(browser|web)[\\/]/;

/**
 * Removes what has no source any more. The rest is overwritten in place instead of deleted first, so that
 * a program already running from dist/ still finds its files.
 */
function prune() {
  if (!existsSync(dist)) return;
  for (const entry of readdirSync(dist, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    if (BUNDLED.test(relative(dist, file))) continue;
    const stem = relative(dist, file).replace(/(\.d\.ts|\.js)(\.map)?$/, '');
    if (!existsSync(join(root, 'src', `${stem}.ts`)) || stem.endsWith('.test')) rmSync(file);
  }
}

function compileTypeScript() {
  const { code, output } = runNode(binOf('typescript', 'tsc'), ['-p', 'tsconfig.json']);
  if (code !== 0) throw new Error(`tsc failed with code ${code}\n${output}`);
  const cli = join(dist, 'cli.js');
  if (existsSync(cli)) chmodSync(cli, 0o755);
}

const started = performance.now();
try {
  prune();
  compileTypeScript();
  const fonts = buildFonts();
  const kernels = await buildKernels();
  const browser = await buildBrowser();
  console.log(
    `built in ${((performance.now() - started) / 1000).toFixed(1)} s: dist/, ${kernels}, ${fonts}, ${browser}`,
  );
} catch (error) {
  console.error(`build failed: ${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
}
