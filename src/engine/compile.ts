import type { Graph, Node } from './graph.ts';
import type { Call } from './kernels.ts';
import { CallList, OPS, type OpContext, type OpName, type OpRule } from './ops.ts';
import type { Parameters } from './parameters.ts';
import { type Tensor, tensor } from './tensor.ts';

export interface NetworkCompileOptions {
  /** N: samples in one run. */
  readonly batch: number;
  /** Batch statistics and dropout, or running statistics and none. */
  readonly training: boolean;
  /** The persistent tensor of `STEP` slots. */
  readonly step: Tensor;
  /** Training only: whether the running statistics move, as they do where this is not given. */
  readonly countStatistics?: boolean;
  /** Where the images are, [N, ...input shape]. By default a transient tensor, for calls before `forward` to fill. */
  readonly input?: Tensor;
}

/** What `backward` computes besides the way there. */
export interface Wanted {
  readonly parameters: boolean;
  readonly input: boolean;
  /** Other nodes whose own gradient is wanted. */
  readonly nodes?: readonly Node[];
}

export interface Backward {
  readonly calls: readonly Call[];
  /** Where the gradient of the input arrives, if it was wanted. */
  readonly inputGradient?: Tensor;
  /** Where those of the wanted nodes arrive; a node that the logits do not depend on has none. */
  readonly gradients: ReadonlyMap<Node, Tensor>;
}

/**
 * A network at one batch size as a flat list of kernel calls. `forward` fills `logits` from `input`;
 * `backward` continues from a gradient of the logits.
 */
export class CompiledNetwork {
  readonly input: Tensor;
  readonly logits: Tensor;
  readonly forward: readonly Call[];
  readonly #graph: Graph;
  readonly #parameters: Parameters;
  readonly #options: NetworkCompileOptions;
  readonly #values: Tensor[];
  readonly #saved = new Map<string, Tensor>();

  constructor(graph: Graph, parameters: Parameters, options: NetworkCompileOptions) {
    this.#graph = graph;
    this.#parameters = parameters;
    this.#options = options;
    this.#values = [];
    const list = new CallList();
    for (const node of graph.nodes) {
      // Without dropout the layer is its input.
      if (node.op === 'dropout' && !options.training) {
        this.#values.push(this.#values[node.inputs[0].index]);
        continue;
      }
      const given = node.op === 'input' ? options.input : undefined;
      this.#values.push(given ?? tensor(`${node.op}${node.index}`, [options.batch, ...node.shape]));
      ruleOf(node).forward(this.#context(node, list, { parameters: options.training, input: false }, []));
    }
    this.forward = list.calls;
    this.input = this.#values[0];
    this.logits = this.#values[this.#values.length - 1];
  }

  /** The activation of a node, in the layout [N, ...shape]. To read it after a run, `keep` it: see `Backend`. */
  value(node: Node): Tensor {
    return this.#values[node.index];
  }

  /** The calls that carry `dlogits` back. No call writes over a gradient, so a wanted one can be kept and read. */
  backward(dlogits: Tensor, wanted: Wanted): Backward {
    const { nodes } = this.#graph;
    const list = new CallList();
    const needed = this.#needed(wanted);
    // Gradients that reached a node so far; a second one is added to the first.
    const gradients: (Tensor | undefined)[] = nodes.map(() => undefined);
    gradients[nodes.length - 1] = dlogits;
    const deliver = (node: Node, gradient: Tensor): void => {
      const there = gradients[node.index];
      if (!there) {
        gradients[node.index] = gradient;
        return;
      }
      const sum = tensor(`d${node.op}${node.index}+`, there.shape);
      list.emit('add', { a: there, b: gradient, y: sum });
      gradients[node.index] = sum;
    };
    for (const node of [...nodes].reverse()) {
      const dy = gradients[node.index];
      if (!dy || node.op === 'input') continue;
      const passThrough = node.op === 'add' || (node.op === 'dropout' && !this.#options.training);
      if (passThrough) {
        for (const input of node.inputs) if (needed[input.index]) deliver(input, dy);
        continue;
      }
      const produced: (Tensor | undefined)[] = node.inputs.map((input) =>
        needed[input.index]
          ? tensor(`d${input.op}${input.index}`, [this.#options.batch, ...input.shape])
          : undefined,
      );
      // The way ends here: nothing that was asked for lies further.
      if (!wanted.parameters && produced.every((gradient) => gradient === undefined)) continue;
      ruleOf(node).backward(this.#context(node, list, wanted, produced, dy));
      node.inputs.forEach((input, i) => {
        const gradient = produced[i];
        if (gradient) deliver(input, gradient);
      });
    }
    const arrived = new Map<Node, Tensor>();
    for (const node of wanted.nodes ?? []) {
      const gradient = gradients[node.index];
      if (gradient) arrived.set(node, gradient);
    }
    return { calls: list.calls, inputGradient: wanted.input ? gradients[0] : undefined, gradients: arrived };
  }

  /** Which nodes' gradients have a use: they are wanted, or lie between the logits and something wanted. */
  #needed(wanted: Wanted): boolean[] {
    const needed: boolean[] = [];
    for (const node of this.#graph.nodes) {
      const own =
        node.op === 'input' ? wanted.input : wanted.parameters && ruleOf(node).parameters !== undefined;
      const asked = wanted.nodes?.includes(node) ?? false;
      needed.push(own || asked || node.inputs.some((input) => needed[input.index]));
    }
    return needed;
  }

  #context(
    node: Node,
    list: CallList,
    wanted: Wanted,
    dx: (Tensor | undefined)[],
    dy?: Tensor,
  ): OpContext<OpName> {
    const inputs = node.inputs.map((input) => this.#values[input.index]);
    const y = this.#values[node.index];
    return {
      attributes: node.attributes,
      training: this.#options.training,
      countStatistics: this.#options.countStatistics ?? true,
      x: inputs[0],
      inputs,
      y,
      dy: dy ?? y,
      dx: (i) => dx[i],
      step: this.#options.step,
      parameter: (name) => this.#parameters.value(name),
      gradient: (name) => (wanted.parameters ? this.#parameters.gradient(name) : undefined),
      statistic: (name) => this.#parameters.statistic(name),
      saved: (key, shape) => {
        const full = `${node.index}.${key}`;
        const found = this.#saved.get(full) ?? tensor(full, shape);
        this.#saved.set(full, found);
        return found;
      },
      emit: list.emit,
    };
  }
}

function ruleOf(node: Node): OpRule<OpName> {
  return OPS[node.op] as OpRule<OpName>;
}
