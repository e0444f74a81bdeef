/** One epoch's figures: a row of `history.csv`. */
export interface EpochRow {
  /** Counted from 1. */
  readonly epoch: number;
  readonly lr: number;
  readonly trainLoss: number;
  /** Share of the augmented training samples whose label was predicted, while learning. */
  readonly trainAccuracy: number;
  readonly valLoss: number;
  readonly valAccuracy: number;
  /** Training and validation. */
  readonly seconds: number;
  /** Images trained a second, validation not counted. */
  readonly imagesPerSecond: number;
}

const COLUMNS: readonly (readonly [name: string, of: (row: EpochRow) => number | string])[] = [
  ['epoch', (row) => row.epoch],
  ['lr', (row) => row.lr],
  ['train_loss', (row) => row.trainLoss],
  ['train_accuracy', (row) => row.trainAccuracy],
  ['val_loss', (row) => row.valLoss],
  ['val_accuracy', (row) => row.valAccuracy],
  ['seconds', (row) => row.seconds.toFixed(3)],
  ['images_per_second', (row) => row.imagesPerSecond.toFixed(2)],
];

/** `history.csv`: a header and a line an epoch; figures with all their digits, times rounded. */
export function historyCsv(rows: readonly EpochRow[]): string {
  const lines = rows.map((row) => COLUMNS.map(([, of]) => of(row)).join(','));
  return `${[COLUMNS.map(([name]) => name).join(','), ...lines].join('\n')}\n`;
}

/** The row with the highest validation accuracy, the first of equals. */
export function bestRow(rows: readonly EpochRow[]): EpochRow | undefined {
  return rows.reduce<EpochRow | undefined>(
    (best, row) => (best === undefined || row.valAccuracy > best.valAccuracy ? row : best),
    undefined,
  );
}
