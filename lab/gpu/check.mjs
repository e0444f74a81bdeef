// Whether the GPU computes what the CPU does, without any test runner: training steps and inference of two networks,
// twice on the GPU for its bits, and against the WebAssembly backend; in 32 bits, and in mixed precision where the GPU
// has 16-bit floats. Prints one JSON object; exit code 1 if not.
//
//     node lab/gpu/check.mjs [device=gpu] [widths=8,64]
import { createBackend } from '../../dist/engine/createBackend.js';
import { trainingSteps } from '../../test/trainingSteps.mjs';

/** How far losses and logits may be apart, and the steps of the weights as a share of their size. */
const LIMITS = { fp32: { values: 1e-3, moves: 0.1 }, mixed: { values: 0.02, moves: 0.3 } };
const given = Object.fromEntries(process.argv.slice(2).map((argument) => argument.split('=')));
const { device = 'gpu', widths = '8,64' } = given;

async function on(name, width, precision = 'fp32') {
  const backend = await createBackend({ device: name, threads: 0, precision });
  try {
    const { losses, logits, moves } = await trainingSteps(backend, width);
    return { what: backend.describe(), values: [...losses, ...logits], moves };
  } finally {
    await backend.close();
  }
}

const size = (values) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0));

async function check(precision, width, cpu) {
  const { values: limit, moves: moveLimit } = LIMITS[precision];
  const [first, second] = [await on(device, width, precision), await on(device, width, precision)];
  const worst = Math.max(...cpu.values.map((value, i) => Math.abs(first.values[i] - value)));
  const moved = size(cpu.moves.map((move, i) => first.moves[i] - move)) / size(cpu.moves);
  const same = (key) => first[key].every((value, i) => Object.is(value, second[key][i]));
  const sameBits = same('values') && same('moves');
  const ok = worst < limit && moved < moveLimit && sameBits;
  return { what: first.what, precision, width, limit, worst, moveLimit, moved, sameBits, ok };
}

const checks = [];
let without;
for (const width of widths.split(',').map(Number)) {
  const cpu = await on('cpu', width);
  checks.push(await check('fp32', width, cpu));
  try {
    if (!without) checks.push(await check('mixed', width, cpu));
  } catch (error) {
    if (!/16-bit floats/.test(error.message)) throw error;
    without = error.message;
  }
}
const ok = checks.every((one) => one.ok);
console.log(JSON.stringify({ device: checks[0].what, ok, checks, ...(without ? { without } : {}) }));
process.exitCode = ok ? 0 : 1;
