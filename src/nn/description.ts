import { FerError } from '../errors.ts';
import { NETWORKS, type NetworkName } from './networks.ts';

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
  const least = NETWORKS[network as NetworkName].smallestInput;
  if (!isWhole(width) || width < 1) refuse(`"width" is ${JSON.stringify(width)}, expected a whole number`);
  if (!(typeof drop === 'number' && drop >= 0 && drop < 1)) {
    refuse(`"drop" is ${JSON.stringify(drop)}, expected 0 to below 1`);
  }
  if (!isWhole(inputSize) || inputSize < least) {
    refuse(`"inputSize" is ${JSON.stringify(inputSize)}, ${network} sees ${least} at least`);
  }
  if (!isWhole(imageSize) || imageSize < inputSize) {
    refuse(`"imageSize" is ${JSON.stringify(imageSize)}, expected ${inputSize} at least`);
  }
  const names = Array.isArray(labels) && labels.every((label) => typeof label === 'string');
  if (!names || labels.length < 1 || new Set(labels).size < labels.length) {
    refuse(`"labels" is ${JSON.stringify(labels)}, expected names that differ`);
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
