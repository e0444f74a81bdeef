import type { Graph, Node } from '../engine/graph.ts';

/** What a network may be told; each has a default in `config.ts`. */
export interface NetworkOptions {
  /** Channels of the first stage; 64 is the paper's. */
  readonly width: number;
  /** Dropout probability. */
  readonly drop: number;
  /** L: the number of labels. */
  readonly classes: number;
}

/** A network is one file with one of these, listed in `networks.ts`. */
export interface NetworkDefinition {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Side of the square input, in pixels. */
  readonly inputSize: number;
  /** Appends the network to `graph`, from its input to the logits [classes]. */
  build(graph: Graph, options: NetworkOptions): Node;
}
