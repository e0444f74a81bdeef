import type { Augmentation } from '../engine/augment.ts';
import type { Backend, Program } from '../engine/backend.ts';
import { CompiledNetwork } from '../engine/compile.ts';
import type { DeviceData } from '../engine/deviceData.ts';
import type { Graph } from '../engine/graph.ts';
import { type Call, MIXTURE, STEP } from '../engine/kernels.ts';
import { drawMixture, type MixtureOptions } from '../engine/mixture.ts';
import { CallList } from '../engine/ops.ts';
import type { Parameters } from '../engine/parameters.ts';
import { keyOf, STREAMS } from '../engine/random.ts';
import { type Tensor, tensor } from '../engine/tensor.ts';
import type { Optimizer } from '../optim/optimizers.ts';

/** Trained networks whose answers are learned beside the labels: Hinton et al., arXiv 1503.02531. */
export interface Teaching {
  /** With values in the same backend. Nothing changes them. All have the same say. */
  readonly teachers: readonly { readonly graph: Graph; readonly parameters: Parameters }[];
  /** Their part in the gradient, the rest is the labels'. */
  readonly share: number;
  /** What the logits of both are divided by. */
  readonly temperature: number;
}

export interface StepperOptions extends MixtureOptions {
  /** Side of the network's input. */
  readonly inputSize: number;
  readonly crops: 1 | 10;
  readonly augment: boolean;
  /** What is drawn if `augment`. */
  readonly augmentations: readonly Augmentation[];
  readonly label_smoothing: number;
  /**
   * Radius of sharpness-aware minimization (Foret et al., arXiv 2010.01412): a step follows the gradient at the point that lies
   * so far up the slope. 0: plain steps.
   */
  readonly sam: number;
  readonly seed: number;
  /** Teachers see the very samples of the step, augmented and mixed. */
  readonly teaching?: Teaching;
}

/** Sums over the steps since the last reset; the loss is that of the labels alone. */
export interface Totals {
  readonly loss: number;
  readonly correct: number;
  readonly samples: number;
}

/** Where in a run a step is. */
export interface StepPosition {
  readonly epoch: number;
  readonly start: number;
  readonly count: number;
  /** Updates before this one, over all epochs. */
  readonly step: number;
  /** Those since the optimizer's memory was empty. */
  readonly optimizerStep: number;
  readonly lr: number;
}

/**
 * Training steps on a backend: augmentation, forward, loss, backward and update as one program for each
 * batch size. The host writes a few words a step and touches no image.
 */
export class Stepper {
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #parameters: Parameters;
  readonly #data: DeviceData;
  readonly #optimizer: Optimizer;
  readonly #options: StepperOptions;
  readonly #step = tensor('step', [STEP.length], 'i32', 'persistent');
  readonly #totals = tensor('totals', [3], 'f64', 'persistent');
  readonly #mixture = tensor('mixture', [MIXTURE.length], 'f32', 'persistent');
  readonly #order: Tensor;
  readonly #programs = new Map<number, Program>();
  readonly #words = new Int32Array(STEP.length);

  /** @param longest the number of images of an epoch */
  constructor(
    backend: Backend,
    graph: Graph,
    parameters: Parameters,
    data: DeviceData,
    optimizer: Optimizer,
    longest: number,
    options: StepperOptions,
  ) {
    this.#backend = backend;
    this.#graph = graph;
    this.#parameters = parameters;
    this.#data = data;
    this.#optimizer = optimizer;
    this.#options = options;
    this.#order = tensor('order', [longest], 'i32', 'persistent');
  }

  /** The images of the epoch, in order: entries as of `ORDER`. */
  setOrder(order: Int32Array): void {
    this.#backend.write(this.#order, order);
  }

  setTotals({ loss, correct, samples }: Totals): void {
    this.#backend.write(this.#totals, [loss, correct, samples]);
  }

  async totals(): Promise<Totals> {
    const [loss, correct, samples] = await this.#backend.read(this.#totals);
    return { loss, correct, samples };
  }

  /** One update from the `count` images that start at `start` in the order. */
  run({ epoch, start, count, step, optimizerStep, lr }: StepPosition): void {
    this.#words[STEP.seed] = this.#options.seed;
    this.#words[STEP.epoch] = epoch;
    this.#words[STEP.start] = start;
    this.#words[STEP.step] = step;
    this.#backend.write(this.#step, this.#words);
    this.#backend.write(this.#optimizer.hyper, this.#optimizer.hyperValues(lr, optimizerStep));
    if (this.#mixes) {
      const { seed, inputSize } = this.#options;
      const key = keyOf(seed, STREAMS.mixture, step);
      this.#backend.write(this.#mixture, drawMixture(key, this.#options, inputSize));
    }
    this.#backend.run(this.program(count));
  }

  get #mixes(): boolean {
    return this.#options.mixup > 0 || this.#options.cutmix > 0;
  }

  /** The program of a step with `count` images; compiled on first use. */
  program(count: number): Program {
    const found = this.#programs.get(count);
    if (found) return found;
    const unread = [this.#parameters.gradients];
    const program = this.#backend.compile(this.#calls(count), [], { unread });
    this.#programs.set(count, program);
    return program;
  }

  #calls(count: number): Call[] {
    const { crops, inputSize, sam } = this.#options;
    const { images, targets, size } = this.#data;
    const samples = count * crops;
    const compiled = { batch: samples, training: true, step: this.#step };
    const network = new CompiledNetwork(this.#graph, this.#parameters, compiled);
    if (network.input.shape[1] !== inputSize)
      throw new Error(`input of ${network.input.shape[1]}, not ${inputSize}`);
    const labels = tensor('labels', [samples], 'i32');
    const list = new CallList();
    const [order, step] = [this.#order, this.#step];
    const draws = this.#options.augment ? this.#options.augmentations : [];
    const out = this.#mixes ? tensor('samples', network.input.shape) : network.input;
    list.emit('augment', { images, order, out, step, size, crops, draws });
    if (this.#mixes) list.emit('mix', { x: out, y: network.input, mixture: this.#mixture });
    list.emit('gatherLabels', { targets, order, labels, step, crops });
    // Before the network, so that what it leaves behind takes no memory of its own.
    const teachers = this.#teachersOf(samples, network.input);
    list.calls.push(...teachers.flatMap(({ forward }) => forward));
    const answers = teachers.map(({ logits }) => logits);
    list.calls.push(...this.#gradient(network, { labels, teachers: answers, totals: this.#totals }));
    if (sam > 0) {
      // The same samples and the same dropout; only the weights are others. It counts nowhere: no totals, no statistics.
      const nearby = { ...compiled, input: network.input, countStatistics: false };
      const again = new CompiledNetwork(this.#graph, this.#parameters, nearby);
      const totals = tensor('totals nearby', [3], 'f64');
      const { values: param, gradients: grad } = this.#parameters;
      const squareSum = tensor('squareSum', [1]);
      const start = tensor('start', param.shape);
      list.emit('squareSum', { x: grad, sum: squareSum });
      list.emit('ascend', { param, grad, squareSum, start, radius: sam });
      list.calls.push(...this.#gradient(again, { labels, teachers: answers, totals }));
      list.emit('copy', { x: start, y: param });
    }
    list.calls.push(...this.#optimizer.calls);
    return list.calls;
  }

  /** The network's answers, their loss, and the gradients of the parameters. */
  #gradient(
    network: CompiledNetwork,
    { labels, teachers, totals }: { labels: Tensor; teachers: readonly Tensor[]; totals: Tensor },
  ): Call[] {
    const { label_smoothing: smoothing, teaching } = this.#options;
    const { logits } = network;
    const dlogits = tensor('dlogits', logits.shape);
    const list = new CallList();
    list.calls.push(...network.forward);
    const loss = { logits, labels, dlogits, totals, smoothing };
    if (this.#mixes) list.emit('mixedCrossEntropy', { ...loss, mixture: this.#mixture });
    else list.emit('crossEntropy', loss);
    const { share = 0, temperature = 1 } = teaching ?? {};
    for (const [i, teacher] of teachers.entries()) {
      const part = shareInTurn(share, i, teachers.length);
      list.emit('distill', { logits, teacher, dlogits, share: part, temperature });
    }
    list.calls.push(...network.backward(dlogits, { parameters: true, input: false }).calls);
    return list.calls;
  }

  #teachersOf(batch: number, input: Tensor): CompiledNetwork[] {
    const options = { batch, training: false, step: this.#step, input };
    const teachers = this.#options.teaching?.teachers ?? [];
    return teachers.map(({ graph, parameters }) => new CompiledNetwork(graph, parameters, options));
  }
}

/**
 * What the i-th of `count` is given in turn, so that all have the same part of `share` in the end: each later one takes
 * its part from all before it.
 */
function shareInTurn(share: number, i: number, count: number): number {
  const part = share / count;
  return part / (1 - part * (count - 1 - i));
}
