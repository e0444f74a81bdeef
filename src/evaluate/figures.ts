import type { Assessment } from './assess.ts';
import type { Figure } from './bootstrap.ts';
import { CALIBRATION_BINS } from './calibration.ts';
import type { Metrics } from './metrics.ts';

/** A figure as reports and model cards show it. */
export interface FigureRow {
  readonly key: Figure;
  readonly name: string;
  readonly meaning: string;
  readonly value: (of: Assessment) => number;
  /** A share is shown in percent. */
  readonly unit: 'share' | 'number';
  /** Whether more is better. */
  readonly rises: boolean;
}

/** Every figure with an interval, in the order of reports and cards. */
export const FIGURE_ROWS: readonly FigureRow[] = [
  row('accuracy', 'Accuracy', 'images whose highest score is the target', ({ accuracy }) => accuracy),
  row('balancedAccuracy', 'Balanced accuracy', 'mean recall of the classes', (m) => m.balancedAccuracy),
  row('macroF1', 'Macro F1', 'mean F1 of the classes', ({ macro }) => macro.f1),
  row('top2', 'Top-2 accuracy', 'target among the two highest scores', ({ top2 }) => top2),
  row('cohenKappa', "Cohen's kappa", 'agreement beyond chance', (m) => m.cohenKappa, 'number'),
  row('matthews', 'Matthews correlation', 'of targets and predictions', (m) => m.matthews, 'number'),
  row('loss', 'Loss', 'mean cross-entropy, in nats', ({ loss }) => loss, 'number', false),
  {
    key: 'ece',
    name: 'Calibration error',
    meaning: `expected, over ${CALIBRATION_BINS} bins`,
    value: ({ calibration }) => calibration.ece,
    unit: 'share',
    rises: false,
  },
];

function row(
  key: Figure,
  name: string,
  meaning: string,
  of: (metrics: Metrics) => number,
  unit: FigureRow['unit'] = 'share',
  rises = true,
): FigureRow {
  return { key, name, meaning, value: ({ judgement }) => of(judgement.metrics), unit, rises };
}
