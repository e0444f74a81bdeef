import pc from 'picocolors';
import { alignColumns } from '../term/columns.ts';
import { counted, grouped, percent } from '../term/numbers.ts';
import type { Metrics } from './metrics.ts';

/** Labels longer than this are cut in the tables, so that seven classes fit into 80 columns. */
const MAX_LABEL = 12;

export interface TableOptions {
  /** Use colour codes: `Output.color`. */
  readonly color?: boolean;
}

/** Everything `fer evaluate` shows: summary, per-class table, confusion matrix in counts and in percent. */
export function metricsText(metrics: Metrics, options: TableOptions = {}): string {
  return [
    summaryLines(metrics).join('\n'),
    perClassTable(metrics, options),
    confusionTable(metrics, options),
    confusionTable(metrics, { ...options, normalized: true }),
  ].join('\n\n');
}

function summaryLines(metrics: Metrics): string[] {
  const { n, accuracy, top2, loss, balancedAccuracy, macro, cohenKappa, matthews } = metrics;
  const { imagesPerSecond, unseen } = metrics;
  const speed =
    imagesPerSecond === null ? '' : `, ${grouped(imagesPerSecond, imagesPerSecond < 100 ? 1 : 0)} images/s`;
  return [
    `${counted(n, 'image')}${speed}`,
    `accuracy ${percent(accuracy)}   top-2 ${percent(top2)}   loss ${loss.toFixed(4)}`,
    `balanced accuracy ${percent(balancedAccuracy)}   macro F1 ${percent(macro.f1)}   ` +
      `kappa ${cohenKappa.toFixed(3)}   Matthews ${matthews.toFixed(3)}`,
    ...(unseen
      ? [
          `accuracy ${percent(unseen.accuracy)} on the ${grouped(unseen.n)} images that are not in Training as well`,
        ]
      : []),
  ];
}

/** One row a class: precision, recall, F1 in percent and the number of images. */
export function perClassTable(metrics: Metrics, { color = false }: TableOptions = {}): string {
  const { dim } = pc.createColors(color);
  const figures = (row: { precision: number; recall: number; f1: number }, support: number): string[] => [
    percent(row.precision),
    percent(row.recall),
    percent(row.f1),
    grouped(support),
  ];
  const rows = [
    ['', 'precision', 'recall', 'F1', 'images'],
    ...metrics.perClass.map((row) => [cut(row.label), ...figures(row, row.support)]),
    ['macro mean', ...figures(metrics.macro, metrics.n)],
  ];
  const lines = alignColumns(rows);
  lines[0] = dim(lines[0]);
  return lines.join('\n');
}

/**
 * The confusion matrix, row the target and column the prediction; counts, or with `normalized` percent of
 * the row. With colour the diagonal is green and what takes a tenth of a row or more away from it red.
 */
export function confusionTable(
  metrics: Metrics,
  { color = false, normalized = false }: TableOptions & { normalized?: boolean } = {},
): string {
  const { bold, dim, green, red } = pc.createColors(color);
  const labels = metrics.labels.map(cut);
  const cells = normalized
    ? metrics.confusionNormalized.map((row) => row.map((share) => (100 * share).toFixed(1)))
    : metrics.confusion.map((row) => row.map((count) => grouped(count)));
  const paint = (text: string, row: number, column: number): string => {
    if (row === 0) return dim(text);
    if (column === 0) return text;
    if (row === column) return bold(green(text));
    return metrics.confusionNormalized[row - 1][column - 1] >= 0.1 ? red(text) : text;
  };
  const title = `${normalized ? 'Confusion, % of each row' : 'Confusion, images'} (row: target, column: prediction)`;
  const rows = [['', ...labels], ...cells.map((row, c) => [labels[c], ...row])];
  return [title, ...alignColumns(rows, { paint })].join('\n');
}

function cut(label: string): string {
  return label.length > MAX_LABEL ? `${label.slice(0, MAX_LABEL - 1)}…` : label;
}
