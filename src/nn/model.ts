/** Models on disk. What they are made of lies in modules that a browser can load too. */
import { existsSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Backend } from '../engine/backend.ts';
import { FerError } from '../errors.ts';
import { readFileBytes } from '../io/files.ts';
import { errorOfList } from '../io/pathList.ts';
import { readSafetensors, withSafetensors } from '../io/safetensors.ts';
import { checkDescription, type ModelDescription } from './description.ts';
import { BEST, CONFIG, MODEL, WEIGHTS_ON_DISK } from './fileNames.ts';
import { type LoadedModel, loadModel, type StoredModel } from './loadModel.ts';
import { releasedModel } from './released.ts';

export { checkWeights } from './checkWeights.ts';
export { checkDescription, type ModelDescription } from './description.ts';
export {
  buildModel,
  fitsCrops,
  type LoadedModel,
  loadModel,
  loadWeights,
  readWeights,
  type StoredModel,
  stored,
} from './loadModel.ts';

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
 * Copies the weights of a model that was found into a backend, a piece at a time: they are never in memory twice.
 *
 * @throws FerError if they are damaged or of another network
 */
export function loadFound(
  backend: Backend,
  { description, file }: Pick<StoredModel, 'description' | 'file'>,
): LoadedModel {
  return withSafetensors(file, (weights) => loadModel(backend, { description, file, weights }));
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
  const description = readDescription(join(folder, CONFIG));
  const file = isFolder
    ? WEIGHTS_ON_DISK.map((name) => join(folder, name)).find((name) => existsSync(name))
    : path;
  if (!file) {
    throw new FerError(
      `${folder} holds no weights: expected ${WEIGHTS_ON_DISK.join(' or ')}; has the first epoch ended?`,
    );
  }
  return { description, file };
}

/**
 * As `findModel`, for one path of those that an option gives.
 *
 * @param given all of them, as the user wrote them
 */
export function findOfList(path: string, given: string, option = 'model'): ReturnType<typeof findModel> {
  try {
    return findModel(path, option);
  } catch (error) {
    throw errorOfList(error, option, given, path !== given);
  }
}

/** What to call a model: its folder, and the file too where it is not the folder's best. */
export function modelName({ file }: Pick<StoredModel, 'file'>): string {
  const name = basename(dirname(resolve(file)));
  return ([BEST, MODEL] as string[]).includes(basename(file)) ? name : `${name}/${basename(file)}`;
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
