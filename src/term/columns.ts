export interface ColumnsOptions {
  /** Whether a column stands to the right, as figures do; by default all but the first. */
  readonly isRight?: (column: number) => boolean;
  /** Colours a padded cell. */
  readonly paint?: (text: string, row: number, column: number) => string;
}

/** The lines of a table: cells padded to the widest of their column. The first row has a cell in each, others may end earlier. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  { isRight = (column) => column > 0, paint = (text) => text }: ColumnsOptions = {},
): string[] {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const pad = (text: string, column: number): string =>
    isRight(column) ? text.padStart(widths[column]) : text.padEnd(widths[column]);
  return rows.map((row, r) =>
    row
      .map((text, column) => paint(pad(text, column), r, column))
      .join('  ')
      .trimEnd(),
  );
}
