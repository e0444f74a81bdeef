import { isAbsolute, join, relative } from 'node:path';
import type { TrainConfig } from '../config.ts';
import { FerError } from '../errors.ts';
import { fileSha256 } from '../io/files.ts';
import { pathList } from '../io/pathList.ts';
import {
  buildModel,
  checkWeights,
  findModel,
  findOfList,
  fitsCrops,
  type ModelDescription,
  readModel,
  type StoredModel,
} from '../nn/model.ts';
import { widen } from '../nn/widen.ts';
import { seenBy } from './ancestry.ts';
import type { WeightsOrigin } from './runRecord.ts';

/**
 * The configuration of a run that starts from other weights: network, width and size of the crops are theirs, unless
 * another network, a larger width or other crops were asked for.
 *
 * @param chosen the keys that were typed, or set by a recipe
 * @throws FerError if there are no weights, they are of a wider network than asked for, or would be deleted
 */
export function withSource(config: TrainConfig, chosen: ReadonlySet<string>): TrainConfig {
  const { description, file } = findModel(config.from, 'from');
  const { width, inputSize } = description;
  if (chosen.has('width') && config.width < width) {
    throw new FerError(
      `from=${config.from} holds weights of width=${width}, more than ${config.width}: leave out width= or give a ` +
        'larger one, or start from other weights',
    );
  }
  if (isWithin(file, join(config.runs, config.name))) {
    throw new FerError(
      `from=${config.from} lies in the run folder that overwrite=true deletes: choose another name=`,
    );
  }
  return {
    ...config,
    network: chosen.has('network') ? config.network : description.network,
    width: chosen.has('width') ? config.width : width,
    crop_size: chosen.has('crop_size') ? config.crop_size : inputSize,
  };
}

/** Weights that a run starts from, in the shapes of its network. */
export interface Source {
  readonly model: StoredModel;
  readonly origin: WeightsOrigin;
  /** Names of the tensors that its network has and theirs has not: they are those of a new network. */
  readonly fresh: readonly string[];
}

/**
 * Reads the weights that a run starts from, widened to its network if they are of a narrower one. Of another network it
 * takes what has the same names in both.
 *
 * @throws FerError if they are damaged, tell other labels apart, or have nothing in common with the run's network
 */
export function readSource(path: string, wanted: ModelDescription, seed: number): Source {
  const { model: found, origin } = readOfLabels(path, wanted, 'start from weights of the same labels');
  const { file, description } = found;
  const isOther = description.network !== wanted.network;
  if (!isOther) checkCrops(description, wanted, file);
  // Weights of the same shapes are checked where they are loaded.
  if (!isOther && description.width >= wanted.width) return { model: found, origin, fresh: [] };
  checkWeights(buildModel(description).parameters, found, file);
  const { parameters } = buildModel(wanted);
  const fresh = parameters.state.map(([name]) => name).filter((name) => !Object.hasOwn(found.tensors, name));
  if (fresh.length === parameters.state.length) {
    throw new FerError(
      `${file} is of network=${description.network}, which has nothing in common with ${wanted.network}: leave out ` +
        'network=, or start from other weights',
    );
  }
  return { model: { ...found, ...widen(parameters, [found], seed) }, origin, fresh };
}

/** Whether a file lies in a folder, or in one within it. */
function isWithin(file: string, folder: string): boolean {
  const way = relative(folder, file);
  return !isAbsolute(way) && !/^\.\.([\\/]|$)/.test(way);
}

function checkCrops(found: ModelDescription, { inputSize }: ModelDescription, file: string): void {
  if (fitsCrops(found, inputSize)) return;
  throw new FerError(
    `${file} is of crops of ${found.inputSize}x${found.inputSize}, and its linear layers do not fit those of ` +
      `crop_size=${inputSize}: leave out crop_size=, or give one nearer to ${found.inputSize}`,
  );
}

/** A stored model with its origin, if it tells the same labels apart. */
function readOfLabels(
  path: string,
  { labels }: ModelDescription,
  advice: string,
): { model: StoredModel; origin: WeightsOrigin } {
  const model = readModel(path);
  const { file, description } = model;
  if (JSON.stringify(description.labels) !== JSON.stringify(labels)) {
    throw new FerError(
      `${file} tells ${description.labels.join(', ')} apart, and the data has ${labels.join(', ')}: ${advice}`,
    );
  }
  return { model, origin: digested(file) };
}

/**
 * The weights that a path stands for.
 *
 * @param path as `readModel` takes it
 * @throws FerError if there are none
 */
export function originOf(path: string): WeightsOrigin {
  return digested(findModel(path).file);
}

function digested(file: string): WeightsOrigin {
  const seen = seenBy(file);
  return { file, sha256: fileSha256(file), ...(seen && { seen }) };
}

/** The paths of `teacher=`; none where it is empty. */
export function teachersOf({ teacher }: Pick<TrainConfig, 'teacher'>): string[] {
  return pathList(teacher, '+');
}

/**
 * Refuses teachers that are not there, or that the run itself would write over.
 *
 * @throws FerError
 */
export function checkTeachers(config: TrainConfig): void {
  for (const teacher of teachersOf(config)) {
    const { file } = findOfList(teacher, config.teacher, 'teacher');
    if (isWithin(file, join(config.runs, config.name))) {
      throw new FerError(`teacher=${teacher} lies in the folder of the run itself: choose another name=`);
    }
  }
}

/**
 * Reads a network whose answers a run learns.
 *
 * @param before what it was when the run began, if that is to be the same
 * @throws FerError if it is damaged or has changed, tells other labels apart or sees pictures of another size
 */
export function readTeacher(
  path: string,
  student: ModelDescription,
  before?: WeightsOrigin,
): { model: StoredModel; origin: WeightsOrigin } {
  const found = readOfLabels(path, student, 'choose a teacher of the same labels');
  const { model, origin } = found;
  const { imageSize, inputSize } = model.description;
  if (imageSize !== student.imageSize || inputSize !== student.inputSize) {
    throw new FerError(
      `${origin.file} sees ${inputSize}x${inputSize} of ${imageSize}x${imageSize} pixels, and this network ` +
        `${student.inputSize}x${student.inputSize} of ${student.imageSize}x${student.imageSize}: choose another teacher`,
    );
  }
  if (before) checkUnchanged(before, origin, 'learned from it');
  return found;
}

/**
 * Reads them once more, for a run that was stopped before it had saved anything.
 *
 * @throws FerError if they are not what they were
 */
export function readSameSource(
  before: WeightsOrigin,
  description: ModelDescription,
  seed: number,
): StoredModel {
  const { model, origin } = readSource(before.file, description, seed);
  checkUnchanged(before, origin, 'started from it');
  return model;
}

function checkUnchanged(before: WeightsOrigin, now: WeightsOrigin, what: string): void {
  if (now.sha256 === before.sha256) return;
  const [was, is] = [before.sha256, now.sha256].map((digest) => digest.slice(0, 12));
  throw new FerError(
    `${now.file} has changed since the run ${what} (SHA-256 ${was}, now ${is}): restore it, or ` +
      'start again with overwrite=true',
  );
}
