import { grouped } from '../term/numbers.ts';
import { textWidth } from './font.ts';
import type { Chart } from './renderSvg.ts';
import { wrapText } from './wrapText.ts';

export interface Confusion {
  readonly labels: readonly string[];
  /** Counts, [C][C]: row the target, column the prediction. */
  readonly confusion: readonly (readonly number[])[];
  /** The same with every row divided by its sum. */
  readonly confusionNormalized: readonly (readonly number[])[];
}

/** From this share on a cell is dark enough for light text; with either theme's heat colour. */
export const HEAT_SWITCH = 0.55;
/** Room for the cells in all, so that seven classes and their labels come to about 600 px. */
const CELLS_WIDTH = 490;
/** Of the text over few cells. */
const LEAST_WIDTH = 260;
const LABEL_SIZE = 12;

/**
 * A confusion matrix as the paper draws it: rows are targets, columns predictions, the deeper the blue the
 * larger the share of the row. Each cell says the share in percent and, small, the number of images.
 */
export function confusionChart(
  { labels, confusion, confusionNormalized }: Confusion,
  { title = 'Confusion matrix', subtitle }: { title?: string; subtitle?: string } = {},
): Chart {
  const C = labels.length;
  const step = Math.round(Math.min(110, Math.max(46, CELLS_WIDTH / C)));
  // With the names of the rows.
  const width = Math.max(LEAST_WIDTH, step * C + 90);
  // Labels that do not fit over their column are turned.
  const turned = labels.some((label) => textWidth(label, LABEL_SIZE) > step - 4);
  const values = labels.flatMap((target, r) =>
    labels.map((prediction, c) => ({
      target,
      prediction,
      share: confusionNormalized[r][c],
      percent: percent(confusionNormalized[r][c]),
      count: grouped(confusion[r][c]),
    })),
  );
  const heat = {
    field: 'share',
    type: 'quantitative',
    scale: { domain: [0, 1], range: [0.035, 1] },
  } as const;
  return {
    title,
    description: describe(labels, confusionNormalized),
    spec: (palette) => ({
      title: {
        text: title,
        subtitle: [...(subtitle === undefined ? [] : wrapText(subtitle, width)), '% of each row, and images'],
        limit: width,
      },
      data: { values },
      width: { step },
      height: { step },
      encoding: {
        x: {
          field: 'prediction',
          type: 'nominal',
          sort: [...labels],
          scale: { paddingInner: 0.03, paddingOuter: 0 },
          axis: { title: 'predicted', labelAngle: turned ? -40 : 0, grid: false, labelColor: palette.ink },
        },
        y: {
          field: 'target',
          type: 'nominal',
          sort: [...labels],
          scale: { paddingInner: 0.03, paddingOuter: 0 },
          axis: { title: 'target', grid: false, labelColor: palette.ink },
        },
      },
      layer: [
        {
          mark: { type: 'rect', color: palette.heat, cornerRadius: 2 },
          encoding: { opacity: { ...heat, legend: null } },
        },
        {
          mark: { type: 'text', fontSize: C > 8 ? 12 : 15, fontWeight: 600, dy: -7 },
          encoding: { text: { field: 'percent', type: 'nominal' }, color: textColor(palette) },
        },
        {
          mark: { type: 'text', fontSize: C > 8 ? 10 : 11, dy: 11 },
          encoding: { text: { field: 'count', type: 'nominal' }, color: textColor(palette) },
        },
      ],
    }),
  };
}

const textColor = ({ ink, onHeat }: { ink: string; onHeat: string }) => ({
  condition: { test: `datum.share >= ${HEAT_SWITCH}`, value: onHeat },
  value: ink,
});

function percent(share: number): string {
  return (100 * share).toFixed(1);
}

/** The diagonal, and the largest of the rest. */
function describe(labels: readonly string[], shares: readonly (readonly number[])[]): string {
  const right = labels.map((label, c) => `${label} ${percent(shares[c][c])} %`).join(', ');
  let worst = { share: 0, target: '', prediction: '' };
  shares.forEach((row, r) => {
    row.forEach((share, c) => {
      if (r !== c && share > worst.share) worst = { share, target: labels[r], prediction: labels[c] };
    });
  });
  const rest =
    worst.share > 0
      ? ` The most frequent error: ${worst.target} taken for ${worst.prediction}, ${percent(worst.share)} %.`
      : '';
  return `Rows are the targets, columns the predictions. Predicted right: ${right}.${rest}`;
}
