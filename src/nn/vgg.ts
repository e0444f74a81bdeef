import type { Graph, Node } from '../engine/graph.ts';
import type { NetworkDefinition } from './network.ts';

/**
 * The network of Khaireddin & Chen (arXiv 2105.03588): four stages of two 3x3 convolutions, each with
 * batch norm and ReLU, then 2x2 max pooling, and three linear layers. At width 64 and 7 labels it has
 * 29,890,759 parameters, for any input of 32 to 47 pixels. Names are those of the original's `state_dict`.
 */
export const vgg: NetworkDefinition = {
  name: 'vgg',
  about: 'the VGG-style network of the paper (29.9 M parameters at width 64)',
  inputSize: 40,
  smallestInput: 16,
  build(graph, { width, drop, classes, inputSize = vgg.inputSize }) {
    let x = features(graph, inputSize, width);
    for (const name of ['lin1', 'lin2']) {
      x = graph.dropout(graph.relu(graph.linear(name, x, width * 64)), drop);
    }
    return graph.linear('lin3', x, classes);
  },
};

/** The convolutions of the paper, from the input to their flattened maps. */
export function features(graph: Graph, inputSize: number, width: number): Node {
  let x = graph.input(inputSize);
  for (const stage of [1, 2, 3, 4]) {
    for (const half of ['a', 'b']) {
      x = graph.conv3x3(`conv${stage}${half}`, x, width * 2 ** (stage - 1));
      x = graph.batchNorm(`bn${stage}${half}`, x, { relu: true });
    }
    x = graph.maxPool2(x);
  }
  return graph.flatten(x);
}
