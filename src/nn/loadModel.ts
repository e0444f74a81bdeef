import type { Backend } from '../engine/backend.ts';
import type { Graph } from '../engine/graph.ts';
import { Parameters } from '../engine/parameters.ts';
import { view } from '../engine/tensor.ts';
import { type Safetensors, SafetensorsReader, type StoredTensor } from '../io/safetensorsFormat.ts';
import { checkWeights } from './checkWeights.ts';
import type { ModelDescription } from './description.ts';
import { buildNetwork } from './networks.ts';

/** Weights as stored with their description. */
export interface StoredModel extends Safetensors {
  readonly description: ModelDescription;
  /** The file of the weights. */
  readonly file: string;
}

/** A model whose weights are still in their file. */
export interface UnreadModel extends Pick<StoredModel, 'description' | 'file'> {
  readonly weights: SafetensorsReader;
}

/** A model whose weights are in a backend. */
export interface LoadedModel {
  readonly description: ModelDescription;
  readonly graph: Graph;
  readonly parameters: Parameters;
}

/** The graph and parameters of a description, without values. */
export function buildModel({ network, width, drop, labels, inputSize }: ModelDescription): {
  graph: Graph;
  parameters: Parameters;
} {
  const graph = buildNetwork(network, { width, drop, classes: labels.length, inputSize });
  return { graph, parameters: new Parameters(graph) };
}

/**
 * Whether the weights of a description fit crops of another size: convolutions take any, and the layers behind
 * them have a place for each pixel that is left of one.
 */
export function fitsCrops(description: ModelDescription, inputSize: number): boolean {
  const [own, other] = [description, { ...description, inputSize }].map(buildModel);
  return own.parameters.count === other.parameters.count;
}

/**
 * Copies stored weights into a backend, by name.
 *
 * @param weights in memory, or still in their file: that is read a piece at a time then, and never whole in memory
 * @throws FerError as `checkWeights`: nothing is copied then
 */
export function loadWeights(
  backend: Backend,
  parameters: Parameters,
  weights: Safetensors | SafetensorsReader,
  file: string,
): void {
  checkWeights(parameters, weights, file);
  for (const [name, to] of parameters.state) {
    let at = 0;
    const pieces = weights instanceof SafetensorsReader ? weights.pieces(name) : [weights.tensors[name].data];
    for (const values of pieces as Iterable<Float32Array>) {
      backend.write(view(to, at, [values.length]), values);
      at += values.length;
    }
  }
}

/**
 * Copies a model into a backend.
 *
 * @throws FerError if the weights are of another network
 */
export function loadModel(backend: Backend, model: StoredModel | UnreadModel): LoadedModel {
  const { description, file } = model;
  const { graph, parameters } = buildModel(description);
  loadWeights(backend, parameters, 'weights' in model ? model.weights : model, file);
  return { description, graph, parameters };
}

/** All parameters and running statistics of a backend, ready for a file. */
export async function readWeights(
  backend: Backend,
  parameters: Parameters,
): Promise<Record<string, StoredTensor>> {
  const tensors: Record<string, StoredTensor> = {};
  for (const [name, view] of parameters.state) {
    tensors[name] = stored(view.shape, await backend.read(view));
  }
  return tensors;
}

/** Float64 values (of the reference backend) keep all their bits. */
export function stored(shape: readonly number[], data: unknown): StoredTensor {
  if (data instanceof Float64Array) return { dtype: 'F64', shape, data };
  if (data instanceof Float32Array) return { dtype: 'F32', shape, data };
  throw new TypeError('only floating point is stored');
}
