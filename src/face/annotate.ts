import sharp from 'sharp';
import { FONT_STACK, textWidth } from '../charts/font.ts';
import { escapeXml } from '../charts/renderSvg.ts';
import { svgToPng } from '../charts/svgToPng.ts';
import { PALETTES } from '../charts/theme.ts';
import type { Box, RgbaImage } from '../image/image.ts';

/** A face and what to write at it. */
export interface Mark {
  readonly box: Box;
  readonly text: string;
}

const [COLOR] = PALETTES.light.series;

/** Height of letters over that of a face, and its bounds in pixels of a picture of 1000 pixels. */
const TEXT = { share: 0.16, least: 8, most: 26 };

/**
 * A picture with a box around each face and its text above, or below where there is no room above.
 *
 * @returns a JPEG
 * @throws FerError if the charts' font is missing
 */
export async function annotate(image: RgbaImage, marks: readonly Mark[]): Promise<Buffer> {
  const { width, height, data } = image;
  const picture = sharp(data, { raw: { width, height, channels: 4 } });
  if (marks.length > 0) {
    picture.composite([{ input: await svgToPng(overlay(image, marks), { width }) }]);
  }
  return picture.flatten().jpeg({ quality: 92 }).toBuffer();
}

/** The boxes and texts alone, as an SVG of the picture's size. */
export function overlay({ width, height }: RgbaImage, marks: readonly Mark[]): string {
  const unit = Math.max(width, height) / 1000;
  // Large faces first, so that the text of a small one before them stays legible.
  const parts = marks
    .slice()
    .sort((a, b) => b.box.height - a.box.height)
    .map((mark) => drawMark(mark, width, height, unit));
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}">` +
    `${parts.join('')}</svg>`
  );
}

function drawMark({ box, text }: Mark, width: number, height: number, unit: number): string {
  // Never smaller than is read without a lens.
  const least = Math.max(10, TEXT.least * unit);
  const size = Math.max(least, Math.min(TEXT.most * unit, TEXT.share * box.height));
  const line = Math.max(1.5, size / 8);
  const [tagWidth, tagHeight] = [textWidth(text, size, 600) + size, 1.5 * size];
  // The tag stays inside the picture, and so do the lines of a face that is cut.
  const left = Math.max(line, box.x);
  const top = Math.max(line, box.y);
  const right = Math.min(width - line, box.x + box.width);
  const bottom = Math.min(height - line, box.y + box.height);
  const x = Math.max(0, Math.min(left - line / 2, width - tagWidth));
  const above = top - tagHeight;
  const y = above >= 0 ? above : Math.min(bottom, height - tagHeight);
  const frame = (color: string, thickness: number): string =>
    `<rect x="${px(left)}" y="${px(top)}" width="${px(right - left)}" height="${px(bottom - top)}" ` +
    `fill="none" stroke="${color}" stroke-width="${px(thickness)}"/>`;
  return (
    // White on both sides of the line: it is seen on any picture.
    frame('#ffffff', 2 * line) +
    frame(COLOR, line) +
    `<rect x="${px(x)}" y="${px(y)}" width="${px(tagWidth)}" height="${px(tagHeight)}" fill="${COLOR}"/>` +
    `<text x="${px(x + size / 2)}" y="${px(y + 1.08 * size)}" font-family="${FONT_STACK}" font-size="${px(size)}" ` +
    `font-weight="600" fill="#ffffff">${escapeXml(text)}</text>`
  );
}

function px(value: number): string {
  return value.toFixed(1);
}
