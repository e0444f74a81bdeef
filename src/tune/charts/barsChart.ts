import { textWidth } from '../../charts/font.ts';
import type { Chart } from '../../charts/renderSvg.ts';
import type { Palette } from '../../charts/theme.ts';
import { wrapText } from '../../charts/wrapText.ts';
import type { Spread } from '../summary.ts';

/** Bars over one name, one for each series. */
export interface BarGroup {
  readonly name: string;
  /** By series; null or missing: no bar. */
  readonly values: Readonly<Record<string, Spread | null>>;
}

export interface BarsOptions {
  readonly title: string;
  /** How the figures came about. */
  readonly subtitle: string;
  /** What stands under the groups; a single name is left out. */
  readonly axis: string;
}

/** Of a bar: one that stands alone needs room for the name under it. */
const BAR = 30;
const LONE_BAR = 44;
const GAP = 18;
const HEIGHT = 260;
/** Of the text over few bars. */
const LEAST_WIDTH = 420;
const LABEL_SIZE = 12;
const DIGITS = 1;
const HEADROOM = 1.08;

/**
 * Accuracies as bars, in groups of one bar a series, from the left in the order given. Bars start at nothing; what
 * tells near ones apart is the figure on each. A line shows one standard deviation to either side where there are
 * several seeds.
 */
export function barsChart(
  groups: readonly BarGroup[],
  series: readonly string[],
  options: BarsOptions,
): Chart {
  const { title, subtitle, axis } = options;
  const names = groups.map(({ name }) => name);
  const values = groups.flatMap(({ name, values: own }) =>
    series.flatMap((each) => {
      const spread = own[each];
      if (!spread) return [];
      const { mean, std } = spread;
      const [low, high] = [mean - (std ?? 0), mean + (std ?? 0)];
      return [{ name, series: each, mean, low, high, label: (100 * mean).toFixed(DIGITS) }];
    }),
  );
  const words = names.flatMap((name) => name.replaceAll('+', '+_').split('_'));
  const widest = Math.max(...words.map((word) => textWidth(word, LABEL_SIZE)));
  const step = Math.max((series.length > 1 ? series.length * BAR : LONE_BAR) + GAP, Math.ceil(widest) + 6);
  // Names that do not fit under their group are broken where they can be.
  const long = names.some((name) => textWidth(name, LABEL_SIZE) > step - 4);
  const spread = values.some(({ low, high }) => low < high);
  const accuracy = (field: string) => accuracyAxis(field, Math.max(...values.map(({ high }) => high)));
  return {
    title,
    description: describe(groups, series),
    spec: (palette) => ({
      title: { text: title, subtitle: wrapText(subtitle, Math.max(LEAST_WIDTH, names.length * step)) },
      data: { values },
      width: { step, for: 'position' },
      height: HEIGHT,
      encoding: {
        x: {
          field: 'name',
          type: 'nominal',
          sort: names,
          scale: { paddingInner: GAP / step, paddingOuter: GAP / step / 2 },
          axis: {
            title: names.length > 1 ? axis : null,
            labelAngle: 0,
            ...(long ? { labelExpr: "split(replace(datum.label, /\\+/g, '+_'), '_')" } : {}),
            labelColor: palette.ink,
            grid: false,
          },
        },
        ...(series.length > 1
          ? {
              xOffset: {
                field: 'series',
                type: 'nominal' as const,
                sort: [...series],
                scale: { paddingInner: 0.08 },
              },
            }
          : {}),
      },
      layer: [
        {
          mark: { type: 'bar', cornerRadiusEnd: 2 },
          encoding: { y: accuracy('mean'), color: colorOf(series, palette) },
        },
        ...(spread
          ? [
              {
                mark: { type: 'rule' as const, color: palette.ink, strokeWidth: 1.5 },
                encoding: { y: accuracy('low'), y2: { field: 'high' } },
              },
            ]
          : []),
        // First in the colour of the ground, so that no line runs through a figure.
        ...[{ stroke: palette.background, strokeWidth: 4 }, {}].map((halo) => ({
          mark: { type: 'text' as const, dy: -7, fontSize: 12, fontWeight: 600 as const, ...halo },
          encoding: { y: accuracy('high'), text: { field: 'label', type: 'nominal' as const } },
        })),
      ],
    }),
  };
}

/** From nothing to a little above the highest, where its figure stands. */
function accuracyAxis(field: string, highest: number) {
  return {
    field,
    type: 'quantitative' as const,
    scale: { domain: [0, HEADROOM * highest], nice: false },
    axis: { format: '.0%', tickCount: 5, title: null },
  };
}

function colorOf(series: readonly string[], palette: Palette) {
  if (series.length === 1) return { value: palette.series[0] };
  return {
    field: 'series',
    type: 'nominal' as const,
    scale: { domain: [...series], range: series.map((_, i) => palette.series[i]) },
    legend: { orient: 'top' as const, offset: 8, symbolType: 'square' },
  };
}

function describe(groups: readonly BarGroup[], series: readonly string[]): string {
  const one = ({ name, values }: BarGroup): string => {
    const figures = series.flatMap((each) => {
      const spread = values[each];
      return spread ? [`${series.length > 1 ? `${each} ` : ''}${(100 * spread.mean).toFixed(2)} %`] : [];
    });
    return `${name} ${figures.join(', ')}`;
  };
  return `Bars: ${groups.map(one).join('; ')}.`;
}
