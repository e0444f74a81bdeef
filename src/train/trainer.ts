import type { TrainConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import type { Backend } from '../engine/backend.ts';
import { uploadData } from '../engine/deviceData.ts';
import type { Graph } from '../engine/graph.ts';
import type { Parameters } from '../engine/parameters.ts';
import { keyOf, permutation, STREAMS } from '../engine/random.ts';
import { FerError } from '../errors.ts';
import { Inference } from '../evaluate/inference.ts';
import { computeMetrics } from '../evaluate/metrics.ts';
import type { Safetensors, StoredTensor } from '../io/safetensors.ts';
import { loadWeights, stored } from '../nn/model.ts';
import { createOptimizer, type Optimizer } from '../optim/optimizers.ts';
import { learningRate } from '../optim/schedules.ts';
import type { EpochRow } from './history.ts';
import type { RunProgress } from './runFolder.ts';
import { Stepper } from './stepper.ts';

/** Samples of a validation step: enough to fill the threads, few enough to fit beside training. */
const VALIDATION_SAMPLES = 160;

export interface TrainerListener {
  /** After every step of an epoch. */
  onStep?(progress: RunProgress, images: number): void;
  onValidate?(done: number, images: number): void;
}

/** Trains one network on one dataset, step by step, with all its state open to be saved and restored. */
export class Trainer {
  readonly #config: TrainConfig;
  readonly #dataset: Dataset;
  readonly #backend: Backend;
  readonly #parameters: Parameters;
  readonly #optimizer: Optimizer;
  readonly #stepper: Stepper;
  readonly #validation: Inference;
  readonly #train: Int32Array;
  readonly #val: Int32Array;
  #progress: RunProgress = {
    epoch: 0,
    start: 0,
    step: 0,
    totals: { loss: 0, correct: 0, samples: 0 },
    seconds: 0,
    history: [],
  };

  /** @throws FerError if a split that is needed has no images */
  constructor(
    config: TrainConfig,
    dataset: Dataset,
    backend: Backend,
    { graph, parameters, inputSize }: { graph: Graph; parameters: Parameters; inputSize: number },
  ) {
    this.#config = config;
    this.#dataset = dataset;
    this.#backend = backend;
    this.#parameters = parameters;
    this.#train = imagesOf(dataset, config.train);
    this.#val = imagesOf(dataset, [config.val]);
    this.#optimizer = createOptimizer(parameters, config);
    const data = uploadData(backend, dataset);
    this.#stepper = new Stepper(backend, graph, parameters, data, this.#optimizer, this.#train.length, {
      inputSize,
      crops: config.crops,
      augment: config.augment,
      label_smoothing: config.label_smoothing,
      seed: config.seed,
    });
    this.#validation = new Inference(backend, graph, parameters, data, {
      crops: config.eval_crops,
      batch: Math.max(1, Math.floor(VALIDATION_SAMPLES / config.eval_crops)),
      capacity: this.#val.length,
    });
    const { values, statistics } = parameters.initial(config.seed);
    backend.write(parameters.values, values);
    backend.write(parameters.statistics, statistics);
  }

  get progress(): RunProgress {
    return this.#progress;
  }

  /** Images of an epoch. */
  get epochImages(): number {
    return this.#train.length;
  }

  /** Continues from a checkpoint, or from weights alone with a fresh optimizer. */
  restore(weights: Safetensors, file: string, progress: RunProgress, optimizer?: Safetensors): void {
    loadWeights(this.#backend, this.#parameters, weights, file);
    for (const [name, view] of optimizer ? this.#optimizer.state : []) {
      const found = optimizer?.tensors[name];
      if (!found || found.shape.join() !== view.shape.join()) {
        throw new FerError(
          `${file}: its optimizer state has no "${name}" of [${view.shape}]: it is of another optimizer`,
        );
      }
      this.#backend.write(view, found.data as Float32Array);
    }
    this.#progress = progress;
  }

  /** The optimizer's memory, ready for a file. */
  async optimizerState(): Promise<Record<string, StoredTensor>> {
    const tensors: Record<string, StoredTensor> = {};
    for (const [name, view] of this.#optimizer.state) {
      tensors[name] = stored(view.shape, await this.#backend.read(view));
    }
    return tensors;
  }

  /**
   * Trains to the end of the epoch under way, from wherever it stands.
   *
   * @param pause asked after each step; where it says true the epoch stays open and false is returned
   * @throws FerError if the loss is not finite
   */
  async trainEpoch(listener: TrainerListener, pause: () => boolean | Promise<boolean>): Promise<boolean> {
    const { epoch } = this.#progress;
    const lr = this.learningRate();
    const order = permutation(keyOf(this.#config.seed, STREAMS.shuffle, epoch), this.#train.length);
    this.#stepper.setOrder(order.map((position) => this.#train[position]));
    this.#stepper.setLearningRate(lr);
    this.#stepper.setTotals(this.#progress.totals);
    while (this.#progress.start < this.#train.length) {
      const { start, step, seconds } = this.#progress;
      const count = Math.min(this.#config.bs, this.#train.length - start);
      const started = performance.now();
      this.#stepper.run({ epoch, start, count, step });
      const totals = await this.#stepper.totals();
      if (!Number.isFinite(totals.loss)) throw diverged(epoch, step, lr);
      this.#progress = {
        ...this.#progress,
        start: start + count,
        step: step + 1,
        totals,
        seconds: seconds + (performance.now() - started) / 1000,
      };
      listener.onStep?.(this.#progress, this.#train.length);
      if (this.#progress.start < this.#train.length && (await pause())) return false;
    }
    return true;
  }

  /** Validates after a whole epoch, adds its row to the history and opens the next epoch. */
  async endEpoch(listener: TrainerListener): Promise<EpochRow> {
    const { epoch, totals, seconds, history } = this.#progress;
    const lr = this.learningRate();
    const started = performance.now();
    const logits = await this.#validation.run(this.#val, (done) =>
      listener.onValidate?.(done, this.#val.length),
    );
    if (!logits.every(Number.isFinite)) throw diverged(epoch, this.#progress.step, lr);
    const targets = this.#val.map((index) => this.#dataset.targets[index]);
    const { accuracy, loss } = computeMetrics(logits, targets, this.#dataset.labels);
    const row: EpochRow = {
      epoch: epoch + 1,
      lr,
      trainLoss: totals.loss / totals.samples,
      trainAccuracy: totals.correct / totals.samples,
      valLoss: loss,
      valAccuracy: accuracy,
      seconds: seconds + (performance.now() - started) / 1000,
      imagesPerSecond: this.#train.length / seconds,
    };
    this.#progress = {
      ...this.#progress,
      epoch: epoch + 1,
      start: 0,
      totals: { loss: 0, correct: 0, samples: 0 },
      seconds: 0,
      history: [...history, row],
    };
    return row;
  }

  /** The rate of the epoch under way. */
  learningRate(): number {
    return learningRate(
      this.#config,
      this.#progress.history.map(({ valAccuracy }) => valAccuracy),
    );
  }
}

function imagesOf({ splits, source, targets }: Dataset, names: TrainConfig['train']): Int32Array {
  for (const name of names) {
    if (splits[name].length === 0) {
      const there = Object.entries(splits).map(([split, { length }]) => `${split} ${length}`);
      throw new FerError(
        `${source} has no image in ${name} (${there.join(', ')}): choose other splits with train= and val=`,
      );
    }
  }
  // In the dataset's own order, whatever the order of the names.
  const chosen = new Uint8Array(targets.length);
  for (const name of names) for (const index of splits[name]) chosen[index] = 1;
  return Int32Array.from(chosen.keys()).filter((index) => chosen[index] === 1);
}

function diverged(epoch: number, step: number, lr: number): FerError {
  return new FerError(
    `the loss is no longer a finite number in epoch ${epoch + 1}, step ${step + 1}: training diverged at lr=${lr}. ` +
      'The last checkpoint is kept; start again with a lower lr (a third), or go on from it with resume=true lr=...',
  );
}
