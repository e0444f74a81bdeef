// Whether Winograd's rounding costs accuracy: the same trainings with convolutions by Winograd and by the definition.
//
//     node lab/direct.mjs data=fer2013.csv [width=16] [n_epochs=3] [seeds=3] [first=0] [limit=0] [threads=2]
//
// One row a seed, from `first` on: accuracy and loss on PublicTest after the last epoch, centre crop. The two differ in
// rounding alone, which a few hundred steps grow into another network; so their distance is to be held against that
// between seeds.
//
// Measured with today's defaults: seeds 0 and 1, Winograd 55.75 56.53 %, loss 1.168 ± 0.012; by the definition 56.12 55.56 %,
// loss 1.173 ± 0.005. They differ by 0.3 points, less than two seeds do.
// With the defaults of before (a rate of 0.01, no moving average): seeds 0 to 5, Winograd 49.01 48.06 48.51 50.35 48.23
// 49.68 %, mean 48.97 ± 0.90; by the definition 49.21 49.54 49.35 50.43 46.59 49.29 %, mean 49.07 ± 1.30.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { options } from './peers/evaluate.mjs';

const { loadDataset, prepareTraining, train } = await import('../dist/index.js');
const { WasmBackend } = await import('../dist/engine/backend/wasm.js');

const { data, width, n_epochs, seeds, first, limit, threads } = options({
  data: '',
  width: 16,
  n_epochs: 3,
  seeds: 3,
  first: 0,
  limit: 0,
  threads: 2,
});
if (data === '') throw new Error('data= is missing: fer2013.csv');

const dataset = await loadDataset(data, limit > 0 ? { limit } : {});
const runs = mkdtempSync(join(tmpdir(), 'fer-direct-'));

/** Accuracy in percent and loss after the last epoch. */
async function outcome(seed, direct) {
  const name = `${direct ? 'direct' : 'winograd'}${seed}`;
  const settings = { width, n_epochs, seed, threads, limit, eval_crops: 1, curves: false };
  const backend = await WasmBackend.create({ threads, direct });
  try {
    const { history } = await train(prepareTraining({ name, runs, data, ...settings }), { dataset, backend });
    const { valAccuracy, valLoss } = history.at(-1);
    return { accuracy: 100 * valAccuracy, loss: valLoss };
  } finally {
    await backend.close();
  }
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const deviation = (values) =>
  Math.sqrt(values.reduce((sum, value) => sum + (value - mean(values)) ** 2, 0) / (values.length - 1));
const spread = (outcomes) => {
  const accuracies = outcomes.map(({ accuracy }) => accuracy);
  const losses = outcomes.map(({ loss }) => loss);
  const [accuracy, loss] = [mean(accuracies).toFixed(2), mean(losses).toFixed(4)];
  return `${accuracy} ± ${deviation(accuracies).toFixed(2)} %, loss ${loss} ± ${deviation(losses).toFixed(4)}`;
};

const winograd = [];
const direct = [];
try {
  for (let seed = first; seed < first + seeds; seed++) {
    winograd.push(await outcome(seed, false));
    direct.push(await outcome(seed, true));
    const [fast, plain] = [winograd, direct].map((outcomes) => {
      const { accuracy, loss } = outcomes.at(-1);
      return `${accuracy.toFixed(2)} %, loss ${loss.toFixed(4)}`;
    });
    console.log(`seed ${seed}   Winograd ${fast}   by the definition ${plain}`);
  }
} finally {
  rmSync(runs, { recursive: true, force: true });
}
if (seeds > 1)
  console.log(
    `mean and deviation over ${seeds} seeds\n  Winograd ${spread(winograd)}\n  by the definition ${spread(direct)}`,
  );
