import type { Chart } from '../../charts/renderSvg.ts';
import { wrapText } from '../../charts/wrapText.ts';

/** One of the upright axes. */
export interface ParallelAxis {
  readonly name: string;
  /** Where a value stands: 0 at the foot, 1 at the top. */
  readonly ticks: readonly { readonly at: number; readonly label: string }[];
}

/** One configuration: a line from axis to axis. */
export interface ParallelLine {
  /** Its place on each axis, in their order. */
  readonly at: readonly number[];
  /** Validation accuracy. */
  readonly value: number;
}

export interface ParallelOptions {
  readonly title: string;
  readonly subtitle: string;
}

const STEP = 150;
const HEIGHT = 280;
/** Opacity of the worst line. */
const FAINT = 0.12;

/**
 * Each configuration as a line through its settings to its accuracy on the last axis, the deeper the colour the
 * better; the best one stands out.
 *
 * @param lines the best first
 */
export function parallelChart(
  axes: readonly ParallelAxis[],
  lines: readonly ParallelLine[],
  { title, subtitle }: ParallelOptions,
): Chart {
  // The best last, so that it lies on top.
  const [best, ...others] = lines;
  const sorted = [...others.sort((a, b) => a.value - b.value), ...(best ? [best] : [])];
  const found = lines.map(({ value }) => value);
  const [low, high] = found.length > 0 ? [Math.min(...found), Math.max(...found)] : [0, 1];
  const share = (value: number): number => (high > low ? (value - low) / (high - low) : 1);
  const names = [...axes.map(({ name }) => name), 'accuracy'];
  const points = sorted.flatMap(({ at, value }, line) =>
    [...at, share(value)].map((y, i) => ({
      line,
      axis: names[i],
      y,
      share: FAINT + (1 - FAINT) * share(value),
      best: line === sorted.length - 1,
    })),
  );
  const percent = (value: number): string => `${(100 * value).toFixed(1)} %`;
  const ends =
    high > low
      ? [
          { at: 0, label: percent(low) },
          { at: 1, label: percent(high) },
        ]
      : [{ at: 1, label: percent(high) }];
  const ticks = [...axes, { name: 'accuracy', ticks: ends }].flatMap(({ name, ticks: own }) =>
    own.map(({ at, label }) => ({ axis: name, y: at, label })),
  );
  return {
    title,
    description: describe(lines.length, low, high, names.slice(0, -1)),
    spec: (palette) => {
      const x = {
        field: 'axis',
        type: 'nominal' as const,
        sort: names,
        scale: { type: 'point' as const, padding: 0.4 },
        axis: {
          title: null,
          orient: 'top' as const,
          labelAngle: 0,
          labelColor: palette.ink,
          labelPadding: 12,
          grid: false,
        },
      };
      const y = {
        field: 'y',
        type: 'quantitative' as const,
        scale: { domain: [0, 1], nice: false },
        axis: null,
      };
      const path = (test: string) => ({
        transform: [{ filter: test }],
        encoding: { x, y, detail: { field: 'line', type: 'nominal' as const } },
      });
      return {
        title: { text: title, subtitle: wrapText(subtitle, names.length * STEP) },
        width: names.length * STEP,
        height: HEIGHT,
        layer: [
          {
            data: { values: names.map((axis) => ({ axis, foot: 0, top: 1 })) },
            mark: { type: 'rule', color: palette.grid, strokeWidth: 2 },
            encoding: { x, y: { ...y, field: 'foot' }, y2: { field: 'top' } },
          },
          {
            data: { values: points },
            ...path('!datum.best'),
            mark: { type: 'line', interpolate: 'monotone', color: palette.heat, strokeWidth: 2 },
            encoding: {
              ...path('').encoding,
              opacity: { field: 'share', type: 'quantitative', scale: null, legend: null },
            },
          },
          {
            data: { values: points },
            ...path('datum.best'),
            mark: { type: 'line', interpolate: 'monotone', color: palette.series[1], strokeWidth: 3 },
          },
          {
            data: { values: ticks },
            mark: {
              type: 'text',
              align: 'left',
              dx: 7,
              fontSize: 12,
              color: palette.muted,
              stroke: palette.background,
              strokeWidth: 3,
            },
            encoding: { x, y, text: { field: 'label', type: 'nominal' } },
          },
          {
            data: { values: ticks },
            mark: { type: 'text', align: 'left', dx: 7, fontSize: 12, color: palette.muted },
            encoding: { x, y, text: { field: 'label', type: 'nominal' } },
          },
        ],
      };
    },
  };
}

function describe(n: number, low: number, high: number, names: readonly string[]): string {
  return (
    `${n} configurations of ${names.join(', ')}, each a line that ends at its validation accuracy, from ` +
    `${(100 * low).toFixed(2)} % to ${(100 * high).toFixed(2)} %.`
  );
}
