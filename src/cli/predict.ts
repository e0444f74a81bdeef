import type { predictOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { type Recognition, Recognizer } from '../evaluate/recognizer.ts';
import { readModel } from '../nn/model.ts';
import { type Failure, facesOf, picturesOf, readPictures } from './pictures.ts';
import type { Run } from './verb.ts';

/** One picture's answer; a picture that could not be read has an error instead. */
type Prediction = ({ readonly file: string } & Recognition) | Failure;

/** `fer predict`: the expression in face crops. A bad picture is reported and the others go on. */
export const run: Run<typeof predictOptions> = async ({ config, positionals }, out) => {
  const { files, failures } = picturesOf(positionals);
  const model = readModel(config.model);
  const backend = await createBackend({ ...config, samples: files.length * config.crops });
  try {
    const batch = Math.min(files.length, Math.max(1, Math.floor(config.bs / config.crops)));
    const recognizer = new Recognizer(backend, model, { crops: config.crops, batch });
    const predictions: Prediction[] = [...failures];
    const bar = out.progress({ label: `predicting on ${backend.name}`, total: files.length });
    for (let first = 0; first < files.length; first += batch) {
      predictions.push(...(await predict(files.slice(first, first + batch), recognizer)));
      bar.update(first + batch);
    }
    const bad = predictions.filter((prediction) => 'error' in prediction);
    for (const { error } of bad) out.note(error);
    out.result(predictions, () => table(predictions, model.description.labels));
    return bad.length > 0 ? 1 : 0;
  } finally {
    await backend.close();
  }
};

async function predict(files: readonly string[], recognizer: Recognizer): Promise<Prediction[]> {
  const read = await readPictures(files, recognizer.description.imageSize);
  const answers = await recognizer.recognize(facesOf(read));
  let next = 0;
  return read.map((picture) => ('error' in picture ? picture : { file: picture.file, ...answers[next++] }));
}

/** A line a picture: name, label, and the share of each label. */
function table(predictions: readonly Prediction[], labels: readonly string[]): string {
  const width = Math.max(4, ...predictions.map(({ file }) => file.length));
  const label = Math.max(...labels.map(({ length }) => length));
  const lines = predictions.map((prediction) => {
    const name = prediction.file.padEnd(width);
    if ('error' in prediction) return `${name}  unreadable`;
    const scores = labels.map((key) =>
      `${(100 * prediction.scores[key]).toFixed(1)}`.padStart(Math.max(5, key.length)),
    );
    return `${name}  ${prediction.label.padEnd(label)}  ${scores.join('  ')}`;
  });
  const head = labels.map((key) => key.padStart(Math.max(5, key.length))).join('  ');
  return [`${'file'.padEnd(width)}  ${'label'.padEnd(label)}  ${head}   (%)`, ...lines].join('\n');
}
