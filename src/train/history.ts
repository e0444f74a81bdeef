/** One epoch's figures: a row of `history.csv`. */
export interface EpochRow {
  /** Counted from 1. */
  readonly epoch: number;
  /** Learning rate of the epoch's first step. */
  readonly lr: number;
  readonly trainLoss: number;
  /**
   * Share of the augmented training samples whose label was predicted, while learning. A mixed sample has
   * two labels; each counts with its share.
   */
  readonly trainAccuracy: number;
  /** Null where there was no validation, and so is the accuracy. */
  readonly valLoss: number | null;
  readonly valAccuracy: number | null;
  /** Training and validation. */
  readonly seconds: number;
  /** Images trained a second, validation not counted. */
  readonly imagesPerSecond: number;
}

/** Columns in order; `digits` where a figure is rounded after the point. */
const COLUMNS: readonly { readonly name: string; readonly key: keyof EpochRow; readonly digits?: number }[] =
  [
    { name: 'epoch', key: 'epoch' },
    { name: 'lr', key: 'lr' },
    { name: 'train_loss', key: 'trainLoss' },
    { name: 'train_accuracy', key: 'trainAccuracy' },
    { name: 'val_loss', key: 'valLoss' },
    { name: 'val_accuracy', key: 'valAccuracy' },
    { name: 'seconds', key: 'seconds', digits: 3 },
    { name: 'images_per_second', key: 'imagesPerSecond', digits: 2 },
  ];

const HEADER = COLUMNS.map(({ name }) => name).join(',');

/** `history.csv`: a header and a line an epoch; figures with all their digits, times rounded. */
export function historyCsv(rows: readonly EpochRow[]): string {
  const lines = rows.map((row) =>
    COLUMNS.map(({ key, digits }) => (digits === undefined ? row[key] : row[key]?.toFixed(digits))).join(','),
  );
  return `${[HEADER, ...lines].join('\n')}\n`;
}

/** The rows of a `history.csv`, or undefined if it is none. */
export function parseHistory(csv: string): EpochRow[] | undefined {
  const [header, ...lines] = csv.trimEnd().split(/\r?\n/);
  if (header !== HEADER) return undefined;
  const rows = lines.map((line) => {
    const figures = line.split(',').map((cell) => (cell === '' ? null : Number(cell)));
    return Object.fromEntries(COLUMNS.map(({ key }, i) => [key, figures[i]])) as unknown as EpochRow;
  });
  return rows.every(isEpochRow) ? rows : undefined;
}

/** Whether something read from a file is a row: all its figures are there and numbers, or all but validation's. */
export function isEpochRow(value: unknown): value is EpochRow {
  const row = value as Partial<EpochRow> | null;
  if (typeof row !== 'object' || row === null) return false;
  const unvalidated = row.valLoss === null && row.valAccuracy === null;
  return COLUMNS.every(
    ({ key }) => Number.isFinite(row[key]) || (unvalidated && (key === 'valLoss' || key === 'valAccuracy')),
  );
}

/** The row with the highest validation accuracy, the first of equals; without validation the last. */
export function bestRow(rows: readonly EpochRow[]): EpochRow | null {
  const isBetter = (row: EpochRow, best: EpochRow): boolean =>
    row.valAccuracy === null || best.valAccuracy === null || row.valAccuracy > best.valAccuracy;
  return rows.reduce<EpochRow | null>(
    (best, row) => (best === null || isBetter(row, best) ? row : best),
    null,
  );
}
