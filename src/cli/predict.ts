import type { predictOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { FerError } from '../errors.ts';
import { type Recognition, Recognizer } from '../evaluate/recognizer.ts';
import { listImages } from '../image/list.ts';
import { readGrayImage } from '../image/read.ts';
import { readModel } from '../nn/model.ts';
import type { Run } from './verb.ts';

/** A path that is no readable picture, and why. */
type Failure = { readonly file: string; readonly error: string };

/** One picture's answer; a picture that could not be read has an error instead. */
type Prediction = ({ readonly file: string } & Recognition) | Failure;

/** `fer predict`: the expression in face crops. A bad picture is reported and the others go on. */
export const run: Run<typeof predictOptions> = async ({ config, positionals }, out) => {
  const { files, failures } = picturesOf(positionals);
  const model = readModel(config.model);
  const backend = await createBackend(config);
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

/**
 * The pictures that the user named, and the named paths that are none.
 *
 * @throws FerError if there is no picture at all
 */
function picturesOf(paths: readonly string[]): { files: string[]; failures: Failure[] } {
  const files = new Set<string>();
  const failures: Failure[] = [];
  for (const path of paths) {
    try {
      for (const file of listImages([path])) files.add(file);
    } catch (error) {
      if (!(error instanceof FerError)) throw error;
      failures.push({ file: path, error: error.message });
    }
  }
  if (files.size === 0) throw new FerError(failures.map(({ error }) => error).join('\n'));
  return { files: [...files], failures };
}

async function predict(files: readonly string[], recognizer: Recognizer): Promise<Prediction[]> {
  const size = recognizer.description.imageSize;
  const read = await Promise.all(
    files.map(async (file): Promise<{ file: string; pixels: Uint8Array } | Failure> => {
      try {
        return { file, pixels: await readGrayImage(file, size) };
      } catch (error) {
        if (!(error instanceof FerError)) throw error;
        return { file, error: error.message };
      }
    }),
  );
  const good = read.filter((picture) => 'pixels' in picture);
  const faces = new Uint8Array(good.length * size * size);
  good.forEach(({ pixels }, i) => {
    faces.set(pixels, i * size * size);
  });
  const answers = await recognizer.recognize(faces);
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
