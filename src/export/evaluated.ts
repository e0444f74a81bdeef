import type { Dataset, Split } from '../data/dataset.ts';
import { type BackendOptions, createBackend } from '../engine/createBackend.ts';
import { type Assessment, assess } from '../evaluate/assess.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { facesOf } from '../evaluate/judge.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import type { StoredModel } from '../nn/model.ts';

/** What a model is worth on a split. */
export interface Evaluated extends Assessment {
  readonly split: Split;
}

export interface EvaluateOptions extends BackendOptions {
  readonly crops: 1 | 10;
  /** Crops a step. */
  readonly bs: number;
  readonly onProgress?: (split: Split, done: number, total: number, device: string) => void;
}

/**
 * Judges a model on splits of a dataset, on a backend of its own.
 *
 * @throws FerError if the data is not what the model knows
 */
export async function evaluateModel(
  model: StoredModel,
  dataset: Dataset,
  splits: readonly Split[],
  options: EvaluateOptions,
): Promise<Evaluated[]> {
  const { crops, bs, onProgress } = options;
  const faces = splits.map((split) => facesOf(dataset, split, model.description));
  const backend = await createBackend(options);
  try {
    const recognizer = new Recognizer(backend, model, { crops, batch: facesPerStep(bs, crops) });
    const results: Evaluated[] = [];
    for (const [i, split] of splits.entries()) {
      const total = faces[i].targets.length;
      const onBatch = (done: number): void => onProgress?.(split, done, total, backend.name);
      results.push({ split, ...(await assess(recognizer, faces[i], { onBatch })) });
    }
    return results;
  } finally {
    await backend.close();
  }
}

/** How the answers of two versions of a network differ on the same images. */
export interface Rounding {
  readonly split: Split;
  readonly n: number;
  readonly before: number;
  readonly after: number;
  /** Images whose label is another. */
  readonly changed: number;
  /** Largest difference of two logits. */
  readonly largest: number;
}

/** What became of the answers on a split. */
export function roundingOf(before: Evaluated, after: Evaluated): Rounding {
  const [a, b] = [before.judgement, after.judgement];
  const changed = before.predictions.filter(({ label }, n) => label !== after.predictions[n].label).length;
  const largest = a.logits.reduce((most, value, i) => Math.max(most, Math.abs(value - b.logits[i])), 0);
  const { n, accuracy } = a.metrics;
  return { split: before.split, n, before: accuracy, after: b.metrics.accuracy, changed, largest };
}
