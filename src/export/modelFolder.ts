import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { DTYPES } from '../config.ts';
import { FerError } from '../errors.ts';
import { explainFileError, makeFolder, removeStaleTemporaries, writeFileAtomic } from '../io/files.ts';
import { type StoredTensor, writeSafetensors } from '../io/safetensors.ts';
import { checkDescription } from '../nn/description.ts';
import { BEST, CONFIG, HISTORY, LAST, MODEL } from '../nn/fileNames.ts';
import { buildModel, checkWeights, type ModelDescription, type StoredModel } from '../nn/model.ts';
import { historyCsv } from '../train/history.ts';
import { programText, programVersion } from '../train/programVersion.ts';
import { refuseLocked } from '../train/runLock.ts';
import { COMMAND_FILE, commandText } from './commandFile.ts';
import { preprocessorOf } from './preprocessor.ts';
import type { Provenance } from './provenance.ts';

export type ExportDtype = (typeof DTYPES)[number];

/** The files of a model folder, but for its card. */
export const MODEL_FILES = {
  weights: MODEL,
  config: CONFIG,
  preprocessor: 'preprocessor_config.json',
  history: HISTORY,
  command: COMMAND_FILE,
  card: 'README.md',
} as const;

const FILE_NAMES: readonly string[] = Object.values(MODEL_FILES);
/** Weights that a run alone has. */
const RUN_WEIGHTS = [BEST, LAST];

/**
 * Writes a model so that it can be passed on: weights, `config.json`, `preprocessor_config.json` and, where
 * how it was made is known, `history.csv` and `command.txt`. The weights are on the disk first and take their name
 * last: a disk that is too small leaves an old model as it was, and a folder that was left half-written holds none.
 *
 * @throws FerError if weights are of another network or too large for half precision, or the disk refuses
 */
export function writeModelFolder(
  folder: string,
  model: StoredModel,
  dtype: ExportDtype,
  provenance?: Provenance,
): void {
  const tensors = exportedTensors(model, dtype);
  const write = (name: string, text: string): void => writeFileAtomic(join(folder, name), text);
  const writeOthers = (): void => {
    removeOldModel(folder);
    write(MODEL_FILES.config, json(configOf(model.description, dtype, provenance)));
    write(MODEL_FILES.preprocessor, json(preprocessorOf(model.description)));
    if (!provenance) return;
    const { record, history, commands } = provenance;
    if (commands.length > 0) write(MODEL_FILES.command, commandText(programText(record), commands));
    if (history.length > 0) write(MODEL_FILES.history, historyCsv(history));
  };
  const { network, labels } = model.description;
  const { epoch } = model.metadata;
  const metadata = {
    format: 'pt',
    network,
    labels: JSON.stringify(labels),
    version: programVersion().version,
    ...(epoch === undefined ? {} : { epoch }),
  };
  writeSafetensors(join(folder, MODEL_FILES.weights), tensors, metadata, writeOthers);
}

/** Removes what would be untrue beside other weights; these go first, as nothing left may speak for them. */
function removeOldModel(folder: string): void {
  const { weights, card, command, history } = MODEL_FILES;
  try {
    for (const name of [weights, card, command, history]) rmSync(join(folder, name), { force: true });
  } catch (error) {
    throw explainFileError(error, 'replace the model in', folder);
  }
}

/**
 * Makes the folder that a model is written to.
 *
 * @param option what the user chose it with, for the message
 * @throws FerError if it holds something and `overwrite` is not given, a run, or with `overwrite` no model to replace
 */
export function makeModelFolder(folder: string, overwrite: boolean, option = 'out'): void {
  makeFolder(folder);
  // What a killed process left half-written is no reason to refuse the same command once more.
  removeStaleTemporaries(folder);
  const names = readdirSync(folder);
  if (RUN_WEIGHTS.some((name) => names.includes(name))) {
    throw new FerError(`${folder} is a run, which has weights of its own: choose another ${option}=`);
  }
  if (names.length === 0) return;
  const some = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ', …' : ''}`;
  if (!overwrite) {
    throw new FerError(
      `${folder} is not empty (${some}): choose another ${option}=, or give overwrite=true to replace the files of a ` +
        'model there',
    );
  }
  // A run that has no weights yet is somebody's, and so are other files of the same names.
  refuseLocked(folder);
  if (!names.some((name) => FILE_NAMES.includes(name)) || holdsModel(folder)) return;
  throw new FerError(
    `${folder} holds no model (${some}), so overwrite=true replaces nothing there: choose another ${option}=`,
  );
}

function holdsModel(folder: string): boolean {
  const file = join(folder, MODEL_FILES.config);
  if (!existsSync(file)) return false;
  try {
    checkDescription(JSON.parse(readFileSync(file, 'utf8'))?.model, file);
    return true;
  } catch {
    return false;
  }
}

/**
 * The tensors of a model in the order of its network. Half precision is for weights of convolutions and
 * linear layers, which are all but a thousandth of the numbers: a small running variance of batch norm would
 * vanish in it.
 *
 * @throws FerError if one is missing, of another shape, or too large for half precision
 */
export function exportedTensors(model: StoredModel, dtype: ExportDtype): Record<string, StoredTensor> {
  const { parameters } = buildModel(model.description);
  checkWeights(parameters, model, model.file);
  const halves = new Set(
    parameters.graph.parameters.filter(({ kind }) => kind === 'weight').map(({ name }) => name),
  );
  return Object.fromEntries(
    parameters.state.map(([name, { shape }]) => {
      const data = Float32Array.from(model.tensors[name].data as Float32Array);
      if (dtype === 'fp32' || !halves.has(name)) return [name, { dtype: 'F32', shape, data }];
      const worst = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      if (worst >= LARGEST_HALF) {
        throw new FerError(
          `${model.file}: "${name}" holds ${worst.toPrecision(4)}, and half precision ends at 65504: give dtype=fp32`,
        );
      }
      return [name, { dtype: 'F16', shape, data }];
    }),
  );
}

/** From here on a number rounds to infinity. */
const LARGEST_HALF = 65520;

/** Keys of Hugging Face's `config.json`, then our own: `model` is what `readModel` reads. */
function configOf(description: ModelDescription, dtype: ExportDtype, provenance?: Provenance): unknown {
  const { network, labels, inputSize } = description;
  return {
    architectures: [network],
    model_type: 'fer',
    problem_type: 'single_label_classification',
    num_channels: 1,
    image_size: inputSize,
    torch_dtype: dtype === 'fp16' ? 'float16' : 'float32',
    id2label: Object.fromEntries(labels.map((label, i) => [i, label])),
    label2id: Object.fromEntries(labels.map((label, i) => [label, i])),
    model: description,
    ...(provenance ? provenance.record : programVersion()),
  };
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
