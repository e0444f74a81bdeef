import type { Config } from 'vega-lite';
import { FONT_STACK } from './font.ts';
import type { ThemeName } from './themeName.ts';

/** All colours of a chart. */
export interface Palette {
  readonly background: string;
  /** Text and the lines that matter. */
  readonly ink: string;
  /** Axis labels, remarks. */
  readonly muted: string;
  readonly grid: string;
  /** A heat map's colour of 1; smaller values are shown by opacity. */
  readonly heat: string;
  /** Text on `heat`. */
  readonly onHeat: string;
  /** Colours of series, in the order to use them. */
  readonly series: readonly string[];
}

/*
 * Series are the colours of Okabe and Ito (https://jfly.uni-koeln.de/color/), which people with any common
 * colour vision tell apart; those too faint for lines on white, or too dark on black, are moved in lightness
 * only.
 */
const LIGHT: Palette = {
  background: '#ffffff',
  ink: '#1c2127',
  muted: '#59636e',
  grid: '#e3e7eb',
  heat: '#084594',
  onHeat: '#ffffff',
  series: ['#0072b2', '#d55e00', '#008f68', '#b4568d', '#8a6d00', '#2f8fc4', '#59636e'],
};

const DARK: Palette = {
  background: '#14181d',
  ink: '#e8ecf0',
  muted: '#9aa5b1',
  grid: '#2b323a',
  heat: '#7cc4f2',
  onHeat: '#0b1016',
  series: ['#56b4e9', '#f0903c', '#2fc598', '#dd92bb', '#f0e442', '#8ab6ff', '#9aa5b1'],
};

/** The name of a colour's variable: `--chart-ink`, `--chart-series-0`. */
const entries = (palette: Palette): [string, string][] =>
  Object.entries(palette).flatMap(([key, value]: [string, string | readonly string[]]) =>
    typeof value === 'string'
      ? [[`--chart-${key}`, value]]
      : value.map((color, i): [string, string] => [`--chart-${key}-${i}`, color]),
  );

const CSS: Palette = {
  background: 'var(--chart-background)',
  ink: 'var(--chart-ink)',
  muted: 'var(--chart-muted)',
  grid: 'var(--chart-grid)',
  heat: 'var(--chart-heat)',
  onHeat: 'var(--chart-onHeat)',
  series: LIGHT.series.map((_, i) => `var(--chart-series-${i})`),
};

export const PALETTES: Readonly<Record<ThemeName, Palette>> = { light: LIGHT, dark: DARK, css: CSS };

/** Declarations that give charts of the theme `css` their colours: for `:root { ... }`. */
export function paletteCss(theme: 'light' | 'dark'): string {
  return entries(PALETTES[theme])
    .map(([name, value]) => `${name}:${value}`)
    .join(';');
}

/** The one look of all charts. */
export function vegaConfig(palette: Palette): Config {
  const { ink, muted, grid } = palette;
  return {
    // A chart in a page stands on the page.
    background: palette === CSS ? 'transparent' : palette.background,
    font: FONT_STACK,
    padding: 16,
    // Every mark would get a label of its own; `renderSvg` describes the chart as a whole.
    aria: false,
    view: { stroke: null },
    title: {
      anchor: 'start',
      color: ink,
      fontSize: 16,
      fontWeight: 600,
      subtitleColor: muted,
      subtitleFontSize: 12,
      subtitlePadding: 5,
      offset: 14,
    },
    axis: {
      domain: false,
      gridColor: grid,
      labelColor: muted,
      labelFontSize: 12,
      labelPadding: 6,
      ticks: false,
      titleColor: muted,
      titleFontSize: 12,
      titleFontWeight: 400,
      titlePadding: 8,
    },
    legend: { labelColor: ink, labelFontSize: 12, symbolStrokeWidth: 2.5, title: null },
    text: { color: ink, fontSize: 12 },
    line: { strokeWidth: 2, strokeCap: 'round', strokeJoin: 'round' },
    range: { category: [...palette.series] },
  };
}
