// Whether the GPU computes what the CPU does, without any test runner: training steps and inference of two networks,
// twice on the GPU for its bits, and against the WebAssembly backend. Prints one JSON object; exit code 1 if not.
//
//     node lab/gpu/check.mjs [device=gpu] [widths=8,64]
import { createBackend } from '../../dist/engine/createBackend.js';
import { trainingSteps } from '../../test/trainingSteps.mjs';

const LIMIT = 1e-3;
const given = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split('=')));
const { device = 'gpu', widths = '8,64' } = given;

async function on(name, width) {
  const backend = await createBackend({ device: name, threads: 0 });
  const { losses, logits } = await trainingSteps(backend, width);
  const what = backend.describe();
  await backend.close();
  return { what, values: [...losses, ...logits] };
}

let ok = true;
const checks = [];
let what = '';
for (const width of widths.split(',').map(Number)) {
  const [first, second, cpu] = [await on(device, width), await on(device, width), await on('cpu', width)];
  what = first.what;
  const worst = Math.max(...cpu.values.map((value, i) => Math.abs(first.values[i] - value)));
  const sameBits = first.values.every((value, i) => Object.is(value, second.values[i]));
  ok &&= worst < LIMIT && sameBits;
  checks.push({ width, worst, sameBits });
}
console.log(JSON.stringify({ device: what, ok, limit: LIMIT, checks }));
process.exitCode = ok ? 0 : 1;
