import type { Dataset, Split } from '../data/dataset.ts';
import { checkImageSize, checkSplits } from '../data/images.ts';
import { FerError } from '../errors.ts';
import type { ModelDescription } from '../nn/model.ts';
import type { Judged } from './ensemble.ts';
import { argmax, computeMetrics, type Metrics, softmax } from './metrics.ts';

/** The images that a model is judged on. */
export interface JudgedFaces {
  /** [N, size, size], 0 black to 255 white. */
  readonly images: Uint8Array;
  /** [N], indices into the model's labels. */
  readonly targets: Uint8Array;
}

/** A model's answers on some faces, and what they are worth. */
export interface Judgement extends JudgedFaces {
  /** [N, L], before softmax. */
  readonly logits: Float32Array;
  readonly metrics: Metrics;
}

/** The answer for one face. */
export interface Prediction {
  /** The label of the highest score, an index into the model's labels. */
  readonly label: number;
  /** Softmax of that label. */
  readonly confidence: number;
  readonly correct: boolean;
}

/** The answer for each face of a judgement. */
export function predictionsOf({
  logits,
  targets,
  metrics,
}: Pick<Judgement, 'logits' | 'targets' | 'metrics'>): Prediction[] {
  const C = metrics.labels.length;
  return Array.from(targets, (target, n) => {
    const row = logits.subarray(n * C, (n + 1) * C);
    const label = argmax(row);
    return { label, confidence: softmax(row)[label], correct: label === target };
  });
}

/**
 * The images of a split, with targets in the model's order of labels: matched by name.
 *
 * @throws FerError if the split is empty, or its images or labels are not what the model knows
 */
export function facesOf(dataset: Dataset, split: Split, model: ModelDescription): JudgedFaces {
  checkSplits(dataset, [split], 'choose another split=');
  checkImageSize(dataset, model);
  const { splits, source, size, images, targets, labels } = dataset;
  const indices = splits[split];
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

/** Runs a model on faces, timed. */
export async function judge(
  recognizer: Judged,
  { images, targets }: JudgedFaces,
  onBatch?: (done: number) => void,
): Promise<Judgement> {
  const started = performance.now();
  const logits = await recognizer.logits(images, onBatch);
  const seconds = (performance.now() - started) / 1000;
  const metrics = computeMetrics(logits, targets, recognizer.description.labels, seconds);
  return { images, targets, logits, metrics };
}
