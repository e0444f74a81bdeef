import type { PredictConfig, predictOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { type Recognition, Recognizer } from '../evaluate/recognizer.ts';
import { readModel } from '../nn/model.ts';
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
  const model = readModel(config.model);
  const backend = await createBackend({ ...config, samples: files.length * config.crops });
  try {
    const batch = Math.max(1, Math.floor(config.bs / config.crops));
    const crops = config.faces === 'none';
    const recognizer = new Recognizer(backend, model, {
      crops: config.crops,
      batch: crops ? Math.min(files.length, batch) : batch,
    });
    const { labels } = model.description;
    const answer = crops ? predictCrops : predictPhotos;
    const predictions = await answer(files, recognizer, batch, config, out, backend.name);
    const all = [...failures, ...predictions];
    const bad = all.filter((prediction) => 'error' in prediction);
    for (const { error } of bad) out.note(error);
    out.result(all, () =>
      crops
        ? cropsTable(all as readonly CropPrediction[], labels)
        : photosTable(all as readonly PhotoPrediction[], labels),
    );
    return bad.length > 0 ? 1 : 0;
  } finally {
    await backend.close();
  }
};

async function predictCrops(
  files: readonly string[],
  recognizer: Recognizer,
  batch: number,
  _: PredictConfig,
  out: Output,
  device: string,
): Promise<CropPrediction[]> {
  const predictions: CropPrediction[] = [];
  const bar = out.progress({ label: `predicting on ${device}`, total: files.length });
  for (let first = 0; first < files.length; first += batch) {
    const read = await readPictures(files.slice(first, first + batch), recognizer.description.imageSize);
    const answers = (await recognizer.recognize(facesOf(read))).values();
    for (const picture of read) {
      predictions.push(
        'error' in picture ? picture : { file: picture.file, ...(answers.next().value as Recognition) },
      );
    }
    bar.update(first + batch);
  }
  return predictions;
}

async function predictPhotos(
  files: readonly string[],
  recognizer: Recognizer,
  _: number,
  config: PredictConfig,
  out: Output,
  device: string,
): Promise<PhotoPrediction[]> {
  const predictor = await PhotoPredictor.create(recognizer, files, config);
  const predictions: PhotoPrediction[] = [];
  const bar = out.progress({ label: `looking for faces, predicting on ${device}`, total: files.length });
  // One after another: the memory of one photograph at a time.
  for (const file of files) {
    const prediction = await predictor.predict(file);
    if ('faces' in prediction && prediction.faces.length === 0) {
      out.note(`${file}: no face found; faces=none takes a picture as a face crop`);
    }
    predictions.push(prediction);
    bar.update(predictions.length);
  }
  return predictions;
}
