import { writeFileAtomic } from '../io/files.ts';
import { type Chart, renderSvg } from './renderSvg.ts';
import { svgToPng } from './svgToPng.ts';
import type { ThemeName } from './themeName.ts';

export interface WriteChartOptions {
  readonly theme?: Exclude<ThemeName, 'css'>;
  /** Width of the PNG in pixels; default twice the SVG's. */
  readonly width?: number;
}

/**
 * Writes `PATH.svg`, with the font inside, and `PATH.png`.
 *
 * @param path without extension
 * @throws FerError naming path and remedy if the disk refuses
 */
export async function writeChart(
  chart: Chart,
  path: string,
  { theme = 'light', width }: WriteChartOptions = {},
): Promise<void> {
  const svg = await renderSvg(chart, { theme, font: true });
  const png = await svgToPng(svg, { width });
  writeFileAtomic(`${path}.svg`, svg);
  writeFileAtomic(`${path}.png`, png);
}
