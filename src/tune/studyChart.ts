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
/** Configurations with fewer seeds than others that are named. */
const MOST_NAMED = 3;
/** Where a setting has no effect beside the others. */
const UNUSED = '–';
/** On a parallel axis, where its range begins if some configurations make no use of it. */
const ABOVE_UNUSED = 0.15;

type Key = keyof TrialSettings;

/**
 * The figure that suits what a study varies: bars for one setting and for two that are names (in the manner of
 * the paper), a heat map for two or three, else a line for each configuration through all of them.
 *
 * @returns undefined where there is nothing to compare
 */
export function studyChart(record: StudyRecord, space: Space): Chart | undefined {
  const rows = record.configurations.filter(({ val }) => val !== null);
  const values = (key: Key): string[] => valuesOf(record.configurations, space, key);
  // The rate of an optimizer that has its own is no choice of the study.
  const keys = (Object.keys(record.varied) as Key[]).filter((key) => {
    const given = space[key];
    return (given.kind === 'range' || given.list.length > 1) && values(key).length > 1;
  });
  if (rows.length === 0 || keys.length === 0) return undefined;
  const head = { title: titleOf(record, keys), subtitle: subtitleOf(record, rows) };
  const axes = keys.map((key) => ({ key, name: key, values: values(key) }));
  const ranges = keys.filter((key) => space[key].kind === 'range');
  const [first] = axes;
  if (keys.length === 1) return ranges.length === 1 ? points(rows, first.key, head) : bars(rows, first, head);
  if (ranges.length > 0 || keys.length > 3) return parallel(rows, axes, space, head);
  const byLength = [...axes].sort((a, b) => b.values.length - a.values.length);
  const fewest = byLength[keys.length - 1];
  if (keys.length === 2) {
    const names = keys.every((key) => trialOptions[key].type.numeric === undefined);
    const few = fewest.values.length <= MOST_SERIES;
    return names && few ? groupedBars(rows, byLength[0], fewest, head) : heat(rows, byLength, head);
  }
  return fewest.values.length <= MOST_PANELS ? heat(rows, byLength, head) : parallel(rows, axes, space, head);
}

/** A setting, and the values that the configurations have of it. */
interface Axis {
  readonly key: Key;
  readonly name: string;
  readonly values: readonly string[];
}

interface Head {
  readonly title: string;
  readonly subtitle: string;
}

function bars(rows: readonly Row[], { key, values }: Axis, head: Head): Chart {
  const test = rows.some((row) => row.test !== null);
  const series = test ? ['validation', 'test'] : ['validation'];
  // Numbers in their order, names as their rows come.
  const names = trialOptions[key].type.numeric ? values : new Set(rows.map((row) => textOf(row, key)));
  const groups = [...names].flatMap((name) => {
    const row = rows.find((each) => textOf(each, key) === name);
    return row ? [{ name, values: { validation: row.val, test: row.test } }] : [];
  });
  return barsChart(groups, series, { ...head, axis: key });
}

/** Groups by the first setting, a bar for each value of the second. */
function groupedBars(rows: readonly Row[], group: Axis, series: Axis, head: Head): Chart {
  // The rows come best first.
  const names = new Set(rows.map((row) => textOf(row, group.key)));
  const groups = [...names].map((name) => {
    const own = rows.filter((row) => textOf(row, group.key) === name);
    const values = series.values.map((value) => [
      value,
      own.find((row) => textOf(row, series.key) === value)?.val ?? null,
    ]);
    return { name, values: Object.fromEntries(values) };
  });
  return barsChart(groups, series.values, { ...head, axis: group.key });
}

function points(rows: readonly Row[], key: Key, head: Head): Chart {
  const values = rows.map(({ settings, val }) => ({ x: Number(settings[key]), value: val?.mean ?? 0 }));
  const log = trialOptions[key].type.numeric?.log ?? false;
  return pointsChart(values, { ...head, name: key, log });
}

/** @param axes the one with the most values first: it lies across */
function heat(rows: readonly Row[], [x, y, panel]: readonly Axis[], head: Head): Chart {
  const cells = rows.map((row) => ({
    x: textOf(row, x.key),
    y: textOf(row, y.key),
    panel: panel === undefined ? '' : textOf(row, panel.key),
    value: row.val?.mean ?? null,
  }));
  return heatChart(cells, { ...head, x, y, ...(panel === undefined ? {} : { panel }) });
}

function parallel(rows: readonly Row[], axes: readonly Axis[], space: Space, head: Head): Chart {
  const scales = axes.map((axis) => scaleOf(axis, space));
  const lines = rows.map((row) => ({
    at: axes.map(({ key }, i) => scales[i].place(textOf(row, key))),
    value: row.val?.mean ?? 0,
  }));
  return parallelChart(scales, lines, head);
}

/** Listed values at equal distances; a range from end to end on its own scale, what is unused at the foot. */
function scaleOf({ key, name, values }: Axis, space: Space): ParallelAxis & { place(text: string): number } {
  const given = space[key];
  if (given.kind === 'list') {
    const place = (text: string): number => values.indexOf(text) / (values.length - 1);
    return { name, ticks: values.map((label) => ({ at: place(label), label })), place };
  }
  const { low, high } = given;
  const log = trialOptions[key].type.numeric?.log ?? false;
  const foot = values.includes(UNUSED) ? ABOVE_UNUSED : 0;
  const share = (x: number): number =>
    log ? Math.log(x / low) / Math.log(high / low) : (x - low) / (high - low);
  const place = (text: string): number => (text === UNUSED ? 0 : foot + (1 - foot) * share(Number(text)));
  const middle = log ? Math.sqrt(low * high) : (low + high) / 2;
  const labels = [low, Number(middle.toPrecision(2)), high].map(String);
  const ticks = [...(foot > 0 ? [UNUSED] : []), ...labels].map((label) => ({ at: place(label), label }));
  return { name, ticks, place };
}

function textOf({ settings }: Row, key: Key): string {
  return settings[key] ?? UNUSED;
}

/**
 * What the configurations have of a setting, each once: numbers in ascending order, names as they were given.
 * `auto` is what it came to in each, and first stands that some make no use of it.
 */
function valuesOf(rows: readonly Row[], space: Space, key: Key): string[] {
  const { type } = trialOptions[key];
  const values = space[key];
  const given = values.kind === 'list' ? values.list.map((value) => type.show(value as never)) : [];
  const place = (text: string): number => (type.numeric ? Number(type.parse(text)) : given.indexOf(text));
  const found = [...new Set(rows.map((row) => textOf(row, key)))];
  const used = found.filter((text) => text !== UNUSED).sort((a, b) => place(a) - place(b));
  return found.length > used.length ? [UNUSED, ...used] : used;
}

function titleOf({ name, search }: StudyRecord, keys: readonly Key[]): string {
  if (search.study === 'optimizers' && keys.length === 2)
    return 'Optimizers, with constant and with decaying learning rate';
  if (search.study === 'schedulers' && keys.length === 1) return 'Learning-rate schedules';
  return `Study ${name}`;
}

/** What the figures are, and at which scale they were made: every setting that is not a default. */
function subtitleOf({ data, search, fixed, varied }: StudyRecord, rows: readonly Row[]): string {
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
  const seeds = Number(search.seeds) > 1 ? `, ${seedsText(rows)}` : '';
  const val = varied.val === undefined ? ` (${fixed.val})` : '';
  return `validation accuracy${val} of the best of ${epochsText(rows)}${seeds}${scale.length > 0 ? `; ${scale.join(' ')}` : ''}`;
}

/** Of how many seeds the figures are, and of which configurations some are missing. */
function seedsText(rows: readonly Row[]): string {
  const found = rows.map(({ val }) => val?.n ?? 0);
  const [{ of: all }] = rows;
  const least = Math.min(...found);
  const fewer = rows.filter((_, i) => found[i] < all);
  if (fewer.length > MOST_NAMED) return `mean of ${least} to ${all} seeds`;
  const named = fewer.map(({ settings, val }) => {
    const text = Object.entries(settings).map(([key, value]) => `${key}=${value}`);
    return `of ${val?.n} with ${text.join(' ')}`;
  });
  return [`mean of ${all} seeds`, ...named].join(', ');
}

/** How long the configurations trained: not all alike where some were left behind. */
function epochsText(rows: readonly Row[]): string {
  const epochs = rows.map((row) => row.epochs);
  const [least, most] = [Math.min(...epochs), Math.max(...epochs)];
  if (least < most) return `${least} to ${most} epochs`;
  return most === 1 ? '1 epoch' : `${most} epochs`;
}
