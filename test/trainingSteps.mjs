// A few training steps and the logits after them, on any backend, in Node and in a page alike: made from the
// built engine, with nothing but what a browser has.
import { AUGMENTATIONS } from '../dist/engine/augment.js';
import { uploadData } from '../dist/engine/deviceData.js';
import { Parameters } from '../dist/engine/parameters.js';
import { bits } from '../dist/engine/random.js';
import { Inference } from '../dist/evaluate/inference.js';
import { buildNetwork } from '../dist/nn/networks.js';
import { createOptimizer } from '../dist/optim/optimizers.js';
import { Stepper } from '../dist/train/stepper.js';

const COUNT = 8;
const STEPS = 3;
const LABELS = 7;
const NESTEROV = { optimizer: 'sgd_nesterov', momentum: 0.9, weight_decay: 1e-4, no_decay: [], ema: 0 };

/** Losses of the steps, logits [COUNT, LABELS] after them and how far the weights have come, from seeded images. */
export async function trainingSteps(backend, width = 8) {
  const graph = buildNetwork('vgg', { width, drop: 0.2, classes: LABELS });
  const parameters = new Parameters(graph);
  const { values, statistics } = parameters.initial(0);
  backend.write(parameters.values, values);
  backend.write(parameters.statistics, statistics);
  const images = Uint8Array.from({ length: COUNT * 48 * 48 }, (_, i) => bits(1, i));
  const targets = Uint8Array.from({ length: COUNT }, (_, i) => i % LABELS);
  const data = uploadData(backend, { images, targets, size: 48 });
  const optimizer = createOptimizer(parameters, NESTEROV);
  const stepper = new Stepper(backend, graph, parameters, data, optimizer, COUNT, {
    inputSize: 40,
    crops: 1,
    augment: true,
    augmentations: AUGMENTATIONS,
    label_smoothing: 0,
    sam: 0,
    mixup: 0,
    cutmix: 0,
    seed: 5,
  });
  const order = Int32Array.from({ length: COUNT }, (_, i) => COUNT - 1 - i);
  stepper.setOrder(order);
  const losses = [];
  for (let step = 0; step < STEPS; step++) {
    stepper.setTotals({ loss: 0, correct: 0, samples: 0 });
    stepper.run({ epoch: 0, start: 0, count: COUNT, step, optimizerStep: step, lr: 1e-3 });
    losses.push((await stepper.totals()).loss / COUNT);
  }
  const inference = new Inference(backend, graph, parameters, data, {
    crops: 1,
    batch: COUNT,
    capacity: COUNT,
    fixedWeights: true,
  });
  const after = await backend.read(parameters.values);
  const moves = Array.from(values, (value, i) => after[i] - value);
  return { losses, logits: await inference.run(order), moves };
}
