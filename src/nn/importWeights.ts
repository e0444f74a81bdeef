import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs';
import { FER2013_LABELS } from '../data/dataset.ts';
import { checkCropSize } from '../data/images.ts';
import { canonicalLabel } from '../data/labels.ts';
import { FerError } from '../errors.ts';
import { explainFileError } from '../io/files.ts';
import { readSafetensors, type Safetensors } from '../io/safetensors.ts';
import { shellWord } from '../term/shellWord.ts';
import { allFinite, weightProblems } from './checkWeights.ts';
import { buildModel, type ModelDescription, type StoredModel } from './model.ts';
import type { NetworkName } from './networks.ts';

export interface ImportOptions {
  readonly network: NetworkName;
  /** Names of the classes in the order of the logits; none: FER2013's, if there are seven. */
  readonly labels: readonly string[];
  /** Side of the pictures that it was trained on, before cropping. */
  readonly imageSize: number;
  /** Side of the crops that it saw. */
  readonly inputSize: number;
  readonly drop: number;
}

/** Before every name in weights that were trained on several GPUs at once. */
const PARALLEL = 'module.';
/** What a message lists of the tensors that are wrong. */
const SHOWN = 5;

/**
 * Reads weights that another program made: a PyTorch `state_dict` as safetensors, its names and shapes
 * those of the original project. Width and number of classes are found from the shapes.
 *
 * @throws FerError for a file that is no safetensors, and naming every tensor that is missing, unknown or of
 *   another shape
 */
export function importWeights(file: string, options: ImportOptions): StoredModel {
  if (!existsSync(file) || statSync(file).isDirectory()) {
    throw new FerError(`${file} is ${existsSync(file) ? 'a folder' : 'not there'}: give a .safetensors file`);
  }
  checkCropSize(options.inputSize, options.imageSize);
  refusePickle(file);
  const weights = withoutPrefix(readSafetensors(file));
  const description = describe(weights, options, file);
  checkTensors(weights, description, file);
  const { parameters } = buildModel(description);
  const tensors = Object.fromEntries(parameters.state.map(([name]) => [name, weights.tensors[name]]));
  return { description, file, tensors, metadata: {} };
}

/** The name to look at for each network, whose first and last shapes say how wide it is. */
const SIZES: { readonly [Name in NetworkName]: { readonly width: string; readonly classes: string } } = {
  vgg: { width: 'conv1a.weight', classes: 'lin3.weight' },
  vgg_lite: { width: 'conv1a.weight', classes: 'lin.weight' },
};

function describe({ tensors }: Safetensors, options: ImportOptions, file: string): ModelDescription {
  const { network, imageSize, inputSize, drop } = options;
  const size = (name: string): number => {
    const side = tensors[name]?.shape[0];
    if (side !== undefined && side > 0) return side;
    const found = listed(Object.keys(tensors));
    const other = Object.entries(SIZES).find(([, { classes }]) => Object.hasOwn(tensors, classes))?.[0];
    const advice =
      other === undefined || other === network
        ? 'Names must be those of the original state_dict'
        : `Give network=${other}, whose names it has`;
    throw new FerError(
      `${file} has no tensor "${name}", so it is not of network=${network}; it has ${found || 'none at all'}. ${advice}`,
    );
  };
  const width = size(SIZES[network].width);
  const classes = size(SIZES[network].classes);
  const names = options.labels.length > 0 ? options.labels.map(canonicalLabel) : [...FER2013_LABELS];
  if (names.length !== classes || new Set(names).size < classes) {
    const given = options.labels.length > 0 ? `classes= names ${names.length}` : 'FER2013 has 7';
    throw new FerError(
      `${file} tells ${classes} classes apart, and ${given}${new Set(names).size < names.length ? ', some twice' : ''}: give their names in the order of ` +
        'the logits, as in classes=angry+disgust+fear+happy+sad+surprise+neutral',
    );
  }
  return { network, width, drop, labels: names, imageSize, inputSize };
}

function withoutPrefix({ tensors, metadata }: Safetensors): Safetensors {
  const entries = Object.entries(tensors);
  if (!entries.every(([name]) => name.startsWith(PARALLEL))) return { tensors, metadata };
  return {
    tensors: Object.fromEntries(entries.map(([name, tensor]) => [name.slice(PARALLEL.length), tensor])),
    metadata,
  };
}

/** Names all that is wrong at once: whoever converts weights has to see where names went astray. */
function checkTensors({ tensors }: Safetensors, description: ModelDescription, file: string): void {
  const { parameters } = buildModel(description);
  const found = weightProblems(parameters, tensors);
  const unfit = new Set(found.wrong.map(({ name }) => name));
  const infinite = parameters.state.flatMap(([name]) =>
    Object.hasOwn(tensors, name) && !unfit.has(name) && !allFinite(tensors[name]) ? [name] : [],
  );
  const wrong = [
    ...found.wrong.map(({ name, is, needs }) => `${name} is ${is} instead of ${needs}`),
    ...infinite.map((name) => `${name} holds values that are no numbers`),
  ];
  const problems = [
    found.missing.length > 0 ? `missing: ${listed(found.missing)}` : '',
    found.unknown.length > 0 ? `unknown: ${listed(found.unknown)}` : '',
    wrong.length > 0 ? `wrong: ${listed(wrong)}` : '',
  ].filter((problem) => problem !== '');
  if (problems.length === 0) return;
  const { network, width } = description;
  throw new FerError(
    `${file} is not of network=${network} with width ${width} and ${description.labels.length} classes. ${problems.join('; ')}`,
  );
}

function listed(names: readonly string[]): string {
  const rest = names.length - SHOWN;
  return names.slice(0, SHOWN).join(', ') + (rest > 0 ? ` and ${rest} more` : '');
}

/** Files of torch.save: a zip archive, or a pickle by itself. They can run code when they are read. */
function refusePickle(file: string): void {
  const start = Buffer.alloc(8);
  try {
    const handle = openSync(file, 'r');
    try {
      readSync(handle, start, 0, start.length, 0);
    } finally {
      closeSync(handle);
    }
  } catch (error) {
    throw explainFileError(error, 'read', file);
  }
  const zip = start.readUInt32BE() === 0x504b0304;
  // Safetensors begin with the length of their header in eight bytes, of which no real one needs the last four.
  const pickle = start[0] === 0x80 && start[1] >= 2 && start[1] <= 5 && start.readUInt32LE(4) !== 0;
  if (!zip && !pickle) return;
  throw new FerError(
    `${file} is a file of torch.save, which may run code when it is read: convert it with Python where you trust it. ` +
      'python3 -c "import sys, torch; from safetensors.torch import save_file; ' +
      "c = torch.load(sys.argv[1], map_location='cpu'); save_file(c.get('params', c), 'weights.safetensors')\" " +
      shellWord(file),
  );
}
