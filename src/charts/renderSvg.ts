import type { TopLevelSpec } from 'vega-lite';
import { fontFaceCss, textWidth } from './font.ts';
import { PALETTES, type Palette, vegaConfig } from './theme.ts';
import type { ThemeName } from './themeName.ts';

/** A chart without colours: every theme draws it. */
export interface Chart {
  /** What it shows, in a few words: read aloud in place of the picture. */
  readonly title: string;
  /** What can be seen in it, in a sentence or two. */
  readonly description: string;
  /** A Vega-Lite specification; it takes its colours from the palette, the rest of the look is the theme's. */
  spec(palette: Palette): TopLevelSpec;
}

export interface SvgOptions {
  readonly theme?: ThemeName;
  /** Put the font into the file (60 kB): for one that is looked at on its own. */
  readonly font?: boolean;
}

/**
 * Draws a chart, without a browser and without a canvas.
 *
 * @returns a whole SVG document with `viewBox`, `role="img"`, title and description
 */
export async function renderSvg(
  chart: Chart,
  { theme = 'light', font = false }: SvgOptions = {},
): Promise<string> {
  const { vega, compile } = await loadVega();
  const palette = PALETTES[theme];
  const { spec } = compile(chart.spec(palette), { config: vegaConfig(palette), logger: STRICT });
  const view = new vega.View(vega.parse(spec), { renderer: 'none' });
  try {
    return finish(await view.toSVG(), chart, font);
  } finally {
    view.finalize();
  }
}

/** Third of a second to load: done when the first chart is drawn, so that verbs without charts start at once. */
async function loadVega() {
  const [vega, { compile }] = await Promise.all([import('vega'), import('vega-lite')]);
  // Without a canvas Vega guesses widths, by half too large; layout needs the real ones.
  const { textMetrics } = vega as unknown as { textMetrics: TextMetrics };
  textMetrics.width = ({ fontSize = 11, fontWeight, text: own }, text = own) =>
    textWidth(String(text ?? ''), fontSize, fontWeight === 'bold' || Number(fontWeight) >= 600 ? 600 : 400);
  return { vega, compile };
}

/** Exported by Vega for such replacements, and missing from its types. */
interface TextMetrics {
  width(item: TextItem, text?: unknown): number;
}

interface TextItem {
  readonly text?: unknown;
  readonly fontSize?: number;
  readonly fontWeight?: string | number;
}

/** A warning of Vega-Lite is about the specification, so it is a mistake of ours: never ignored. */
const STRICT = {
  level: () => STRICT,
  error: fail,
  warn: fail,
  info: () => STRICT,
  debug: () => STRICT,
};

function fail(...messages: readonly unknown[]): never {
  throw new Error(`the chart's specification is wrong: ${messages.join(' ')}`);
}

/** Names the chart for those who cannot see it, and adds the font. */
function finish(svg: string, { title, description }: Chart, font: boolean): string {
  const head = [
    `<title>${escapeXml(title)}</title>`,
    `<desc>${escapeXml(description)}</desc>`,
    font ? `<style>${fontFaceCss()}</style>` : '',
  ].join('');
  return svg.replace(
    /^<svg([^>]*)>/,
    (_, attributes) =>
      `<svg${attributes.replace(/ class="marks"/, '')} role="img" aria-label="${escapeXml(title)}">${head}`,
  );
}

/** Text for XML and HTML, in content and in quoted attributes. Control characters, which XML forbids, go. */
export function escapeXml(text: string): string {
  return (
    text
      // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '')
      .replaceAll('&', '&amp;')
      .replaceAll('<', '&lt;')
      .replaceAll('>', '&gt;')
      .replaceAll('"', '&quot;')
      .replaceAll("'", '&#39;')
  );
}
