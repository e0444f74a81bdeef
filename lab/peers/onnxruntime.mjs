// ONNX Runtime as a peer: this file, started as a process of its own, answers one request a line.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { median } from '../median.mjs';
import { askLines } from './lines.mjs';
import { pythonWithTorch } from './pytorch.mjs';

const SIDE = 40;
const WARM_UP = 3;

/** The package, from this project or from the folder named by FER_ORT; it is 288 MB, so nothing installs it. */
export function loadOnnxRuntime() {
  const from = process.env.FER_ORT ? join(process.env.FER_ORT, 'index.js') : import.meta.url;
  try {
    return createRequire(from)('onnxruntime-node');
  } catch {
    throw new Error(
      'no onnxruntime-node. In any folder: npm init -y && npm install --ignore-scripts onnxruntime-node@1.30.0, and ' +
        'name that folder in FER_ORT. Nothing else of this project needs it.',
    );
  }
}

/** Writes the network of the paper with random weights to `file`, by PyTorch. */
export function exportOnnx(file) {
  loadOnnxRuntime();
  const script = fileURLToPath(new URL('../pytorch/export.py', import.meta.url));
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const { status, stderr } = spawnSync(pythonWithTorch(), [script, file], { env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`export.py failed:\n${stderr}`);
}

/**
 * Exports the network with PyTorch and starts the runtime on it. `measure({ samples, threads, steps })` resolves to
 * `{ seconds }`, the median run on a batch of that many crops, as `fer bench` gives the median.
 */
export function startOnnxRuntime() {
  const folder = mkdtempSync(join(tmpdir(), 'fer-onnx-'));
  const file = join(folder, 'vgg.onnx');
  exportOnnx(file);
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url), file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const { ask, stop } = askLines(child, 'ONNX Runtime');
  return {
    measure: ask,
    stop() {
      stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function serve(file) {
  const { InferenceSession, Tensor } = loadOnnxRuntime();
  const sessions = new Map();
  for await (const line of createInterface({ input: process.stdin })) {
    const { samples, threads, steps } = JSON.parse(line);
    if (!sessions.has(threads)) {
      const options = { intraOpNumThreads: threads, interOpNumThreads: 1 };
      sessions.set(threads, await InferenceSession.create(file, options));
    }
    const session = sessions.get(threads);
    const pixels = Float32Array.from({ length: samples * SIDE * SIDE }, (_, i) => ((i * 7919) % 256) / 255);
    const x = new Tensor('float32', pixels, [samples, 1, SIDE, SIDE]);
    for (let i = 0; i < WARM_UP; i++) await session.run({ x });
    const times = [];
    for (let i = 0; i < steps; i++) {
      const started = performance.now();
      await session.run({ x });
      times.push((performance.now() - started) / 1000);
    }
    console.log(JSON.stringify({ seconds: median(times) }));
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await serve(process.argv[2]);
