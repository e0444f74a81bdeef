// How long one answer takes from nothing: `fer predict one.png`, and a program that does the same with ONNX Runtime.
// Whole processes, in turns; both find their files in the system's cache.
//
//     FER_ORT=FOLDER node lab/coldstart.mjs [rounds=9] [threads=2]
//
// Lab book
//  1. Ours spends its time on starting Node and sharp, reading 120 MB of weights and compiling the kernels; the network
//     itself is less than a tenth. ONNX Runtime rewrites the graph at every start.
//  2. (Two cores of an AMD EPYC with AVX-512, Zen 5, from here on.) Half of the time was memory touched for the first time, 13 to 19 us
//     a page of 4 KB on this virtual machine: the file, its values as float32, and those in the backend. Read a piece at a time into
//     the backend, halves widened by a table. Predicted x 0.6 from the pages alone; result x 0.62, and x 0.6 of the memory.
//  3. The detector is made, and the code that draws loaded, only for pictures that need them. Predicted 120 ms less, x 0.9; result
//     x 0.88. Both together take the ratio from 1.42 to 2.14. What is left: a third is the backend's own pages, a tenth sharp.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { parseOptions } from './options.mjs';
import { exportOnnx } from './peers/onnxruntime.mjs';

const { rounds, threads } = parseOptions(process.argv.slice(2), { rounds: 9, threads: 2 });
const cli = fileURLToPath(new URL('../dist/cli.js', import.meta.url));
const peer = fileURLToPath(new URL('peers/coldOnnx.mjs', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fer-cold-'));

function timed(args) {
  const started = performance.now();
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}\n${stderr}`);
  return (performance.now() - started) / 1000;
}

try {
  const picture = join(folder, 'one.png');
  const grey = Buffer.from({ length: 48 * 48 }, () => 0).map((_, i) => (i * 7919) % 256);
  await sharp(grey, { raw: { width: 48, height: 48, channels: 1 } })
    .png()
    .toFile(picture);
  const network = join(folder, 'vgg.onnx');
  exportOnnx(network);
  // The network of the paper, hardly trained: its speed is what matters.
  timed([cli, 'train', 'data=synthetic:70', 'name=cold', 'n_epochs=1', `runs=${folder}`, 'curves=false']);
  const ours = [cli, 'predict', picture, `model=${join(folder, 'cold')}`, 'device=cpu', `threads=${threads}`];
  const theirs = [peer, network, picture, String(threads)];
  for (const args of [ours, theirs]) timed(args);
  const turns = Array.from({ length: rounds }, () => timed(theirs) / timed(ours)).sort((a, b) => a - b);
  const [least, median, most] = [turns[0], turns[rounds >> 1], turns[rounds - 1]].map((x) => x.toFixed(2));
  console.log(`one picture, cold, over ONNX Runtime: ${median} (${least} to ${most})`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
