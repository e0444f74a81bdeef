import type { Chart } from './renderSvg.ts';

/** One class's figure, 0..1, with the interval it lies in; without images it has none. */
export interface ClassFigure {
  readonly label: string;
  readonly value: number;
  readonly low: number | null;
  readonly high: number | null;
}

const STEP = 28;
const WIDTH = 205;

/** A bar for each class with a line over its interval, and the figure in percent behind it. */
export function classBarsChart(name: string, figures: readonly ClassFigure[]): Chart {
  const values = figures.map((figure) => ({ ...figure, text: percent(figure.value) }));
  return {
    title: `${name} of each class`,
    description: `${figures.map(describe).join(', ')}.`,
    spec: (palette) => ({
      padding: 6,
      width: WIDTH,
      height: { step: STEP },
      data: { values },
      encoding: {
        y: {
          field: 'label',
          type: 'nominal',
          sort: figures.map(({ label }) => label),
          scale: { paddingInner: 0.35, paddingOuter: 0.2 },
          axis: { title: null, labelColor: palette.ink, grid: false },
        },
      },
      layer: [
        {
          mark: { type: 'bar', color: palette.series[0] },
          encoding: { x: { ...AXIS, field: 'value', title: null } },
        },
        {
          transform: [{ filter: 'isValid(datum.low)' }],
          mark: { type: 'rule', color: palette.ink, strokeWidth: 1.5 },
          encoding: { x: { ...AXIS, field: 'low' }, x2: { field: 'high' } },
        },
        {
          // Behind the bars' end, where no interval reaches.
          mark: { type: 'text', align: 'right', color: palette.ink },
          encoding: { x: { value: WIDTH + 40 }, text: { field: 'text', type: 'nominal' } },
        },
      ],
    }),
  };
}

const AXIS = {
  type: 'quantitative',
  scale: { domain: [0, 1] as number[], nice: false },
  axis: { format: '.0%', values: [0, 0.25, 0.5, 0.75, 1] as number[] },
} as const;

function describe({ label, value, low, high }: ClassFigure): string {
  const interval = low === null || high === null ? '' : ` (${percent(low)} to ${percent(high)})`;
  return `${label} ${percent(value)} %${interval}`;
}

function percent(share: number): string {
  return (100 * share).toFixed(1);
}
