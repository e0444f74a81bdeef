import type { PredictConfig, predictOptions } from '../config.ts';
import type { Backend } from '../engine/backend.ts';
import { createBackend } from '../engine/createBackend.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { type Recognition, Recognizer } from '../evaluate/recognizer.ts';
import { findModel, type LoadedModel, loadFound } from '../nn/model.ts';
import type { Output } from './output.ts';
import { type PhotoPrediction, PhotoPredictor } from './photos.ts';
import { type Failure, facesOf, picturesOf, readPictures } from './pictures.ts';
import { cropsTable, photosTable } from './predictTables.ts';
import type { Run } from './verb.ts';

/** The answer for a picture that is a face crop; a picture that could not be read has an error instead. */
export type CropPrediction = ({ readonly file: string } & Recognition) | Failure;

/** `fer predict`: the expressions in photographs, or in face crops. A bad picture is reported and the others go on. */
export const run: Run<typeof predictOptions> = async ({ config, positionals }, out) => {
  const { files, failures } = picturesOf(positionals);
  const found = findModel(config.model);
  const backend = await createBackend({ ...config, samples: files.length * config.crops });
  try {
    const model = loadFound(backend, found);
    const { labels } = model.description;
    const all: (CropPrediction | PhotoPrediction)[] = [...failures];
    const crops = config.faces === 'none';
    const show = (): number =>
      tell(
        all,
        () =>
          crops
            ? cropsTable(all as readonly CropPrediction[], labels)
            : photosTable(all as readonly PhotoPrediction[], labels),
        out,
      );
    try {
      await (crops ? predictCrops : predictPhotos)(backend, model, files, config, out, (one) =>
        all.push(one),
      );
    } catch (error) {
      // What was found until then is not lost.
      if (all.length > failures.length) show();
      throw error;
    }
    return show();
  } finally {
    await backend.close();
  }
};

/** @returns the exit code */
function tell(
  predictions: readonly (CropPrediction | PhotoPrediction)[],
  table: () => string,
  out: Output,
): number {
  const errors = predictions.flatMap((one) => ('error' in one ? (one.error ?? []) : []));
  for (const error of errors) out.note(error);
  out.result(predictions, table);
  return errors.length > 0 ? 1 : 0;
}

async function predictCrops(
  backend: Backend,
  model: LoadedModel,
  files: readonly string[],
  { bs, crops }: PredictConfig,
  out: Output,
  found: (prediction: CropPrediction) => void,
): Promise<void> {
  const batch = Math.min(files.length, facesPerStep(bs, crops));
  const recognizer = new Recognizer(backend, model, { crops, batch });
  const bar = out.progress({ label: `predicting on ${backend.name}`, total: files.length });
  for (let first = 0; first < files.length; first += batch) {
    const read = await readPictures(files.slice(first, first + batch), recognizer.description.imageSize);
    const answers = (await recognizer.recognize(facesOf(read))).values();
    for (const picture of read) {
      found('error' in picture ? picture : { file: picture.file, ...(answers.next().value as Recognition) });
    }
    bar.update(first + batch);
  }
}

async function predictPhotos(
  backend: Backend,
  model: LoadedModel,
  files: readonly string[],
  config: PredictConfig,
  out: Output,
  found: (prediction: PhotoPrediction) => void,
): Promise<void> {
  const predictor = new PhotoPredictor(backend, model, files, config);
  const bar = out.progress({
    label: `looking for faces, predicting on ${backend.name}`,
    total: files.length,
  });
  // One after another: the memory of one photograph at a time.
  for (const [done, file] of files.entries()) {
    const prediction = await predictor.predict(file);
    if ('faces' in prediction && prediction.faces.length === 0) {
      out.note(`${file}: no face found; faces=none takes a picture as a face crop`);
    }
    found(prediction);
    bar.update(done + 1);
  }
}
