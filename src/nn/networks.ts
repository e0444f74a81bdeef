import { Graph } from '../engine/graph.ts';
import { FerError } from '../errors.ts';
import type { NetworkDefinition, NetworkOptions } from './network.ts';
import { vgg } from './vgg.ts';
import { vggLite } from './vggLite.ts';

/** Every network by name: a new one is a file and a line here. */
export const NETWORKS = { vgg, vgg_lite: vggLite } as const satisfies Record<string, NetworkDefinition>;
export type NetworkName = keyof typeof NETWORKS;

/**
 * The graph of a named network.
 *
 * @throws FerError for an unknown name, or an input too small
 */
export function buildNetwork(name: string, options: NetworkOptions): Graph {
  if (!Object.hasOwn(NETWORKS, name)) {
    throw new FerError(`unknown network "${name}": known are ${Object.keys(NETWORKS).join(', ')}`);
  }
  const definition: NetworkDefinition = NETWORKS[name as NetworkName];
  const { inputSize = definition.inputSize } = options;
  if (inputSize < definition.smallestInput) {
    throw new FerError(
      `network=${name} halves crops of ${inputSize}x${inputSize} to nothing: give crop_size=${definition.smallestInput} or more`,
    );
  }
  const graph = new Graph();
  definition.build(graph, options);
  return graph;
}
