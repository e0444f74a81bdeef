import { covers, FONT_FAMILY, fontFiles } from './font.ts';

export interface PngOptions {
  /** Width of the picture in pixels; default twice the SVG's, for sharp text. */
  readonly width?: number;
}

/** Loads resvg when the first picture is made. */
const loadResvg = () => import('@resvg/resvg-js');

/**
 * A PNG of an SVG document, its text set in the shipped font.
 *
 * @throws FerError if the font is missing
 * @throws Error if the SVG is malformed
 */
export async function svgToPng(svg: string, { width }: PngOptions = {}): Promise<Buffer> {
  const { Resvg } = await loadResvg();
  return new Resvg(nameWeights(svg), {
    font: {
      fontFiles: fontFiles(),
      // Looking through the system's fonts takes long, so it is done only for what ours lacks.
      loadSystemFonts: !covers(svg),
      defaultFontFamily: FONT_FAMILY,
      sansSerifFamily: FONT_FAMILY,
    },
    fitTo: width === undefined ? { mode: 'zoom', value: 2 } : { mode: 'width', value: width },
  })
    .render()
    .asPng();
}

/** The semibold file calls itself a family of its own; a browser is told otherwise by `@font-face`, resvg is not. */
function nameWeights(svg: string): string {
  return svg.replace(/<text\b[^>]*font-weight="600"[^>]*>/g, (tag) =>
    tag.replace(FONT_FAMILY, `${FONT_FAMILY} SemiBold`),
  );
}
