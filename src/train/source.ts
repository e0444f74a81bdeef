import { createHash } from 'node:crypto';
import { dirname, resolve } from 'node:path';
import type { TrainConfig } from '../config.ts';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { findModel, type ModelDescription, readModel, type StoredModel } from '../nn/model.ts';

/** Where the first weights of a run came from: `from` in its `config.json`. */
export interface WeightsOrigin {
  /** The file of the weights. */
  readonly file: string;
  readonly sha256: string;
}

/**
 * The configuration of a run that starts from other weights: network and width are theirs.
 *
 * @param explicit the keys that were given
 * @throws FerError if there are no weights, they are of another network than asked for, or would be deleted
 */
export function withSource(config: TrainConfig, explicit: ReadonlySet<string>): TrainConfig {
  const { description, file } = findModel(config.from, 'from');
  const { network, width } = description;
  for (const [key, value] of Object.entries({ network, width })) {
    const wanted = config[key as 'network' | 'width'];
    if (explicit.has(key) && wanted !== value) {
      throw new FerError(
        `from=${config.from} holds weights of ${key}=${value}, not ${wanted}: leave out ${key}=, or start from ` +
          'other weights',
      );
    }
  }
  if (resolve(dirname(file)) === resolve(config.runs, config.name)) {
    throw new FerError(
      `from=${config.from} lies in the run folder that overwrite=true deletes: choose another name=`,
    );
  }
  return { ...config, network, width };
}

/**
 * Reads the weights that a run starts from.
 *
 * @throws FerError if they are damaged, or tell other labels apart
 */
export function readSource(
  path: string,
  { labels }: ModelDescription,
): { model: StoredModel; origin: WeightsOrigin } {
  const model = readModel(path);
  const { file, description } = model;
  if (JSON.stringify(description.labels) !== JSON.stringify(labels)) {
    throw new FerError(
      `${file} tells ${description.labels.join(', ')} apart, and the data has ${labels.join(', ')}: ` +
        'start from weights of the same labels',
    );
  }
  return { model, origin: { file, sha256: createHash('sha256').update(readFileBytes(file)).digest('hex') } };
}

/**
 * Reads them once more, for a run that was stopped before it had saved anything.
 *
 * @throws FerError if they are not what they were
 */
export function readSameSource(before: WeightsOrigin, description: ModelDescription): StoredModel {
  const { model, origin } = readSource(before.file, description);
  if (origin.sha256 !== before.sha256) {
    const [was, is] = [before.sha256, origin.sha256].map((digest) => digest.slice(0, 12));
    throw new FerError(
      `${before.file} has changed since the run started from it (SHA-256 ${was}, now ${is}): restore it, or ` +
        'start again with overwrite=true',
    );
  }
  return model;
}
