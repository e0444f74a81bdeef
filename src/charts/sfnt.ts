/** What a chart must know of a font: how far each character moves the pen. */
export interface Advances {
  readonly unitsPerEm: number;
  /** By code point, in font units; a character without a glyph is missing. */
  readonly byCharacter: ReadonlyMap<number, number>;
}

/**
 * Reads the advance widths of a TrueType font
 * (https://learn.microsoft.com/typography/opentype/spec/: `head`, `hhea`, `hmtx`, `cmap` of format 4).
 *
 * @throws Error if the font is of another kind: it is ours, so this is a mistake of the build
 */
export function readAdvances(font: Buffer): Advances {
  const table = (tag: string): Buffer => {
    for (let i = 0; i < font.readUInt16BE(4); i++) {
      const at = 12 + 16 * i;
      if (font.toString('latin1', at, at + 4) !== tag) continue;
      const offset = font.readUInt32BE(at + 8);
      return font.subarray(offset, offset + font.readUInt32BE(at + 12));
    }
    throw new Error(`the font has no table "${tag}"`);
  };
  const hmtx = table('hmtx');
  // Glyphs past the last advance share it.
  const last = table('hhea').readUInt16BE(34) - 1;
  const byCharacter = new Map<number, number>();
  for (const [character, glyph] of characters(table('cmap'))) {
    byCharacter.set(character, hmtx.readUInt16BE(4 * Math.min(glyph, last)));
  }
  return { unitsPerEm: table('head').readUInt16BE(18), byCharacter };
}

/** Code points and their glyphs. */
function* characters(cmap: Buffer): Generator<[number, number]> {
  const count = cmap.readUInt16BE(2);
  const offsets = Array.from({ length: count }, (_, i) => cmap.readUInt32BE(8 + 8 * i));
  const offset = offsets.find((at) => cmap.readUInt16BE(at) === 4);
  if (offset === undefined) throw new Error('the font has no character map of format 4');
  const map = cmap.subarray(offset);
  const length = map.readUInt16BE(6);
  // Segments lie in four parallel arrays: last character, (a gap,) first character, delta, glyph offset.
  for (let s = 0; s < length; s += 2) {
    const end = map.readUInt16BE(14 + s);
    const start = map.readUInt16BE(16 + length + s);
    const delta = map.readUInt16BE(16 + 2 * length + s);
    const place = 16 + 3 * length + s;
    const range = map.readUInt16BE(place);
    for (let c = start; c <= end && c < 0xffff; c++) {
      const listed = range === 0 ? c : map.readUInt16BE(place + range + 2 * (c - start));
      const glyph = listed === 0 ? 0 : (listed + delta) & 0xffff;
      if (glyph !== 0) yield [c, glyph];
    }
  }
}
