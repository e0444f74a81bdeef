// A training of its own process, for tests that kill it: `node trainProcess.mjs SETTINGS SAVE_SECONDS`.
// Prints a line a step and a line an epoch.
import { createBackend, loadDataset, prepareTraining, train } from '../dist/index.js';

const [settings, saveSeconds] = process.argv.slice(2).map((argument) => JSON.parse(argument));
const config = prepareTraining(settings);
const dataset = await loadDataset(config.data, { limit: config.limit || undefined });
const backend = await createBackend(config);
const listener = {
  onStep: ({ step }) => process.stdout.write(`step ${step}\n`),
  onEpoch: ({ epoch }) => process.stdout.write(`epoch ${epoch}\n`),
};
await train(config, { dataset, backend, listener, saveSeconds });
await backend.close();
