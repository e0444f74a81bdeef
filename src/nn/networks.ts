import { Graph } from '../engine/graph.ts';
import { FerError } from '../errors.ts';
import type { NetworkDefinition, NetworkOptions } from './network.ts';
import { vgg } from './vgg.ts';

/** Every network by name: a new one is a file and a line here. */
export const NETWORKS = { vgg } as const satisfies Record<string, NetworkDefinition>;
export type NetworkName = keyof typeof NETWORKS;

/** The graph of a named network. */
export function buildNetwork(name: string, options: NetworkOptions): Graph {
  if (!Object.hasOwn(NETWORKS, name)) {
    throw new FerError(`unknown network "${name}": known are ${Object.keys(NETWORKS).join(', ')}`);
  }
  const graph = new Graph();
  NETWORKS[name as NetworkName].build(graph, options);
  return graph;
}
