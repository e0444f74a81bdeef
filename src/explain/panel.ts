import { FONT_STACK, fontFaceCss, textWidth } from '../charts/font.ts';
import { escapeXml } from '../charts/renderSvg.ts';
import { PALETTES, type Palette } from '../charts/theme.ts';
import type { ThemeName } from '../charts/themeName.ts';
import { CAP } from './colorScale.ts';
import type { Explanation, SaliencyMap } from './explainer.ts';
import { colorBarPng, facePng, mapPng, overlayPng } from './mapImage.ts';
import { METHODS } from './methods.ts';

export interface PanelOptions {
  /** Heading; the file's name. */
  readonly title: string;
  readonly theme?: Exclude<ThemeName, 'css'>;
  /** Put the font into the file (60 kB): for one that is looked at on its own. */
  readonly font?: boolean;
}

// Lengths in pixels at the SVG's plain size.
const MARGIN = 20;
const TILE = 192;
const GAP = 14;
const TITLE = 16;
const SMALL = 12;
/** Room for the names of the labels; what is longer is cut. */
const NAMES = 96;
/** Between two rows of labels at the least. */
const LEAST_STEP = 14;
/** From the top to the tiles: heading, remark, the columns' headings. */
const TOP = MARGIN + 78;
const ROW_GAP = 12;
const CAPTION = 40;
const BAR = 14;
/** The bar's labels stand to its right. */
const BAR_LABELS = 40;
/** Pixels of an embedded picture for one of the SVG. */
const DENSITY = 2;

/**
 * One face explained, as an SVG document: the face and its scores, then for each method the map and below
 * it the map over the face, with the colour bar of all maps.
 *
 * @param face [size, size], 0 black to 255 white
 */
export async function saliencyPanel(
  face: Uint8Array,
  explanation: Explanation,
  { title, theme = 'light', font = false }: PanelOptions,
): Promise<string> {
  const palette = PALETTES[theme];
  const { maps, label, scores, target } = explanation;
  const left = (column: number): number => MARGIN + column * (TILE + GAP);
  const lower = TOP + TILE + ROW_GAP;
  const bottom = lower + TILE;
  const barLeft = left(maps.length + 1) + GAP;
  const width = barLeft + BAR + BAR_LABELS + MARGIN;
  const height = bottom + CAPTION + MARGIN;
  const room = width - 2 * MARGIN;
  const answer = `predicted ${label}, ${percent(scores[label])}`;
  const question = target === label ? '' : `; explained: ${target}, ${percent(scores[target])}`;
  const draw = pen(palette);
  const parts = [
    draw.text(MARGIN, MARGIN + 14, shorten(title, room), { size: TITLE, weight: 600 }),
    draw.text(MARGIN, MARGIN + 36, `${answer}${question}`, { fill: palette.muted }),
    draw.text(left(0), TOP - 10, 'Face', { weight: 600 }),
    draw.image(left(0), TOP, TILE, TILE, await facePng(face, TILE * DENSITY), 'the face'),
    ...scoreBars(explanation, left(0), lower, palette),
  ];
  for (const [i, map] of maps.entries()) {
    const x = left(i + 1);
    const name = METHODS[map.method].title;
    const [largest, unit] = caption(map);
    parts.push(
      draw.text(x, TOP - 10, name, { weight: 600 }),
      draw.image(x, TOP, TILE, TILE, await mapPng(map, TILE * DENSITY), `${name}: map`),
      draw.image(
        x,
        lower,
        TILE,
        TILE,
        await overlayPng(face, map, TILE * DENSITY),
        `${name}: map over the face`,
      ),
      draw.text(x, bottom + 18, largest, {}),
      draw.text(x, bottom + 34, unit, { fill: palette.muted, size: 11 }),
    );
  }
  const labelLeft = barLeft + BAR + 8;
  parts.push(
    draw.image(barLeft, TOP, BAR, bottom - TOP, await colorBarPng(), 'colours: light is most, dark is least'),
    draw.text(labelLeft, TOP + 10, 'most', {}),
    draw.text(labelLeft, bottom, 'least', {}),
  );
  const description = `${answer}${question}. Maps of ${maps.map(({ method }) => METHODS[method].title).join(', ')}.`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escapeXml(title)}">`,
    `<title>${escapeXml(title)}</title><desc>${escapeXml(description)}</desc>`,
    font ? `<style>${fontFaceCss()}</style>` : '',
    `<rect width="${width}" height="${height}" fill="${palette.background}"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** All labels, or as many as there is room for: those of interest and the likeliest others. */
function shownLabels(scores: Explanation['scores'], wanted: readonly string[]): string[] {
  const labels = Object.keys(scores);
  const most = Math.floor(TILE / LEAST_STEP);
  if (labels.length <= most) return labels;
  const byScore = [...labels].sort((a, b) => scores[b] - scores[a]);
  const shown = new Set([...new Set([...wanted, ...byScore])].slice(0, most));
  return labels.filter((name) => shown.has(name));
}

/** The start of a text, so that it takes no more than `width` pixels. */
function shortened(text: string, width: number): string {
  if (textWidth(text, SMALL, 600) <= width) return text;
  let length = text.length;
  while (length > 1 && textWidth(`${text.slice(0, length)}…`, SMALL, 600) > width) length--;
  return `${text.slice(0, length)}…`;
}

/** A row for each label: name, bar, share. */
function scoreBars(
  { label, target, scores }: Explanation,
  left: number,
  top: number,
  palette: Palette,
): string[] {
  const draw = pen(palette);
  const labels = shownLabels(scores, [label, target]);
  const step = Math.min(26, TILE / labels.length);
  const texts = new Map(labels.map((name) => [name, shortened(name, NAMES)]));
  const names = Math.max(...[...texts.values()].map((text) => textWidth(text, SMALL, 600)));
  const barLeft = left + names + 8;
  const figures = textWidth('100 %', SMALL, 600) + 8;
  const full = TILE - names - 8 - figures;
  return labels.flatMap((name, row) => {
    const middle = top + row * step + step / 2;
    const special = name === label || name === target;
    const weight = special ? 600 : 400;
    const fill = special ? palette.ink : palette.muted;
    const y = middle + SMALL / 2 - 2;
    const bar = (length: number, color: string) =>
      `<rect x="${barLeft.toFixed(1)}" y="${(middle - 5).toFixed(1)}" width="${length.toFixed(1)}" height="10" rx="2" fill="${color}"/>`;
    return [
      draw.text(left + names, y, texts.get(name) ?? name, { weight, fill, anchor: 'end' }),
      bar(full, palette.grid),
      bar(full * scores[name], name === label ? palette.series[0] : palette.muted),
      draw.text(left + TILE, y, percent(scores[name]), { weight, fill, anchor: 'end' }),
    ];
  });
}

/** What the colours from dark to light stand for, and what the values are. */
function caption({ method, values, figures }: SaliencyMap): [string, string] {
  const { grain, unit } = METHODS[method];
  const pixels = grain === 'pixel';
  const parts = values.map((value) => (pixels ? Math.abs(value) : Math.max(0, value))).sort();
  const most = parts[Math.ceil((pixels ? CAP : 1) * parts.length) - 1];
  // Next to nothing is not worth its digits.
  const least = parts[0] < most / 1000 ? '0' : number(parts[0]);
  const above = pixels ? `, ${(100 * (1 - CAP)).toFixed(0)} % above` : '';
  const range = `${least} to ${number(most)}${above}`;
  if (figures.gap === undefined) return [range, unit];
  return [range, `${unit}; sum ${number(figures.sum)} of ${number(figures.difference)}`];
}

function number(value: number): string {
  return String(Number(value.toPrecision(2)));
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0.0995 ? 0 : 1)} %`;
}

/** The end of a text that is too long for one line: of a path the file's name. */
function shorten(text: string, room: number): string {
  let shown = text;
  while (shown.length > 1 && textWidth(shown, TITLE, 600) > room)
    shown = `…${shown.slice(shown.startsWith('…') ? 2 : 1)}`;
  return shown;
}

interface TextLook {
  readonly size?: number;
  readonly weight?: 400 | 600;
  readonly fill?: string;
  readonly anchor?: 'start' | 'end';
}

function pen(palette: Palette) {
  return {
    text(x: number, y: number, content: string, look: TextLook): string {
      const { size = SMALL, weight = 400, fill = palette.ink, anchor = 'start' } = look;
      const place = `x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}"`;
      return `<text ${place} font-family="${FONT_STACK}" font-size="${size}" font-weight="${weight}" fill="${fill}">${escapeXml(content)}</text>`;
    },
    image(x: number, y: number, width: number, height: number, png: Buffer, about: string): string {
      const place = `x="${x}" y="${y}" width="${width}" height="${height}" preserveAspectRatio="none"`;
      return `<image ${place} href="data:image/png;base64,${png.toString('base64')}"><title>${escapeXml(about)}</title></image>`;
    },
  };
}
