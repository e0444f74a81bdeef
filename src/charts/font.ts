import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { FerError } from '../errors.ts';
import { type Advances, readAdvances } from './sfnt.ts';

/*
 * The charts' font is shipped: Plex Sans of IBM, under the Open Font License, its Latin part. The build puts
 * it in build/fonts/ as TrueType (for pictures, and for measuring) and as WOFF2 (for browsers).
 */
export const FONT_FAMILY = 'IBM Plex Sans';
/** The value of `font-family`: without the shipped font a viewer takes its own. */
export const FONT_STACK = `'${FONT_FAMILY}', system-ui, sans-serif`;

const WEIGHTS = [400, 600] as const;
export type Weight = (typeof WEIGHTS)[number];

const cache = new Map<Weight, Advances>();

function fileOf(name: string): string {
  // From src/charts and from dist/charts alike.
  const file = fileURLToPath(new URL(`../../build/fonts/${name}`, import.meta.url));
  if (!existsSync(file)) throw new FerError(`${file} is missing: the charts' font; run npm run build`);
  return file;
}

/** The TrueType files. Throws FerError if they are missing: text would vanish from pictures without a word. */
export function fontFiles(): string[] {
  return WEIGHTS.map((weight) => fileOf(`${weight}.ttf`));
}

/** `@font-face` rules with the font inside, for a page or an SVG that must look the same everywhere. */
export function fontFaceCss(): string {
  return WEIGHTS.map((weight) => {
    const data = readFileSync(fileOf(`${weight}.woff2`)).toString('base64');
    return `@font-face{font-family:'${FONT_FAMILY}';font-weight:${weight};src:url(data:font/woff2;base64,${data}) format('woff2')}`;
  }).join('');
}

/** Width of a line of text in the shipped font, in the unit of `size`; kerning is left out. */
export function textWidth(text: string, size: number, weight: Weight = 400): number {
  const { unitsPerEm, byCharacter } = advances(weight);
  let sum = 0;
  // A character of another font: most are about as wide as an em, those of accents and the like less.
  for (const character of text) sum += byCharacter.get(character.codePointAt(0) as number) ?? unitsPerEm;
  return (sum * size) / unitsPerEm;
}

/** Whether the shipped font has every character of a text. */
export function covers(text: string): boolean {
  const { byCharacter } = advances(400);
  for (const character of text) {
    const code = character.codePointAt(0) as number;
    if (code >= 32 && !byCharacter.has(code)) return false;
  }
  return true;
}

function advances(weight: Weight): Advances {
  const found = cache.get(weight) ?? readAdvances(readFileSync(fileOf(`${weight}.ttf`)));
  cache.set(weight, found);
  return found;
}
