import { HEAT_SWITCH } from '../../charts/confusionChart.ts';
import { textWidth } from '../../charts/font.ts';
import type { Chart } from '../../charts/renderSvg.ts';
import { wrapText } from '../../charts/wrapText.ts';

/** One cell of a grid. */
export interface HeatCell {
  readonly x: string;
  readonly y: string;
  /** The panel it stands in; the same for all where there is only one. */
  readonly panel: string;
  /** Accuracy; null where there is no result. */
  readonly value: number | null;
}

export interface HeatOptions {
  readonly title: string;
  readonly subtitle: string;
  /** Names of the settings, and their values in order. */
  readonly x: { readonly name: string; readonly values: readonly string[] };
  readonly y: { readonly name: string; readonly values: readonly string[] };
  readonly panel?: { readonly name: string; readonly values: readonly string[] };
}

const CELL = { width: 74, height: 50 };
const LABEL_SIZE = 12;
/** Of the text over few cells. */
const LEAST_WIDTH = 420;
/** Opacity of the lowest accuracy; the highest has 1. */
const FAINT = 0.06;

/**
 * Accuracy over two settings, the deeper the colour the better; a panel for each value of a third.
 *
 * @param cells the best first
 */
export function heatChart(cells: readonly HeatCell[], { title, subtitle, x, y, panel }: HeatOptions): Chart {
  const found = cells.flatMap(({ value }) => (value === null ? [] : [value]));
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const shade = (value: number): number => (high > low ? (value - low) / (high - low) : 1);
  const values = cells.flatMap((cell) =>
    cell.value === null
      ? []
      : [
          {
            ...cell,
            panel: panel ? `${panel.name} ${cell.panel}` : '',
            shade: FAINT + (1 - FAINT) * shade(cell.value),
            label: (100 * cell.value).toFixed(1),
          },
        ],
  );
  // Values that do not fit under their column are turned.
  const turned = x.values.some((value) => textWidth(value, LABEL_SIZE) > CELL.width - 4);
  return {
    title,
    description: describe(cells, x.name, y.name, panel?.name),
    spec: (palette) => {
      const width = Math.max(LEAST_WIDTH, x.values.length * CELL.width * (panel?.values.length ?? 1));
      const layers = {
        width: { step: CELL.width },
        height: { step: CELL.height },
        encoding: {
          x: {
            field: 'x',
            type: 'nominal' as const,
            sort: [...x.values],
            scale: { domain: [...x.values], paddingInner: 0.03, paddingOuter: 0 },
            axis: { title: x.name, labelAngle: turned ? -40 : 0, grid: false, labelColor: palette.ink },
          },
          y: {
            field: 'y',
            type: 'nominal' as const,
            sort: [...y.values],
            scale: { domain: [...y.values], paddingInner: 0.03, paddingOuter: 0 },
            axis: { title: y.name, grid: false, labelColor: palette.ink },
          },
        },
        layer: [
          {
            mark: { type: 'rect' as const, color: palette.heat, cornerRadius: 2 },
            encoding: {
              opacity: { field: 'shade', type: 'quantitative' as const, scale: null, legend: null },
            },
          },
          {
            mark: { type: 'text' as const, fontSize: 14, fontWeight: 600 as const },
            encoding: {
              text: { field: 'label', type: 'nominal' as const },
              color: {
                condition: { test: `datum.shade >= ${HEAT_SWITCH}`, value: palette.onHeat },
                value: palette.ink,
              },
            },
          },
        ],
      };
      const head = { title: { text: title, subtitle: wrapText(subtitle, width) }, data: { values } };
      if (!panel) return { ...head, ...layers };
      return {
        ...head,
        facet: {
          column: {
            field: 'panel',
            type: 'nominal',
            sort: panel.values.map((value) => `${panel.name} ${value}`),
            header: { title: null, labelColor: palette.ink, labelFontSize: 13, labelFontWeight: 600 },
          },
        },
        spacing: 24,
        spec: layers,
      };
    },
  };
}

function describe(cells: readonly HeatCell[], x: string, y: string, panel: string | undefined): string {
  const known = cells.filter(({ value }) => value !== null);
  const [best] = known;
  if (best === undefined) return 'No result yet.';
  const third = panel === undefined ? '' : ` and ${panel}=${best.panel}`;
  return (
    `Validation accuracy in percent for ${known.length} combinations. The best: ` +
    `${(100 * (best.value ?? 0)).toFixed(2)} % with ${x}=${best.x}, ${y}=${best.y}${third}.`
  );
}
