import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Backend } from '../engine/backend.ts';
import type { Graph } from '../engine/graph.ts';
import { Parameters } from '../engine/parameters.ts';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { readSafetensors, type Safetensors, type StoredTensor } from '../io/safetensors.ts';
import { buildNetwork, NETWORKS, type NetworkName } from './networks.ts';
import { releasedModel } from './released.ts';

/** What one must know to run weights: the `model` part of a `config.json`. */
export interface ModelDescription {
  readonly network: NetworkName;
  readonly width: number;
  readonly drop: number;
  /** Names of the classes, in the order of the logits. */
  readonly labels: readonly string[];
  /** Side of the images it was trained on, before cropping. */
  readonly imageSize: number;
  /** Side of the crops it sees. */
  readonly inputSize: number;
}

/** Weights read from disk with their description. */
export interface StoredModel extends Safetensors {
  readonly description: ModelDescription;
  /** The file of the weights. */
  readonly file: string;
}

/** A model whose weights are in a backend. */
export interface LoadedModel {
  readonly description: ModelDescription;
  readonly graph: Graph;
  readonly parameters: Parameters;
}

/** The names of weights in a folder, the best first. */
const WEIGHT_FILES = ['best.safetensors', 'model.safetensors', 'last.safetensors'];

/**
 * Finds and reads a model.
 *
 * @param path a folder with `config.json` and weights (a run, a released model), or a .safetensors file in
 *   one; default, also for an empty text: the network that comes with the package
 * @throws FerError if something is missing or damaged
 */
export function readModel(path = ''): StoredModel {
  const found = findModel(path);
  return { ...found, ...readSafetensors(found.file) };
}

/**
 * Finds a model and reads its description alone.
 *
 * @param option what the user gave the path to, for messages
 * @throws FerError as `readModel`, for all but the weights
 */
export function findModel(given: string, option = 'model'): Pick<StoredModel, 'description' | 'file'> {
  const path = given === '' ? releasedModel() : given;
  if (!existsSync(path))
    throw new FerError(`there is no model at ${path}: give a run folder, as in ${option}=runs/my_vgg`);
  const isFolder = statSync(path).isDirectory();
  const folder = isFolder ? path : dirname(path);
  const description = readDescription(join(folder, 'config.json'));
  const file = isFolder
    ? WEIGHT_FILES.map((name) => join(folder, name)).find((name) => existsSync(name))
    : path;
  if (!file) {
    throw new FerError(
      `${folder} holds no weights: expected ${WEIGHT_FILES.join(' or ')}; has the first epoch ended?`,
    );
  }
  return { description, file };
}

/** What to call a model: its folder, and the file too where it is not the folder's best. */
export function modelName({ file }: Pick<StoredModel, 'file'>): string {
  const name = basename(dirname(resolve(file)));
  return ['best.safetensors', 'model.safetensors'].includes(basename(file))
    ? name
    : `${name}/${basename(file)}`;
}

function readDescription(file: string): ModelDescription {
  if (!existsSync(file))
    throw new FerError(`${file} is missing: it says which network the weights beside it are of`);
  let model: unknown;
  try {
    model = JSON.parse(readFileBytes(file).toString('utf8'))?.model;
  } catch (error) {
    if (error instanceof FerError) throw error;
    throw new FerError(`${file} is not valid JSON: restore it, or train again`);
  }
  checkDescription(model, file);
  return model;
}

/**
 * Checks the `model` part of a `config.json`.
 *
 * @throws FerError naming the file and what is wrong
 */
export function checkDescription(value: unknown, file: string): asserts value is ModelDescription {
  const { network, width, drop, labels, imageSize, inputSize } = (value ?? {}) as Partial<ModelDescription>;
  function refuse(problem: string): never {
    throw new FerError(`${file} does not describe a model: ${problem}; it is damaged, or of another program`);
  }
  if (typeof network !== 'string' || !Object.hasOwn(NETWORKS, network)) {
    refuse(`"network" is ${JSON.stringify(network)}, known are ${Object.keys(NETWORKS).join(', ')}`);
  }
  const side = NETWORKS[network as NetworkName].inputSize;
  if (!isWhole(width) || width < 1) refuse(`"width" is ${JSON.stringify(width)}, expected a whole number`);
  if (!(typeof drop === 'number' && drop >= 0 && drop < 1)) {
    refuse(`"drop" is ${JSON.stringify(drop)}, expected 0 to below 1`);
  }
  if (inputSize !== side) refuse(`"inputSize" is ${JSON.stringify(inputSize)}, ${network} sees ${side}`);
  if (!isWhole(imageSize) || imageSize < side) {
    refuse(`"imageSize" is ${JSON.stringify(imageSize)}, expected ${side} at least`);
  }
  const names = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
  if (!names || labels.length < 1 || new Set(labels).size < labels.length) {
    refuse(`"labels" is ${JSON.stringify(labels)}, expected names that differ`);
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

/** The graph and parameters of a description, without values. */
export function buildModel({ network, width, drop, labels }: ModelDescription): {
  graph: Graph;
  parameters: Parameters;
} {
  const graph = buildNetwork(network, { width, drop, classes: labels.length });
  return { graph, parameters: new Parameters(graph) };
}

/**
 * Checks that stored weights are those of a network.
 *
 * @throws FerError if a tensor is missing, unknown, of another shape or no floating point
 */
export function checkWeights({ state }: Parameters, { tensors }: Safetensors, file: string): void {
  for (const [name, { shape }] of state) {
    const found = tensors[name];
    if (!found) throw new FerError(`${file} has no tensor "${name}": it is of another network`);
    if (found.shape.join() !== shape.join()) {
      throw new FerError(
        `${file}: "${name}" is [${found.shape}], this network needs [${shape}]: it is of another network`,
      );
    }
    if (!/^F\d+$/.test(found.dtype))
      throw new FerError(`${file}: "${name}" is ${found.dtype}, expected floating point`);
  }
  const known = new Set(state.map(([name]) => name));
  // PyTorch counts batches beside the running statistics; only its cumulative average needs them.
  const unknown = Object.keys(tensors).filter(
    (name) => !known.has(name) && !name.endsWith('.num_batches_tracked'),
  );
  if (unknown.length > 0)
    throw new FerError(`${file} has an unknown tensor "${unknown[0]}": it is of another network`);
}

/**
 * Copies stored weights into a backend, by name.
 *
 * @throws FerError as `checkWeights`: nothing is copied then
 */
export function loadWeights(
  backend: Backend,
  parameters: Parameters,
  weights: Safetensors,
  file: string,
): void {
  checkWeights(parameters, weights, file);
  for (const [name, view] of parameters.state) {
    backend.write(view, weights.tensors[name].data as Float32Array);
  }
}

/**
 * Copies a stored model into a backend.
 *
 * @throws FerError if the weights are of another network
 */
export function loadModel(backend: Backend, model: StoredModel): LoadedModel {
  const { description } = model;
  const { graph, parameters } = buildModel(description);
  loadWeights(backend, parameters, model, model.file);
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
