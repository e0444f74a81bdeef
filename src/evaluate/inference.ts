import type { Backend, Program } from '../engine/backend.ts';
import { CompiledNetwork } from '../engine/compile.ts';
import type { DeviceData } from '../engine/deviceData.ts';
import type { Graph } from '../engine/graph.ts';
import { STEP } from '../engine/kernels.ts';
import { CallList } from '../engine/ops.ts';
import type { Parameters } from '../engine/parameters.ts';
import { type Tensor, tensor } from '../engine/tensor.ts';

export interface InferenceOptions {
  /** 10: the logits of four corners, centre and their mirrors averaged; 1: the centre. */
  readonly crops: 1 | 10;
  /** Images a step. */
  readonly batch: number;
  /** The most images of one `run`. */
  readonly capacity: number;
  /** See `CompileOptions` of the backend: no program of it trains these parameters. */
  readonly fixedWeights: boolean;
}

/** Faces a step where a step holds so many crops and each face has `crops` of them: at least one. */
export function facesPerStep(samples: number, crops: 1 | 10): number {
  return Math.max(1, Math.floor(samples / crops));
}

/** Logits of stored images with a network's running statistics. */
export class Inference {
  readonly #backend: Backend;
  readonly #graph: Graph;
  readonly #parameters: Parameters;
  readonly #data: DeviceData;
  readonly #options: InferenceOptions;
  readonly #step = tensor('step', [STEP.length], 'i32', 'persistent');
  readonly #order: Tensor;
  readonly #out: Tensor;
  readonly #labels: number;
  readonly #programs = new Map<number, Program>();

  constructor(
    backend: Backend,
    graph: Graph,
    parameters: Parameters,
    data: DeviceData,
    options: InferenceOptions,
  ) {
    this.#backend = backend;
    this.#graph = graph;
    this.#parameters = parameters;
    this.#data = data;
    this.#options = options;
    [this.#labels] = graph.nodes[graph.nodes.length - 1].shape;
    this.#order = tensor('order', [options.capacity], 'i32', 'persistent');
    this.#out = tensor('logits', [options.capacity, this.#labels], 'f32', 'persistent');
  }

  /** Images a step. */
  get batch(): number {
    return this.#options.batch;
  }

  /**
   * Logits [n, L] of the images at `indices`, n at most the capacity.
   * @param onBatch hears the images done so far after each step; where it says false the rest is left out
   *   and their logits mean nothing
   */
  async run(
    indices: Int32Array,
    onBatch?: (done: number) => boolean | Promise<boolean>,
  ): Promise<Float32Array> {
    const { batch, capacity } = this.#options;
    if (indices.length > capacity)
      throw new RangeError(`${indices.length} images for a capacity of ${capacity}`);
    this.#backend.write(this.#order, indices);
    const words = new Int32Array(STEP.length);
    for (let start = 0; start < indices.length; start += batch) {
      const count = Math.min(batch, indices.length - start);
      words[STEP.start] = start;
      this.#backend.write(this.#step, words);
      this.#backend.run(this.program(count));
      if (onBatch && !(await onBatch(start + count))) break;
    }
    const all = await this.#backend.read(this.#out);
    return Float32Array.from(all.subarray(0, indices.length * this.#labels));
  }

  /** The program of a step with `count` images; compiled on first use. */
  program(count: number): Program {
    const found = this.#programs.get(count) ?? this.#compile(count);
    this.#programs.set(count, found);
    return found;
  }

  #compile(count: number): Program {
    const { crops, fixedWeights } = this.#options;
    const { images, size } = this.#data;
    const step = this.#step;
    const network = new CompiledNetwork(this.#graph, this.#parameters, {
      batch: count * crops,
      training: false,
      step,
    });
    const list = new CallList();
    list.emit('augment', {
      images,
      order: this.#order,
      out: network.input,
      step,
      size,
      crops,
      draws: [],
    });
    list.calls.push(...network.forward);
    list.emit('averageCrops', { logits: network.logits, out: this.#out, step, crops });
    return this.#backend.compile(list.calls, [], { fixedWeights });
  }
}
