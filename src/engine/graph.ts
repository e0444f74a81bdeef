import {
  OPS,
  type OpAttributes,
  type OpName,
  type OpRule,
  type ParameterSpec,
  type Shape,
  type StatisticSpec,
} from './ops.ts';

/** One op of a network with its inputs; made by the methods of `Graph`. */
export interface Node<Name extends OpName = OpName> {
  readonly index: number;
  readonly op: Name;
  readonly attributes: OpAttributes[Name];
  readonly inputs: readonly Node[];
  readonly shape: Shape;
}

/** A network as a list of ops in order of computation, without batch size or weights. */
export class Graph {
  readonly nodes: Node[] = [];
  readonly parameters: ParameterSpec[] = [];
  readonly statistics: StatisticSpec[] = [];
  #dropouts = 0;

  /** Greyscale images [side, side, 1]. */
  input(side: number): Node {
    return this.#append('input', { shape: [side, side, 1] }, []);
  }

  conv3x3(name: string, x: Node, channels: number): Node {
    return this.#append('conv3x3', { name, channels }, [x]);
  }

  batchNorm(name: string, x: Node, { relu = false } = {}): Node {
    return this.#append('batchNorm', { name, relu }, [x]);
  }

  maxPool2(x: Node): Node {
    return this.#append('maxPool2', {}, [x]);
  }

  flatten(x: Node): Node {
    return this.#append('flatten', {}, [x]);
  }

  linear(name: string, x: Node, features: number): Node {
    return this.#append('linear', { name, features }, [x]);
  }

  relu(x: Node): Node {
    return this.#append('relu', {}, [x]);
  }

  dropout(x: Node, p: number): Node {
    return this.#append('dropout', { p, layer: this.#dropouts++ }, [x]);
  }

  add(a: Node, b: Node): Node {
    if (a.shape.join() !== b.shape.join()) throw new RangeError(`add of [${a.shape}] and [${b.shape}]`);
    return this.#append('add', {}, [a, b]);
  }

  #append<Name extends OpName>(op: Name, attributes: OpAttributes[Name], inputs: Node[]): Node {
    const rule: OpRule<Name> = OPS[op];
    const shapes = inputs.map((input) => input.shape);
    const node: Node = {
      index: this.nodes.length,
      op,
      attributes,
      inputs,
      shape: rule.shape(shapes, attributes),
    };
    this.nodes.push(node);
    for (const spec of rule.parameters?.(shapes[0], attributes) ?? []) {
      if (this.parameters.some(({ name }) => name === spec.name))
        throw new Error(`two parameters named ${spec.name}`);
      this.parameters.push(spec);
    }
    this.statistics.push(...(rule.statistics?.(shapes[0], attributes) ?? []));
    return node;
  }
}
