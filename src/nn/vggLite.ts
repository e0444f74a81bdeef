import type { NetworkDefinition } from './network.ts';
import { features, vgg } from './vgg.ts';

/**
 * The convolutions of the paper's network with one linear layer behind them instead of three: 4,702,407 parameters at
 * width 64 and 7 labels, for any input of 32 to 47 pixels. Convolutions and batch norms have the names that they have in `vgg`.
 */
export const vggLite: NetworkDefinition = {
  name: 'vgg_lite',
  about: "the paper's convolutions and one linear layer (4.7 M parameters at width 64)",
  inputSize: vgg.inputSize,
  smallestInput: vgg.smallestInput,
  build(graph, { width, drop, classes, inputSize = vggLite.inputSize }) {
    return graph.linear('lin', graph.dropout(features(graph, inputSize, width), drop), classes);
  },
};
