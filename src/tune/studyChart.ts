import type { Chart } from '../charts/renderSvg.ts';
import { type TrialSettings, trialOptions } from '../config.ts';
import { barsChart } from './charts/barsChart.ts';
import { heatChart } from './charts/heatChart.ts';
import { type ParallelAxis, parallelChart } from './charts/parallelChart.ts';
import { pointsChart } from './charts/pointsChart.ts';
import type { Space } from './space.ts';
import type { StudyRecord } from './studyFolder.ts';
import type { Row } from './summary.ts';

/** Bars beside each other that can still be told apart, and panels that fit beside each other. */
const MOST_SERIES = 4;
const MOST_PANELS = 4;

type Key = keyof TrialSettings;

/**
 * The figure that suits what a study varies: bars for one setting and for two that are names (in the manner of
 * the paper), a heat map for two or three, else a line for each configuration through all of them.
 *
 * @returns undefined where there is nothing to compare
 */
export function studyChart(record: StudyRecord, space: Space): Chart | undefined {
  const rows = record.configurations.filter(({ val }) => val !== null);
  // The rate of an optimizer that has its own is no choice of the study.
  const keys = (Object.keys(record.varied) as Key[]).filter((key) => {
    const values = space[key];
    return values.kind === 'range' || values.list.length > 1;
  });
  if (rows.length === 0 || keys.length === 0) return undefined;
  const head = { title: titleOf(record, keys), subtitle: subtitleOf(record) };
  const ranges = keys.filter((key) => space[key].kind === 'range');
  const [first] = keys;
  if (keys.length === 1)
    return ranges.length === 1 ? points(rows, first, head) : bars(rows, first, space, head);
  if (ranges.length > 0 || keys.length > 3) return parallel(rows, keys, space, head);
  const byLength = [...keys].sort((a, b) => valuesOf(space, b).length - valuesOf(space, a).length);
  const fewest = byLength.at(-1) as Key;
  if (keys.length === 2) {
    const names = keys.every((key) => trialOptions[key].type.numeric === undefined);
    const few = valuesOf(space, fewest).length <= MOST_SERIES;
    return names && few
      ? groupedBars(rows, byLength[0], fewest, space, head)
      : heat(rows, byLength, space, head);
  }
  return valuesOf(space, fewest).length <= MOST_PANELS
    ? heat(rows, byLength, space, head)
    : parallel(rows, keys, space, head);
}

interface Head {
  readonly title: string;
  readonly subtitle: string;
}

function bars(rows: readonly Row[], key: Key, space: Space, head: Head): Chart {
  const test = rows.some((row) => row.test !== null);
  const series = test ? ['validation', 'test'] : ['validation'];
  const groups = valuesOf(space, key).flatMap((name) => {
    const row = rows.find(({ settings }) => settings[key] === name);
    return row ? [{ name, values: { validation: row.val, test: row.test } }] : [];
  });
  const ordered = trialOptions[key].type.numeric !== undefined;
  return barsChart(groups, series, { ...head, axis: key, ordered });
}

/** Groups by the first key, a bar for each value of the second. */
function groupedBars(rows: readonly Row[], groupKey: Key, seriesKey: Key, space: Space, head: Head): Chart {
  const series = valuesOf(space, seriesKey);
  const groups = valuesOf(space, groupKey).map((name) => {
    const own = rows.filter(({ settings }) => settings[groupKey] === name);
    // The rows come best first.
    const values = series.map((value) => [
      value,
      own.find(({ settings }) => settings[seriesKey] === value)?.val ?? null,
    ]);
    return { name, values: Object.fromEntries(values) };
  });
  return barsChart(groups, series, { ...head, axis: groupKey });
}

function points(rows: readonly Row[], key: Key, head: Head): Chart {
  const values = rows.map(({ settings, val }) => ({ x: Number(settings[key]), value: val?.mean ?? 0 }));
  const log = trialOptions[key].type.numeric?.log ?? false;
  return pointsChart(values, { ...head, name: key, log });
}

/** @param keys the one with the most values first: it lies across */
function heat(rows: readonly Row[], [x, y, panel]: readonly Key[], space: Space, head: Head): Chart {
  const axis = (key: Key) => ({ name: key, values: valuesOf(space, key) });
  const cells = rows.map(({ settings, val }) => ({
    x: settings[x] ?? '–',
    y: settings[y] ?? '–',
    panel: panel === undefined ? '' : (settings[panel] ?? '–'),
    value: val?.mean ?? null,
  }));
  return heatChart(cells, {
    ...head,
    x: axis(x),
    y: axis(y),
    ...(panel === undefined ? {} : { panel: axis(panel) }),
  });
}

function parallel(rows: readonly Row[], keys: readonly Key[], space: Space, head: Head): Chart {
  const axes = keys.map((key) => parallelAxis(key, space));
  const lines = rows.map(({ settings, val }) => ({
    at: keys.map((key, i) => (settings[key] === undefined ? null : axes[i].place(settings[key]))),
    value: val?.mean ?? 0,
  }));
  return parallelChart(axes, lines, head);
}

/** A range from end to end on its own scale; listed values at equal distances. */
function parallelAxis(key: Key, space: Space): ParallelAxis & { place(text: string): number } {
  const values = space[key];
  if (values.kind === 'list') {
    const list = valuesOf(space, key);
    const place = (text: string): number => (list.length > 1 ? list.indexOf(text) / (list.length - 1) : 0.5);
    return { name: key, ticks: list.map((label) => ({ at: place(label), label })), place };
  }
  const { low, high } = values;
  const log = trialOptions[key].type.numeric?.log ?? false;
  const place = (text: string): number =>
    log ? Math.log(Number(text) / low) / Math.log(high / low) : (Number(text) - low) / (high - low);
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2;
  const ticks = [low, Number(middle.toPrecision(2)), high].map((x) => ({
    at: place(String(x)),
    label: String(x),
  }));
  return { name: key, ticks, place };
}

/** As text, numbers in ascending order, names as they were given. */
function valuesOf(space: Space, key: Key): string[] {
  const values = space[key];
  if (values.kind === 'range') return [];
  const { type } = trialOptions[key];
  const list = [...values.list] as never[];
  if (type.numeric) list.sort((a, b) => a - b);
  return [...new Set(list.map((value) => type.show(value)))];
}

function titleOf({ name, search }: StudyRecord, keys: readonly Key[]): string {
  if (search.study === 'optimizers' && keys.length === 2)
    return 'Optimizers, with constant and with decaying learning rate';
  if (search.study === 'schedulers' && keys.length === 1) return 'Learning-rate schedules';
  return `Study ${name}`;
}

/** What the figures are, and at which scale they were made: every setting that is not a default. */
function subtitleOf({ data, search, fixed, varied }: StudyRecord): string {
  const epochs = fixed.n_epochs === undefined ? 'any epoch' : `${fixed.n_epochs} epochs`;
  const changed = (Object.keys(fixed) as Key[]).filter(
    (key) =>
      key !== 'n_epochs' &&
      key !== 'val' &&
      fixed[key] !== trialOptions[key].type.show(trialOptions[key].default as never),
  );
  const scale = [
    ...(data.limit > 0 ? [`limit=${data.limit}`] : []),
    ...(varied.lr === 'auto' ? ['lr=auto'] : []),
    ...changed.map((key) => `${key}=${fixed[key]}`),
  ];
  const seeds = Number(search.seeds) > 1 ? `, mean of ${search.seeds} seeds` : '';
  const val = varied.val === undefined ? ` (${fixed.val})` : '';
  return `validation accuracy${val} of the best of ${epochs}${seeds}${scale.length > 0 ? `; ${scale.join(' ')}` : ''}`;
}
