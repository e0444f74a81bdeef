import { alignColumns } from '../term/columns.ts';
import type { Row, Spread } from './summary.ts';

/** Rows shown on a terminal; all of them are in `study.csv`. */
const MOST = 20;

/** `71.20 %`, or `71.20 ± 0.31 %`. */
export function percentText({ mean, std }: Pick<Spread, 'mean' | 'std'>): string {
  const deviation = std === null ? '' : ` ± ${(100 * std).toFixed(2)}`;
  return `${(100 * mean).toFixed(2)}${deviation} %`;
}

/** The same, with how many values it is of where some of the seeds have none: `71.20 % (1 of 3)`. */
export function meanText(figure: Spread, seeds: number): string {
  return percentText(figure) + (figure.n < seeds ? ` (${figure.n} of ${seeds})` : '');
}

/** The configurations as a table, the best first. */
export function studyTable(rows: readonly Row[], keys: readonly string[], most = MOST): string {
  const hasTest = rows.some(({ test }) => test !== null);
  const states = rows.some(({ state }) => state !== 'finished');
  const head = [
    '',
    ...keys,
    'validation',
    ...(hasTest ? ['test'] : []),
    'epochs',
    ...(states ? ['state'] : []),
  ];
  const lines = rows
    .slice(0, most)
    .map(({ settings, val, test, of, epochs, state }, i) => [
      String(i + 1),
      ...keys.map((key) => settings[key] ?? '–'),
      val ? meanText(val, of) : '–',
      ...(hasTest ? [test ? meanText(test, of) : '–'] : []),
      String(epochs),
      ...(states ? [state] : []),
    ]);
  const left = rows.length - lines.length;
  const more = left > 0 ? [`and ${left} more in study.csv`] : [];
  return [...align([head, ...lines]), ...more].join('\n');
}

/** Settings to the left, figures to the right. */
function align(table: readonly (readonly string[])[]): string[] {
  const [head] = table;
  const isFigure = head.map((_, column) =>
    table.slice(1).every((line) => /^[\d.–][\d.± %e-]*(\(\d+ of \d+\))?$/.test(line[column])),
  );
  return alignColumns(table, { isRight: (column) => isFigure[column] });
}
