// What the scripts share: where the repository is, and how one of its own tools is run without a shell.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const require = createRequire(import.meta.url);

/** Path of the JavaScript file behind the command `name` of the installed package `pkg`. */
export function binOf(pkg, name) {
  let manifest;
  try {
    manifest = require.resolve(`${pkg}/package.json`);
  } catch {
    throw new Error(
      `${pkg} is not installed: it is a development dependency; run "npm ci" without --omit=dev`,
    );
  }
  const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
  return join(dirname(manifest), typeof bin === 'string' ? bin : bin[name]);
}

/**
 * Runs a JavaScript file with this Node in the repository's root, its output kept back.
 * Returns `{ code, output }`; a process ended by a signal counts as code 1.
 */
export function runNode(file, args = []) {
  const done = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (done.error) throw done.error;
  return { code: done.status ?? 1, output: done.stdout + done.stderr };
}
