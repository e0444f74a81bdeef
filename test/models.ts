import type { Backend } from '../src/engine/backend.ts';
import { Graph } from '../src/engine/graph.ts';
import { Parameters } from '../src/engine/parameters.ts';
import { sizeOf } from '../src/engine/tensor.ts';
import type { LoadedModel } from '../src/nn/model.ts';
import { randomValues } from './check-ops.ts';

const LABELS = ['angry', 'happy', 'neutral'];

/** A made-up network on faces of `imageSize` that sees crops of `inputSize`, with random weights in a backend. */
export function madeUpModel(
  backend: Backend,
  build: (graph: Graph, classes: number) => void,
  { imageSize = 12, inputSize = 8, labels = LABELS, seed = 1 } = {},
): LoadedModel {
  const graph = new Graph();
  build(graph, labels.length);
  const parameters = new Parameters(graph);
  for (const [index, [name, tensor]] of parameters.state.entries()) {
    const values = randomValues(sizeOf(tensor.shape), 100 * seed + index);
    // Variances and scales about 1, the rest about 0.
    const about = /running_var$|bn.*weight$/.test(name) ? 1 : 0;
    backend.write(
      tensor,
      values.map((value) => about + value / 2),
    );
  }
  const description = { network: 'vgg', width: 8, drop: 0, labels, imageSize, inputSize } as const;
  return { description, graph, parameters };
}

/** Two convolutions with batch norm and ReLU, a pooling between them, dropout and a linear layer. */
export function smallNetwork(side: number): (graph: Graph, classes: number) => void {
  return (graph, classes) => {
    let x = graph.batchNorm('bn1', graph.conv3x3('conv1', graph.input(side), 8), { relu: true });
    x = graph.batchNorm('bn2', graph.conv3x3('conv2', graph.maxPool2(x), 8), { relu: true });
    graph.linear('out', graph.dropout(graph.flatten(graph.maxPool2(x)), 0.5), classes);
  };
}

/** Logits that are weighted sums of the pixels. */
export function linearNetwork(side: number): (graph: Graph, classes: number) => void {
  return (graph, classes) => {
    graph.linear('out', graph.flatten(graph.input(side)), classes);
  };
}

/** Random faces [side, side], 0..1. */
export function randomFaces(count: number, side: number, seed = 3): Float64Array[] {
  return Array.from({ length: count }, (_, i) =>
    Float64Array.from(randomValues(side * side, 1000 * seed + i), (value) => (value + 1) / 2),
  );
}
