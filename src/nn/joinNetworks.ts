import { FerError } from '../errors.ts';
import { checkUsable } from './averageWeights.ts';
import { buildModel, fitsCrops, readModel, type StoredModel } from './model.ts';
import { widen } from './widen.ts';

/**
 * The network that holds others side by side, and whose logits are the mean of theirs: as wide as all of them
 * together, with crops of the size of the first.
 *
 * @param paths models as `readModel` takes them, at least one; their channels lie in this order
 * @throws FerError if they are of different architectures, labels or images, or hold values that are no finite numbers
 */
export function joinNetworks(paths: readonly string[]): StoredModel {
  const models = paths.map((path) => readModel(path));
  const [first, ...others] = models;
  for (const other of others) checkJoinable(first, other);
  for (const model of models) checkUsable(model);
  const width = models.reduce((sum, { description }) => sum + description.width, 0);
  const description = { ...first.description, width };
  return { description, file: first.file, ...widen(buildModel(description).parameters, models, 0) };
}

/** What networks side by side have in common; dropout plays no part in what they answer. */
const COMMON = ['network', 'labels', 'imageSize'] as const;

function checkJoinable(first: StoredModel, other: StoredModel): void {
  const [a, b] = [first.description, other.description];
  const differing = COMMON.find((key) => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
  if (differing !== undefined) {
    throw new FerError(
      `${first.file} and ${other.file} cannot stand side by side: ${differing} is ${a[differing]} and ${b[differing]}`,
    );
  }
  if (!fitsCrops(b, a.inputSize)) {
    throw new FerError(
      `${other.file} is of crops of ${b.inputSize}x${b.inputSize} and ${first.file} of ${a.inputSize}x${a.inputSize}: ` +
        'its linear layers do not fit those; choose networks of nearer crop sizes',
    );
  }
}
