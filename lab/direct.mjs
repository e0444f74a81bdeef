// Whether Winograd's rounding costs accuracy: the same trainings with convolutions by Winograd and by the definition.
//
//     node lab/direct.mjs data=fer2013.csv [width=16] [n_epochs=3] [seeds=3] [limit=0] [threads=2]
//
// One row a seed: accuracy on PublicTest after the last epoch, centre crop. The two differ in rounding alone, which a few
// hundred steps grow into another network; so their distance is to be held against that between seeds.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { options } from './peers/evaluate.mjs';

const { loadDataset, prepareTraining, train } = await import('../dist/index.js');
const { WasmBackend } = await import('../dist/engine/backend/wasm.js');

const { data, width, n_epochs, seeds, limit, threads } = options({
  data: '',
  width: 16,
  n_epochs: 3,
  seeds: 3,
  limit: 0,
  threads: 2,
});
if (data === '') throw new Error('data= is missing: fer2013.csv');

const dataset = await loadDataset(data, limit > 0 ? { limit } : {});
const runs = mkdtempSync(join(tmpdir(), 'fer-direct-'));

/** Accuracy after the last epoch. */
async function accuracy(seed, direct) {
  const name = `${direct ? 'direct' : 'winograd'}${seed}`;
  const settings = { width, n_epochs, seed, threads, limit, eval_crops: 1, curves: false };
  const backend = await WasmBackend.create({ threads, direct });
  try {
    const { history } = await train(prepareTraining({ name, runs, data, ...settings }), { dataset, backend });
    return 100 * history.at(-1).valAccuracy;
  } finally {
    await backend.close();
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
const spread = (values) => `${mean(values).toFixed(2)} ± ${deviation(values).toFixed(2)} %`;

const winograd = [];
const direct = [];
try {
  for (let seed = 0; seed < seeds; seed++) {
    winograd.push(await accuracy(seed, false));
    direct.push(await accuracy(seed, true));
    const [fast, plain] = [winograd.at(-1), direct.at(-1)].map((value) => `${value.toFixed(2)} %`);
    console.log(`seed ${seed}   Winograd ${fast}   by the definition ${plain}`);
  }
} finally {
  rmSync(runs, { recursive: true, force: true });
}
console.log(
  `mean and deviation over ${seeds} seeds: Winograd ${spread(winograd)}, by the definition ${spread(direct)}`,
);
