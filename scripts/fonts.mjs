// Copies the charts' font out of its npm package, in the two forms that are needed: WOFF2 for browsers, and
// TrueType for resvg, which reads nothing compressed.
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { inflateSync } from 'node:zlib';
import { root } from './run.mjs';

const require = createRequire(import.meta.url);
const output = 'build/fonts';
const WEIGHTS = [400, 600];

/** Writes build/fonts/ if it is not there or of another version of the package. Returns a line on what it did. */
export function buildFonts() {
  const manifest = require.resolve('@fontsource/ibm-plex-sans/package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8'));
  const folder = join(root, output);
  const stamp = join(folder, 'version');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return 'fonts unchanged';
  mkdirSync(folder, { recursive: true });
  for (const weight of WEIGHTS) {
    const from = join(dirname(manifest), 'files', `ibm-plex-sans-latin-${weight}-normal`);
    copyFileSync(`${from}.woff2`, join(folder, `${weight}.woff2`));
    replace(join(folder, `${weight}.ttf`), toTrueType(readFileSync(`${from}.woff`)));
  }
  copyFileSync(join(dirname(manifest), 'LICENSE'), join(folder, 'LICENSE'));
  replace(stamp, version);
  return 'fonts copied';
}

function replace(file, data) {
  writeFileSync(`${file}.tmp`, data);
  renameSync(`${file}.tmp`, file);
}

/** The tables of a WOFF 1.0 file (https://www.w3.org/TR/WOFF/) unpacked into a TrueType file. */
function toTrueType(woff) {
  if (woff.toString('latin1', 0, 4) !== 'wOFF') throw new Error('the font package holds no WOFF file');
  const count = woff.readUInt16BE(12);
  const tables = Array.from({ length: count }, (_, i) => {
    const [tag, offset, packed, length, checksum] = [0, 4, 8, 12, 16].map((at) =>
      woff.readUInt32BE(44 + 20 * i + at),
    );
    const bytes = woff.subarray(offset, offset + packed);
    return { tag, checksum, length, data: packed < length ? inflateSync(bytes) : bytes };
  });
  const power = 2 ** Math.floor(Math.log2(count));
  const header = Buffer.alloc(12 + 16 * count);
  header.writeUInt32BE(woff.readUInt32BE(4), 0);
  [count, 16 * power, Math.log2(power), 16 * (count - power)].forEach((value, i) => {
    header.writeUInt16BE(value, 4 + 2 * i);
  });
  const parts = [header];
  let at = header.length;
  tables.forEach(({ tag, checksum, length, data }, i) => {
    [tag, checksum, at, length].forEach((value, k) => {
      header.writeUInt32BE(value, 12 + 16 * i + 4 * k);
    });
    // Tables start at multiples of four.
    const padded = Buffer.concat([data, Buffer.alloc(-length & 3)]);
    parts.push(padded);
    at += padded.length;
  });
  return Buffer.concat(parts);
}
