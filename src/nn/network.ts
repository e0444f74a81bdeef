import type { Graph, Node } from '../engine/graph.ts';

/** What a network may be told; each has a default in `config.ts`. */
export interface NetworkOptions {
  /** Channels of the first stage; 64 is the paper's. */
  readonly width: number;
  /** Dropout probability. */
  readonly drop: number;
  /** L: the number of labels. */
  readonly classes: number;
  /** Side of the square input, in pixels; default: the network's own. */
  readonly inputSize?: number;
}

/** A network is one file with one of these, listed in `networks.ts`. */
export interface NetworkDefinition {
  readonly name: string;
  /** One line for `--help`. */
  readonly about: string;
  /** Side of the square input where nothing else is asked for, in pixels. */
  readonly inputSize: number;
  /** The least side that leaves something for the last layers. */
  readonly smallestInput: number;
  /** Appends the network to `graph`, from its input to the logits [classes]. */
  build(graph: Graph, options: NetworkOptions): Node;
}
