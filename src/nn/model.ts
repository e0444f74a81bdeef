/** Models on disk. What they are made of lies in modules that a browser can load too. */
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { readSafetensors } from '../io/safetensors.ts';
import { checkDescription, type ModelDescription } from './description.ts';
import type { StoredModel } from './loadModel.ts';

export { checkDescription, type ModelDescription } from './description.ts';
export {
  buildModel,
  type LoadedModel,
  loadModel,
  loadWeights,
  readWeights,
  type StoredModel,
  stored,
} from './loadModel.ts';

/** The names of weights in a folder, the best first. */
const WEIGHT_FILES = ['best.safetensors', 'model.safetensors', 'last.safetensors'];

/**
 * Finds and reads a model.
 *
 * @param path a folder with `config.json` and weights (a run, a released model), or a .safetensors file in one
 * @throws FerError if something is missing or damaged
 */
export function readModel(path: string): StoredModel {
  const found = findModel(path);
  return { ...found, ...readSafetensors(found.file) };
}

/**
 * Finds a model and reads its description alone.
 *
 * @param option what the user gave the path to, for messages
 * @throws FerError as `readModel`, for all but the weights
 */
export function findModel(path: string, option = 'model'): Pick<StoredModel, 'description' | 'file'> {
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
