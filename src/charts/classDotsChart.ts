import type { ClassFigure } from './classBarsChart.ts';
import { legendColumns, legendLimit } from './linesChart.ts';
import type { Chart } from './renderSvg.ts';
import { runScales } from './runScales.ts';

/** The classes of one run. */
export interface RunClasses {
  readonly name: string;
  readonly classes: readonly ClassFigure[];
}

const WIDTH = 240;

/** A figure of each class for several runs beside each other: a dot and the interval, a colour a run. */
export function classDotsChart(figure: string, runs: readonly RunClasses[]): Chart {
  const names = runs.map(({ name }) => name);
  const labels = runs[0].classes.map(({ label }) => label);
  const values = runs.flatMap(({ name, classes }) => classes.map((each) => ({ ...each, name })));
  const step = Math.max(9, Math.round(40 / runs.length));
  return {
    title: `${figure} of each class, by run`,
    description: runs
      .map(({ name, classes }) => {
        const list = classes.map(({ label, value }) => `${label} ${(100 * value).toFixed(1)} %`);
        return `${name}: ${list.join(', ')}`;
      })
      .join('; '),
    spec: (palette) => {
      const scales = runScales(names, palette);
      const legend = {
        orient: 'top',
        symbolSize: 60,
        columns: legendColumns(names, WIDTH),
        labelLimit: legendLimit(names, WIDTH),
      } as const;
      const color = { field: 'name', type: 'nominal', scale: scales.color, legend } as const;
      const shape = { field: 'name', type: 'nominal', scale: scales.shape, legend } as const;
      const x = {
        type: 'quantitative',
        scale: { domain: [0, 1] as number[], nice: false },
        axis: { format: '.0%', values: [0, 0.25, 0.5, 0.75, 1] as number[] },
      } as const;
      return {
        padding: 6,
        width: WIDTH,
        height: { step, for: 'offset' },
        data: { values },
        encoding: {
          y: {
            field: 'label',
            type: 'nominal',
            sort: labels,
            scale: { paddingInner: 0.25 },
            axis: { title: null, labelColor: palette.ink, grid: false },
          },
          yOffset: { field: 'name', type: 'nominal', sort: names },
        },
        layer: [
          {
            transform: [{ filter: 'isValid(datum.low)' }],
            mark: { type: 'rule', strokeWidth: 1.5 },
            encoding: { x: { ...x, field: 'low', title: null }, x2: { field: 'high' }, color },
          },
          {
            mark: { type: 'point', filled: true, size: 50, opacity: 1 },
            encoding: { x: { ...x, field: 'value' }, color, shape },
          },
        ],
      };
    },
  };
}
