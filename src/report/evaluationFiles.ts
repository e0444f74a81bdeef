import { join } from 'node:path';
import { confusionChart } from '../charts/confusionChart.ts';
import { type WriteChartOptions, writeChart } from '../charts/writeChart.ts';
import type { Judgement } from '../evaluate/judge.ts';
import { argmax, type Metrics, softmax } from '../evaluate/metrics.ts';
import { csvText } from '../io/csv.ts';
import { makeFolder, writeFileAtomic } from '../io/files.ts';

export interface EvaluationFilesOptions extends Pick<WriteChartOptions, 'theme'> {
  /** What was judged on what, under the picture's title. */
  readonly subtitle: string;
}

/**
 * Writes what is known of a judgement to a folder: `metrics.json`, `predictions.csv`, and the confusion
 * matrix as `confusion.svg`, `.png`, `.csv` and `.json`.
 *
 * @throws FerError naming path and remedy if the disk refuses
 */
export async function writeEvaluation(
  folder: string,
  judgement: Judgement,
  { subtitle, theme }: EvaluationFilesOptions,
): Promise<void> {
  const { metrics } = judgement;
  makeFolder(folder);
  const write = (name: string, text: string): void => writeFileAtomic(join(folder, name), text);
  write('metrics.json', json(metrics));
  write('predictions.csv', predictionsCsv(judgement));
  write('confusion.csv', confusionCsv(metrics));
  const { labels, confusion, confusionNormalized } = metrics;
  write(
    'confusion.json',
    json({
      rows: 'target',
      columns: 'prediction',
      labels,
      counts: confusion,
      normalized: confusionNormalized,
    }),
  );
  await writeChart(confusionChart(metrics, { subtitle }), join(folder, 'confusion'), { theme });
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** A row for each pair of target and prediction. */
function confusionCsv({ labels, confusion, confusionNormalized }: Metrics): string {
  const rows = labels.flatMap((target, r) =>
    labels.map((prediction, c) => [target, prediction, confusion[r][c], confusionNormalized[r][c]]),
  );
  return csvText([['target', 'prediction', 'images', 'share_of_target'], ...rows]);
}

/** A row for each image in the order of its split, counted from 0, with the share of each label. */
function predictionsCsv({ logits, targets, metrics: { labels } }: Judgement): string {
  const C = labels.length;
  const rows = Array.from(targets, (target, n) => {
    const row = logits.subarray(n * C, (n + 1) * C);
    const prediction = argmax(row);
    const scores = softmax(row).map((score) => Number(score.toPrecision(6)));
    return [n, labels[target], labels[prediction], prediction === target ? 1 : 0, ...scores];
  });
  return csvText([
    ['image', 'target', 'prediction', 'correct', ...labels.map((label) => `score_${label}`)],
    ...rows,
  ]);
}
