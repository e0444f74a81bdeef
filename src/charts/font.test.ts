import { readFileSync } from 'node:fs';
import { Resvg } from '@resvg/resvg-js';
import { expect, test } from 'vitest';
import { covers, fontFaceCss, fontFiles, textWidth } from './font.ts';
import { svgToPng } from './svgToPng.ts';

const document = (body: string) =>
  `<svg xmlns="http://www.w3.org/2000/svg" width="900" height="60" viewBox="0 0 900 60">${body}</svg>`;
const line = (text: string, weight = 400) =>
  `<text x="10" y="40" font-family="'IBM Plex Sans', system-ui" font-size="30px" font-weight="${weight}">${text}</text>`;

/** Pixels that are not transparent. */
async function inked(svg: string, width = 900): Promise<number> {
  const { default: sharp } = await import('sharp');
  const { data } = await sharp(await svgToPng(svg, { width }))
    .ensureAlpha()
    .raw()
    .toBuffer({ resolveWithObject: true });
  let count = 0;
  for (let i = 3; i < data.length; i += 4) if (data[i] > 0) count++;
  return count;
}

test.each([
  [400, 'surprise 64.25 %, 1,234 images'],
  [600, 'Training curves of my_vgg'],
  [400, 'äöüß éèçñ – — ± × −'],
] as const)('width of a line in weight %i, against the renderer: %s', (weight, text) => {
  const [regular, semibold] = fontFiles();
  const options = {
    font: { fontFiles: [weight === 400 ? regular : semibold], loadSystemFonts: false },
  };
  const family = weight === 400 ? 'IBM Plex Sans' : 'IBM Plex Sans SemiBold';
  // Between two bars, so that the space before the first and after the last letter counts.
  const bars = (inner: string) =>
    document(`<text font-family="${family}" font-size="30px">|${inner}|</text>`);
  const width = (inner: string) => new Resvg(bars(inner), options).getBBox()?.width ?? Number.NaN;
  const found = width(text) - width('');
  expect(Math.abs(textWidth(text, 30, weight) / found - 1)).toBeLessThan(0.02);
});

test('text is drawn in the shipped font, heavier where it is semibold, nothing without text', async () => {
  expect(await inked(document(''))).toBe(0);
  const regular = await inked(document(line('expression')));
  expect(regular).toBeGreaterThan(1000);
  expect(await inked(document(line('expression', 600)))).toBeGreaterThan(1.1 * regular);
});

test('the width of the picture', async () => {
  const { default: sharp } = await import('sharp');
  const sizes = [{}, { width: 600 }].map(async (options) => {
    const { width, height } = await sharp(await svgToPng(document(line('x')), options)).metadata();
    return [width, height];
  });
  expect(await Promise.all(sizes)).toEqual([
    [1800, 120],
    [600, 40],
  ]);
});

test('what the font covers', () => {
  expect(covers('angry 64.2 % – “ärger” ±\n')).toBe(true);
  expect(covers('怒り')).toBe(false);
});

test('the font for browsers is WOFF2', () => {
  const faces = [...fontFaceCss().matchAll(/font-weight:(\d+);src:url\(data:font\/woff2;base64,([^)]+)\)/g)];
  expect(faces.map(([, weight]) => weight)).toEqual(['400', '600']);
  for (const [, , data] of faces) expect(Buffer.from(data, 'base64').toString('latin1', 0, 4)).toBe('wOF2');
  for (const file of fontFiles()) expect(readFileSync(file).readUInt32BE(0)).toBe(0x00010000);
});
