// This build of the project as a peer: one `fer bench` a measurement, in a process of its own.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

// Loaded before the command line's own code: writes the highest resident size (KiB) to descriptor 3 at the
// end. Worker threads are part of the process, and load this too, so only the main thread reports.
const reporter = `data:text/javascript,${encodeURIComponent(`
  import { isMainThread } from 'node:worker_threads';
  import { writeSync } from 'node:fs';
  if (isMainThread) process.on('exit', () => writeSync(3, String(process.resourceUsage().maxRSS)));
`)}`;

/**
 * Runs `fer bench` with the given options (`{ what, bs, crops, threads, ... }`), which warms up before it
 * times, and resolves to its row `{ imagesPerSecond, seconds, ... }` plus `peakMegabytes` of the process.
 */
export async function measureFer(options) {
  if (!existsSync(cli)) throw new Error('dist/cli.js is missing: run "npm run build" first');
  const args = Object.entries({ ...options, json: true }).map(([key, value]) => `${key}=${value}`);
  const child = spawn(process.execPath, ['--import', reporter, cli, 'bench', ...args], {
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const [output, peak, code] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stdio[3]),
    new Promise((resolve, reject) => child.on('close', resolve).on('error', reject)),
  ]);
  if (code !== 0) throw new Error(`fer bench ${args.join(' ')} ended with code ${code}`);
  const [row] = JSON.parse(output);
  if (!(row?.imagesPerSecond > 0)) throw new Error(`fer bench gave no imagesPerSecond: ${output}`);
  return { ...row, peakMegabytes: Number(peak) / 1024 };
}

async function textOf(stream) {
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) text += chunk;
  return text;
}
