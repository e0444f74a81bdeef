import type { Graph } from './graph.ts';
import type { ParameterSpec, Shape } from './ops.ts';
import { keyOf, STREAMS, uniform } from './random.ts';
import { sizeOf, type Tensor, tensor, view } from './tensor.ts';

/** Views start at multiples of this many elements, so that rows of weights share no cache line. */
const ALIGN = 16;

/** Kinds in the order they lie in the flat buffer: any choice of decayed kinds is a few runs. */
const KIND_ORDER: readonly ParameterSpec['kind'][] = ['weight', 'bias', 'scale', 'shift'];

export interface ParameterGroup {
  readonly kind: ParameterSpec['kind'];
  readonly offset: number;
  readonly length: number;
}

/**
 * All parameters of a network in one flat buffer, their gradients in another of the same layout, the
 * running statistics in a third; each with named views in the shapes of PyTorch's `state_dict`.
 */
export class Parameters {
  readonly graph: Graph;
  readonly values: Tensor;
  readonly gradients: Tensor;
  readonly statistics: Tensor;
  readonly groups: readonly ParameterGroup[];
  readonly #offsets = new Map<string, { offset: number; shape: Shape }>();
  readonly #statisticOffsets = new Map<string, { offset: number; shape: Shape }>();

  constructor(graph: Graph) {
    this.graph = graph;
    const groups: ParameterGroup[] = [];
    let end = 0;
    for (const kind of KIND_ORDER) {
      const offset = end;
      for (const spec of graph.parameters.filter((candidate) => candidate.kind === kind)) {
        this.#offsets.set(spec.name, { offset: end, shape: spec.shape });
        end = align(end + sizeOf(spec.shape));
      }
      if (end > offset) groups.push({ kind, offset, length: end - offset });
    }
    let statisticEnd = 0;
    for (const { name, shape } of graph.statistics) {
      this.#statisticOffsets.set(name, { offset: statisticEnd, shape });
      statisticEnd = align(statisticEnd + sizeOf(shape));
    }
    this.groups = groups;
    this.values = tensor('parameters', [end], 'f32', 'persistent');
    this.gradients = tensor('gradients', [end], 'f32', 'persistent');
    this.statistics = tensor('statistics', [Math.max(statisticEnd, 1)], 'f32', 'persistent');
  }

  /** The number of learnt values, padding not counted. */
  get count(): number {
    return this.graph.parameters.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
  }

  value(name: string): Tensor {
    return this.#view(this.values, this.#offsets, name);
  }

  gradient(name: string): Tensor {
    return this.#view(this.gradients, this.#offsets, name);
  }

  statistic(name: string): Tensor {
    return this.#view(this.statistics, this.#statisticOffsets, name);
  }

  /** Everything a checkpoint holds, named as in the original's `state_dict`: parameters, then statistics. */
  get state(): [string, Tensor][] {
    return [
      ...this.graph.parameters.map(({ name }): [string, Tensor] => [name, this.value(name)]),
      ...this.graph.statistics.map(({ name }): [string, Tensor] => [name, this.statistic(name)]),
    ];
  }

  /**
   * Initial values of `values` and `statistics` as PyTorch draws them by default: weights and biases of
   * convolutions and linear layers uniform in ±1/sqrt(fan-in), batch norm 1 and 0.
   */
  initial(seed: number): { values: Float32Array; statistics: Float32Array } {
    const values = new Float32Array(sizeOf(this.values.shape));
    this.graph.parameters.forEach(({ name, shape, kind, fanIn }, index) => {
      const offset = this.#offsets.get(name)?.offset ?? 0;
      const key = keyOf(seed, STREAMS.init, index);
      const bound = 1 / Math.sqrt(fanIn);
      for (let i = 0; i < sizeOf(shape); i++) {
        if (kind === 'scale') values[offset + i] = 1;
        else if (kind === 'shift') values[offset + i] = 0;
        else values[offset + i] = (2 * uniform(key, i) - 1) * bound;
      }
    });
    const statistics = new Float32Array(sizeOf(this.statistics.shape));
    for (const { name, shape, initial } of this.graph.statistics) {
      const offset = this.#statisticOffsets.get(name)?.offset ?? 0;
      statistics.fill(initial, offset, offset + sizeOf(shape));
    }
    return { values, statistics };
  }

  #view(of: Tensor, offsets: Map<string, { offset: number; shape: Shape }>, name: string): Tensor {
    const found = offsets.get(name);
    if (!found) throw new RangeError(`no parameter named ${name}`);
    return view(of, found.offset, found.shape);
  }
}

function align(length: number): number {
  return Math.ceil(length / ALIGN) * ALIGN;
}
