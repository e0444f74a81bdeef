import { Graph } from '../engine/graph.ts';
import { FerError } from '../errors.ts';
import type { NetworkDefinition, NetworkOptions } from './network.ts';
import { vgg } from './vgg.ts';
import { vggLite } from './vggLite.ts';

/** Every network by name: a new one is a file and a line here. */
export const NETWORKS = { vgg, vgg_lite: vggLite } as const satisfies Record<string, NetworkDefinition>;
export type NetworkName = keyof typeof NETWORKS;

/** @throws FerError for an unknown name */
function definitionOf(name: string): NetworkDefinition {
  if (Object.hasOwn(NETWORKS, name)) return NETWORKS[name as NetworkName];
  throw new FerError(`unknown network "${name}": known are ${Object.keys(NETWORKS).join(', ')}`);
}

/** @throws FerError for an unknown name, or crops that the network halves to nothing */
export function checkInputSize(name: string, inputSize: number): void {
  const { smallestInput } = definitionOf(name);
  if (inputSize >= smallestInput) return;
  throw new FerError(
    `network=${name} halves crops of ${inputSize}x${inputSize} to nothing: give crop_size=${smallestInput} or more`,
  );
}

/**
 * The graph of a named network.
 *
 * @throws FerError for an unknown name, or an input too small
 */
export function buildNetwork(name: string, options: NetworkOptions): Graph {
  const definition = definitionOf(name);
  checkInputSize(name, options.inputSize ?? definition.inputSize);
  const graph = new Graph();
  definition.build(graph, options);
  return graph;
}
