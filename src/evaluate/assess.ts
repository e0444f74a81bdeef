import { type Bootstrap, type BootstrapOptions, bootstrap } from './bootstrap.ts';
import { type Calibration, calibration } from './calibration.ts';
import type { Judged } from './ensemble.ts';
import { type JudgedFaces, type Judgement, judge, type Prediction, predictionsOf } from './judge.ts';

/** Everything that reports and model cards say of a model's answers on some faces. */
export interface Assessment {
  readonly judgement: Judgement;
  /** Of each face. */
  readonly predictions: readonly Prediction[];
  readonly bootstrap: Bootstrap;
  readonly calibration: Calibration;
}

export interface AssessOptions extends Pick<BootstrapOptions, 'resamples' | 'seed'> {
  readonly onBatch?: (done: number) => void;
}

/** Judges a model on faces, with intervals and calibration. */
export async function assess(
  recognizer: Judged,
  faces: JudgedFaces,
  { resamples, seed, onBatch }: AssessOptions = {},
): Promise<Assessment> {
  const judgement = await judge(recognizer, faces, onBatch);
  const predictions = predictionsOf(judgement);
  return {
    judgement,
    predictions,
    bootstrap: bootstrap(judgement, { resamples, seed }),
    calibration: calibration(
      predictions.map(({ confidence }) => confidence),
      predictions.map(({ correct }) => correct),
    ),
  };
}
