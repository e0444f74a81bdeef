import type { Dataset, Split } from '../data/dataset.ts';
import { type BackendOptions, createBackend } from '../engine/createBackend.ts';
import { type Bootstrap, bootstrap } from '../evaluate/bootstrap.ts';
import { type Calibration, calibration } from '../evaluate/calibration.ts';
import { facesOf, type Judgement, judge } from '../evaluate/judge.ts';
import { argmax, softmax } from '../evaluate/metrics.ts';
import { Recognizer } from '../evaluate/recognizer.ts';
import type { StoredModel } from '../nn/model.ts';

/** What a model is worth on a split. */
export interface Evaluated {
  readonly split: Split;
  readonly judgement: Judgement;
  readonly bootstrap: Bootstrap;
  readonly calibration: Calibration;
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
    const batch = Math.max(1, Math.floor(bs / crops));
    const recognizer = new Recognizer(backend, model, { crops, batch });
    const results: Evaluated[] = [];
    for (const [i, split] of splits.entries()) {
      const total = faces[i].targets.length;
      const judgement = await judge(recognizer, faces[i], (done) =>
        onProgress?.(split, done, total, backend.name),
      );
      results.push({
        split,
        judgement,
        bootstrap: bootstrap(judgement),
        calibration: calibrationOf(judgement),
      });
    }
    return results;
  } finally {
    await backend.close();
  }
}

function calibrationOf({ logits, targets, metrics }: Judgement): Calibration {
  const C = metrics.labels.length;
  const confidences = new Float64Array(targets.length);
  const correct = Array.from(targets, (target, n) => {
    const row = logits.subarray(n * C, (n + 1) * C);
    const prediction = argmax(row);
    confidences[n] = softmax(row)[prediction];
    return prediction === target;
  });
  return calibration(confidences, correct);
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
  const C = a.metrics.labels.length;
  const label = ({ logits }: Judgement, n: number): number => argmax(logits.subarray(n * C, (n + 1) * C));
  let changed = 0;
  for (let n = 0; n < a.targets.length; n++) if (label(a, n) !== label(b, n)) changed++;
  const largest = a.logits.reduce((most, value, i) => Math.max(most, Math.abs(value - b.logits[i])), 0);
  const { n, accuracy } = a.metrics;
  return { split: before.split, n, before: accuracy, after: b.metrics.accuracy, changed, largest };
}
