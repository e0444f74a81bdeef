import type { evaluateOptions } from '../config.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import { createBackend } from '../engine/createBackend.ts';
import { FerError } from '../errors.ts';
import { computeMetrics } from '../evaluate/metrics.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import { metricsText } from '../evaluate/table.ts';
import { writeFileAtomic } from '../io/files.ts';
import { type ModelDescription, readModel } from '../nn/model.ts';
import { readData } from './common.ts';
import type { Run } from './verb.ts';

/** `fer evaluate`: the figures of a model on a split. */
export const run: Run<typeof evaluateOptions> = async ({ config }, out) => {
  const model = readModel(config.model);
  const dataset = await readData(config, out);
  const { images, targets } = facesOf(dataset, config.split, model.description);
  const backend = await createBackend(config);
  try {
    const batch = Math.max(1, Math.floor(config.bs / config.crops));
    const recognizer = new Recognizer(backend, model, { crops: config.crops, batch });
    const bar = out.progress({
      label: `${config.split} on ${backend.name}`,
      total: targets.length,
      unit: 'images',
    });
    const started = performance.now();
    const logits = await recognizer.logits(images, (done) => bar.update(done));
    const seconds = (performance.now() - started) / 1000;
    const metrics = computeMetrics(logits, targets, model.description.labels, seconds);
    // First where nothing can fail: figures that took minutes are not lost to a wrong out=.
    out.result(metrics, () => metricsText(metrics, { color: out.color }));
    if (config.out !== '') writeFileAtomic(config.out, `${JSON.stringify(metrics, null, 2)}\n`);
  } finally {
    await backend.close();
  }
  return 0;
};

/** The images of a split, with targets in the model's order of labels: matched by name. */
function facesOf(
  { splits, source, size, images, targets, labels }: Dataset,
  split: Split,
  model: ModelDescription,
): { images: Uint8Array; targets: Uint8Array } {
  const indices = splits[split];
  if (indices.length === 0) {
    const there = Object.entries(splits).map(([name, { length }]) => `${name} ${length}`);
    throw new FerError(`${source} has no image in ${split} (${there.join(', ')}): choose another split=`);
  }
  if (size !== model.imageSize) {
    throw new FerError(
      `${source} has images of ${size}x${size}, the model was trained on ${model.imageSize}x${model.imageSize}`,
    );
  }
  const place = labels.map((label) => model.labels.indexOf(label));
  const missing = labels.filter((_, i) => place[i] < 0);
  if (missing.length > 0) {
    throw new FerError(
      `${source} has labels the model does not know: ${missing.join(', ')}; it knows ${model.labels.join(', ')}`,
    );
  }
  const pixels = size * size;
  const faces = new Uint8Array(indices.length * pixels);
  indices.forEach((index, i) => {
    faces.set(images.subarray(index * pixels, (index + 1) * pixels), i * pixels);
  });
  return { images: faces, targets: Uint8Array.from(indices, (index) => place[targets[index]]) };
}
