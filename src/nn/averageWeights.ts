import { sizeOf } from '../engine/tensor.ts';
import { FerError } from '../errors.ts';
import type { StoredTensor } from '../io/safetensors.ts';
import { allFinite } from './checkWeights.ts';
import {
  buildModel,
  checkWeights,
  findModel,
  type ModelDescription,
  readModel,
  type StoredModel,
} from './model.ts';

/**
 * The network whose every number is the mean of those of others, running statistics included; in float32, summed in
 * float64.
 *
 * @param paths models as `readModel` takes them, at least one, in the order they are summed in. One after the other is
 *   in memory.
 * @throws FerError if they are not of one network, or hold values that are no finite numbers
 */
export function averageWeights(paths: readonly string[]): StoredModel {
  const [first] = paths;
  const { description, file } = findModel(first);
  const { state } = buildModel(description).parameters;
  const sums = new Map<string, Float64Array>();
  for (const [name, { shape }] of state) sums.set(name, new Float64Array(sizeOf(shape)));
  for (const path of paths) {
    const model = readModel(path);
    checkSameNetwork(description, model.description, file, model.file);
    add(sums, model);
  }
  const tensors = state.map(([name, { shape }]): [string, StoredTensor] => {
    const sum = sums.get(name) ?? new Float64Array();
    return [name, { dtype: 'F32', shape, data: Float32Array.from(sum, (value) => value / paths.length) }];
  });
  return { description, file, tensors: Object.fromEntries(tensors), metadata: {} };
}

function add(sums: ReadonlyMap<string, Float64Array>, model: StoredModel): void {
  checkUsable(model);
  for (const [name, sum] of sums) {
    const data = model.tensors[name].data as Float32Array;
    for (let i = 0; i < sum.length; i++) sum[i] += data[i];
  }
}

/**
 * Checks that weights are those of their network, and numbers.
 *
 * @throws FerError
 */
export function checkUsable(model: StoredModel): void {
  const { parameters } = buildModel(model.description);
  checkWeights(parameters, model, model.file);
  const bad = parameters.state.find(([name]) => !allFinite(model.tensors[name]));
  if (!bad) return;
  throw new FerError(
    `${model.file}: "${bad[0]}" holds values that are no finite numbers: leave these weights out`,
  );
}

/** What makes two networks the same; dropout plays no part in what they answer. */
const SAME = ['network', 'width', 'labels', 'imageSize', 'inputSize'] as const;

function checkSameNetwork(a: ModelDescription, b: ModelDescription, first: string, second: string): void {
  const differences = SAME.filter((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
  if (differences.length === 0) return;
  const of = (one: ModelDescription): string => differences.map((key) => `${key} ${one[key]}`).join(', ');
  throw new FerError(
    `${first} and ${second} are not of one network (${of(a)}; ${of(b)}): average weights of the same one only`,
  );
}
