import { basename, join } from 'node:path';
import type { importOptions } from '../config.ts';
import { FACE_SIZE } from '../data/dataset.ts';
import { makeModelFolder, writeModelFolder } from '../export/modelFolder.ts';
import { fileSha256 } from '../io/files.ts';
import { importWeights } from '../nn/importWeights.ts';
import { buildModel } from '../nn/model.ts';
import { grouped } from '../term/numbers.ts';
import { shellWord } from '../term/shellWord.ts';
import { programVersion } from '../train/programVersion.ts';
import type { Run } from './verb.ts';

/** `fer import`: weights of the original project, or of another program, as a model folder. */
export const run: Run<typeof importOptions> = async ({ config, positionals: [file] }, out) => {
  const { name, runs, network, crop_size: inputSize, drop, overwrite } = config;
  const labels = config.classes === '' ? [] : config.classes.split(/[+,]/);
  const model = importWeights(file, { network, labels, drop, imageSize: FACE_SIZE, inputSize });
  const folder = join(runs, name);
  makeModelFolder(folder, overwrite, 'name');
  const sha256 = fileSha256(file);
  const imported = { file: basename(file), sha256 };
  const record = { ...programVersion(), model: model.description, imported };
  writeModelFolder(folder, model, 'fp32', { record, history: [], commands: [] });
  const { count } = buildModel(model.description).parameters;
  out.result({ out: folder, model: model.description, parameters: count, sha256 }, () => {
    const { width, labels: found } = model.description;
    return (
      `${folder}: ${network} of width ${width}, ${grouped(count)} parameters, ` +
      `${found.join(', ')}\nto see what it is worth: fer evaluate model=${shellWord(folder)} data=fer2013.csv`
    );
  });
  return 0;
};
