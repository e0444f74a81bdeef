import type { TrainConfig } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import { imagesOf } from '../data/images.ts';
import type { Backend } from '../engine/backend.ts';
import { type DeviceData, uploadData } from '../engine/deviceData.ts';
import type { Graph } from '../engine/graph.ts';
import type { Parameters } from '../engine/parameters.ts';
import { drawIndex, keyOf, STREAMS, uniform } from '../engine/random.ts';
import type { Tensor } from '../engine/tensor.ts';
import { Diverged, FerError } from '../errors.ts';
import { facesPerStep, Inference } from '../evaluate/inference.ts';
import { computeMetrics } from '../evaluate/metrics.ts';
import type { Safetensors, StoredTensor } from '../io/safetensors.ts';
import { type LoadedModel, loadWeights, readWeights, stored } from '../nn/model.ts';
import { createOptimizer, type Optimizer } from '../optim/optimizers.ts';
import { learningRate } from '../optim/schedules.ts';
import { epochOrder } from './epochOrder.ts';
import { bestRow, type EpochRow } from './history.ts';
import type { RunProgress } from './runFolder.ts';
import { Stepper, type Totals } from './stepper.ts';

/** Samples of a validation step: enough to fill the threads, or a GPU, and few enough to fit beside training. */
const VALIDATION_SAMPLES = 160;
const VALIDATION_SAMPLES_AHEAD = 640;

export interface TrainerListener {
  /** After every step of an epoch. */
  onStep?(progress: RunProgress, images: number): void;
  onValidate?(done: number, images: number): void;
}

/**
 * Asked between steps: true stops the training there. A backend that works beside the host may be further
 * than `progress` then; `settle` waits for it, so that weights and progress belong together.
 */
export type Pause = (settle: () => Promise<void>) => Promise<boolean>;

/** A step that was handed to the backend and not yet heard of. */
interface Submitted {
  readonly count: number;
  readonly totals: Promise<Totals>;
}

/** Trains one network on one dataset, step by step, with all its state open to be saved and restored. */
export class Trainer {
  readonly #config: TrainConfig;
  readonly #dataset: Dataset;
  readonly #backend: Backend;
  readonly #parameters: Parameters;
  readonly #optimizer: Optimizer;
  /** What is validated and kept: an average where the optimizer keeps one, else the parameters themselves. */
  readonly #model: Parameters;
  readonly #stepper: Stepper;
  readonly #data: DeviceData;
  #submitted: Submitted[] = [];
  /** The first image of the next step to be submitted. */
  #next = 0;
  /** When the steps' time was last counted. */
  #clock = 0;
  /** None with `val=none`. */
  readonly #validation: Inference | undefined;
  readonly #train: Int32Array;
  readonly #val: Int32Array;
  #progress: RunProgress = {
    epoch: 0,
    start: 0,
    step: 0,
    optimizerStep: 0,
    totals: { loss: 0, correct: 0, samples: 0 },
    seconds: 0,
    history: [],
    best: null,
  };

  /**
   * @param teachers their weights are in the same backend
   * @throws FerError if a split that is needed has no images
   */
  constructor(
    config: TrainConfig,
    dataset: Dataset,
    backend: Backend,
    { graph, parameters, inputSize }: { graph: Graph; parameters: Parameters; inputSize: number },
    teachers: readonly LoadedModel[] = [],
  ) {
    this.#config = config;
    this.#dataset = dataset;
    this.#backend = backend;
    this.#parameters = parameters;
    this.#train = imagesOf(dataset, config.train);
    this.#val = config.val === 'none' ? new Int32Array() : imagesOf(dataset, [config.val]);
    this.#optimizer = createOptimizer(parameters, config);
    this.#model = this.#optimizer.averaged ?? parameters;
    const data = uploadData(backend, dataset);
    this.#data = data;
    this.#stepper = new Stepper(backend, graph, parameters, data, this.#optimizer, this.#train.length, {
      inputSize,
      crops: config.crops,
      augment: config.augment,
      augmentations: config.augmentations,
      label_smoothing: config.label_smoothing,
      sam: config.sam,
      mixup: config.mixup,
      cutmix: config.cutmix,
      seed: config.seed,
      teaching: { teachers, share: config.teacher_share, temperature: config.teacher_temperature },
    });
    const samples = backend.ahead ? VALIDATION_SAMPLES_AHEAD : VALIDATION_SAMPLES;
    const batch = facesPerStep(samples, config.eval_crops);
    const inference = { crops: config.eval_crops, batch, capacity: this.#val.length, fixedWeights: false };
    this.#validation =
      config.val === 'none' ? undefined : new Inference(backend, graph, this.#model, data, inference);
    // All programs now: a backend that cannot run them says so before anything is written, and sizes its
    // memory once for all.
    for (const count of stepSizes(this.#train.length, config.bs)) this.#stepper.program(count);
    for (const count of stepSizes(this.#val.length, batch)) this.#validation?.program(count);
    const { values, statistics } = parameters.initial(config.seed);
    for (const each of new Set([parameters, this.#model])) {
      backend.write(each.values, values);
      backend.write(each.statistics, statistics);
    }
  }

  get progress(): RunProgress {
    return this.#progress;
  }

  /** Images of an epoch. */
  get epochImages(): number {
    return this.#train.length;
  }

  /**
   * Continues from a checkpoint, or from weights alone with a fresh optimizer.
   *
   * @param folder of the checkpoint, for messages
   * @throws FerError if something is of another network or optimizer
   */
  restore(weights: Safetensors, folder: string, progress: RunProgress, memory?: Safetensors): void {
    for (const [name, view] of memory ? this.#memory : []) {
      const found = memory?.tensors[name];
      if (!found || found.shape.join() !== view.shape.join() || !/^F\d+$/.test(found.dtype)) {
        throw new FerError(
          `the optimizer's state in ${folder} has no "${name}" of [${view.shape}]: it is of another network or optimizer`,
        );
      }
    }
    if (progress.start > this.#train.length) {
      throw new FerError(
        `${folder} is at image ${progress.start} of an epoch of ${this.#train.length}: its state is of other data`,
      );
    }
    for (const each of new Set([this.#model, this.#parameters])) {
      loadWeights(this.#backend, each, weights, folder);
    }
    for (const [name, view] of memory ? this.#memory : []) {
      this.#backend.write(view, memory?.tensors[name].data as Float32Array);
    }
    this.#progress = progress;
  }

  /** The weights that validation sees, ready for a file. */
  weights(): Promise<Record<string, StoredTensor>> {
    return readWeights(this.#backend, this.#model);
  }

  /** What the next step needs beside the weights, ready for a file. */
  async memory(): Promise<Record<string, StoredTensor>> {
    const tensors: Record<string, StoredTensor> = {};
    for (const [name, view] of this.#memory) {
      tensors[name] = stored(view.shape, await this.#backend.read(view));
    }
    return tensors;
  }

  /** The optimizer's memory; and the parameters under training, where an average is kept in their place. */
  get #memory(): ReadonlyMap<string, Tensor> {
    const { state, averaged } = this.#optimizer;
    if (!averaged) return state;
    const { values, statistics } = this.#parameters;
    return new Map([...state, ['parameters', values], ['statistics', statistics]]);
  }

  /** What is told when values that are not finite turn up. */
  diverged(): Diverged {
    const { epoch, step } = this.#progress;
    const { lr } = this.#config;
    const rate = this.learningRate();
    const at = rate === lr ? `lr=${lr}` : `a rate of ${Number(rate.toPrecision(3))} (lr=${lr})`;
    return new Diverged(
      `training diverged: values are no longer finite in epoch ${epoch + 1} after step ${step}, at ${at}. ` +
        'What was saved before is kept: go on from it with resume=true and a lower lr=, ' +
        `or start again with lr=${Number((lr / 3).toPrecision(1))} and overwrite=true`,
    );
  }

  /**
   * Trains to the end of the epoch under way, from wherever it stands.
   *
   * @param pause asked after each step; where it says true the epoch stays open and false is returned
   * @throws FerError if the loss is not finite
   */
  async trainEpoch(listener: TrainerListener, pause: Pause): Promise<boolean> {
    const { epoch } = this.#progress;
    const { seed, class_balance } = this.#config;
    const key = keyOf(seed, STREAMS.shuffle, epoch);
    this.#stepper.setOrder(epochOrder(this.#train, this.#dataset.targets, class_balance, key));
    this.#stepper.setTotals(this.#progress.totals);
    this.#drawLabels(epoch);
    const ahead = this.#backend.ahead ?? 0;
    this.#submitted = [];
    this.#next = this.#progress.start;
    this.#clock = performance.now();
    const settle = async (): Promise<void> => {
      while (this.#submitted.length > 0) await this.#hearOfFirst(listener);
    };
    while (this.#progress.start < this.#train.length) {
      while (this.#next < this.#train.length && this.#submitted.length <= ahead) this.#submit();
      await this.#hearOfFirst(listener);
      const told = performance.now();
      if (await pause(settle)) {
        await settle();
        return false;
      }
      // What was done in the pause is no part of the steps.
      this.#clock = this.#submitted.length === 0 ? performance.now() : this.#clock + performance.now() - told;
    }
    return true;
  }

  /** Hands the next step to the backend. */
  #submit(): void {
    const { epoch, step, optimizerStep } = this.#progress;
    const start = this.#next;
    const count = Math.min(this.#config.bs, this.#train.length - start);
    const later = this.#submitted.length;
    const position = { epoch, start, count, step: step + later, optimizerStep: optimizerStep + later };
    this.#stepper.run({ ...position, lr: this.learningRate(start) });
    const totals = this.#stepper.totals();
    // Waited for later; until then a failure is nobody's.
    totals.catch(() => undefined);
    this.#submitted.push({ count, totals });
    this.#next += count;
  }

  /** Waits for the oldest step under way and moves the progress behind it. */
  async #hearOfFirst(listener: TrainerListener): Promise<void> {
    const [{ count, totals: coming }] = this.#submitted;
    const totals = await coming;
    this.#submitted.shift();
    const { start, step, optimizerStep, seconds } = this.#progress;
    const lr = start === 0 ? this.learningRate(0) : this.#progress.lr;
    const now = performance.now();
    this.#progress = {
      ...this.#progress,
      start: start + count,
      step: step + 1,
      optimizerStep: optimizerStep + 1,
      totals,
      lr,
      seconds: seconds + (now - this.#clock) / 1000,
    };
    this.#clock = now;
    if (!Number.isFinite(totals.loss)) throw this.diverged();
    listener.onStep?.(this.#progress, this.#train.length);
  }

  /**
   * Where there are votes, the label that each image has in an epoch: drawn from them ("probabilistic label
   * drawing" of Barsoum et al., arXiv 1608.01041).
   */
  #drawLabels(epoch: number): void {
    const { votes, labels, targets } = this.#dataset;
    if (!votes) return;
    const key = keyOf(this.#config.seed, STREAMS.votes, epoch);
    const drawn = targets.map((_, n) => {
      const own = votes.subarray(n * labels.length, (n + 1) * labels.length);
      return drawIndex(own, uniform(key, n));
    });
    this.#backend.write(this.#data.targets, drawn);
  }

  /**
   * Validates after a whole epoch, adds its row to the history and opens the next epoch.
   *
   * @param pause asked after each step; where it says true the epoch stays open and undefined is returned
   * @throws FerError if a logit is not finite
   */
  async endEpoch(listener: TrainerListener, pause: Pause): Promise<EpochRow | undefined> {
    const { epoch, totals, seconds, history, best, lr = this.learningRate(0) } = this.#progress;
    const started = performance.now();
    const figures = await this.#validate(listener, pause);
    if (!figures) return undefined;
    const row: EpochRow = {
      epoch: epoch + 1,
      lr,
      trainLoss: totals.loss / totals.samples,
      trainAccuracy: totals.correct / totals.samples,
      valLoss: figures.loss,
      valAccuracy: figures.accuracy,
      seconds: seconds + (performance.now() - started) / 1000,
      imagesPerSecond: this.#train.length / Math.max(seconds, Number.EPSILON),
    };
    this.#progress = {
      ...this.#progress,
      epoch: epoch + 1,
      start: 0,
      totals: { loss: 0, correct: 0, samples: 0 },
      lr: undefined,
      seconds: 0,
      history: [...history, row],
      best: bestRow(best === null ? [row] : [best, row]),
    };
    return row;
  }

  /** Figures of the validation split; nulls where there is none, undefined where it was interrupted. */
  async #validate(
    listener: TrainerListener,
    pause: Pause,
  ): Promise<{ loss: number | null; accuracy: number | null } | undefined> {
    if (!this.#validation) return { loss: null, accuracy: null };
    let paused = false;
    const logits = await this.#validation.run(this.#val, async (done) => {
      listener.onValidate?.(done, this.#val.length);
      paused = done < this.#val.length && (await pause(async () => undefined));
      return !paused;
    });
    if (paused) return undefined;
    if (!logits.every(Number.isFinite)) throw this.diverged();
    const targets = this.#val.map((index) => this.#dataset.targets[index]);
    return computeMetrics(logits, targets, this.#dataset.labels);
  }

  /** The rate of the step that follows `start` images of the epoch under way. */
  learningRate(start = this.#progress.start): number {
    const { epoch, history } = this.#progress;
    const stepsPerEpoch = Math.ceil(this.#train.length / this.#config.bs);
    return learningRate(this.#config, {
      step: epoch * stepsPerEpoch + Math.floor(start / this.#config.bs),
      stepsPerEpoch,
      accuracies: history.flatMap(({ valAccuracy }) => valAccuracy ?? []),
    });
  }
}
/** The sizes of the steps over n images: whole ones, and what remains. */
function stepSizes(n: number, step: number): number[] {
  return [Math.min(n, step), n % step].filter((size) => size > 0);
}
