// Draws docs/faces.png, the picture of the README: seven drawn faces that the quickstart's network never saw,
// and its real answer to each. Run `npm run quickstart` first, then `node scripts/picture.mjs`.
import { join } from 'node:path';
import sharp from 'sharp';
import { FONT_STACK } from '../dist/charts/font.js';
import { svgToPng } from '../dist/charts/svgToPng.js';
import { createBackend, FerError, Recognizer, readModel, synthetic } from '../dist/index.js';
import { root } from './run.mjs';

const file = join(root, 'docs/faces.png');

// Lengths in pixels of the picture at its plain size; `svgToPng` renders twice that for dense screens.
const SCALE = 2;
const FACE = 112;
const COLUMN = 124;
const GUTTER = 84;
const MARGIN = 16;
const TITLE = 26;
const FACES_TOP = MARGIN + TITLE;
const ANSWER_BASE = FACES_TOP + FACE + 24;
const BARS_TOP = ANSWER_BASE + 14;
const ROW = 20;
const BAR = 12;

// A light card reads on light and dark pages alike. The answer stands out by lightness and weight, not by hue.
const INK = '#1f2328';
const SOFT_INK = '#57606a';
const CARD = '#f6f8fa';
const TRACK = '#e3e7ec';
const ANSWER = '#0b5a9c';
const OTHER = '#8b96a3';

/** A drawn face of each expression with the network's scores. */
async function recognise() {
  const model = readModel(join(root, 'runs/quickstart'));
  const { images, targets, labels, size } = synthetic({ counts: { PrivateTest: 7 } });
  const backend = await createBackend({ device: 'auto', threads: 0 });
  try {
    const answers = await new Recognizer(backend, model, { crops: 10, batch: 7 }).recognize(images);
    const faces = await Promise.all(
      answers.map(async (answer, i) => {
        const pixels = images.subarray(i * size * size, (i + 1) * size * size);
        const png = await sharp(pixels, { raw: { width: size, height: size, channels: 1 } })
          .resize(FACE * SCALE, FACE * SCALE, { kernel: 'cubic' })
          .toColourspace('b-w')
          .png()
          .toBuffer();
        return { drawn: labels[targets[i]], png: png.toString('base64'), ...answer };
      }),
    );
    return { faces, labels: model.description.labels };
  } finally {
    await backend.close();
  }
}

function text(x, y, content, { size = 13, fill = INK, weight = 400, anchor = 'start' } = {}) {
  const look = `font-family="${FONT_STACK}" font-size="${size}" font-weight="${weight}" fill="${fill}" text-anchor="${anchor}"`;
  return `<text x="${x}" y="${y}" ${look}>${content}</text>`;
}

/** One face, the answer under it and a bar for each label. */
function column({ drawn, png, label, scores }, labels, left) {
  const middle = left + FACE / 2;
  const bars = labels.flatMap((name, row) => {
    const y = BARS_TOP + row * ROW + (ROW - BAR) / 2;
    const rect = (width, fill) =>
      `<rect x="${left}" y="${y}" width="${width.toFixed(1)}" height="${BAR}" rx="2" fill="${fill}"/>`;
    return [rect(FACE, TRACK), rect(FACE * scores[name], name === label ? ANSWER : OTHER)];
  });
  const percent = (100 * scores[label]).toFixed(scores[label] > 0.995 ? 0 : 1);
  return [
    text(middle, FACES_TOP - 8, drawn, { fill: SOFT_INK, anchor: 'middle' }),
    `<image x="${left}" y="${FACES_TOP}" width="${FACE}" height="${FACE}" href="data:image/png;base64,${png}"/>`,
    text(middle, ANSWER_BASE - 5, `${label} ${percent} %`, { weight: 600, fill: ANSWER, anchor: 'middle' }),
    ...bars,
  ];
}

function picture({ faces, labels }) {
  const width = GUTTER + faces.length * COLUMN - (COLUMN - FACE) + MARGIN;
  const height = BARS_TOP + labels.length * ROW + MARGIN;
  const aside = (y, content) => text(GUTTER - 12, y, content, { fill: SOFT_INK, anchor: 'end' });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}"`,
    `viewBox="0 0 ${width} ${height}">`,
    `<rect width="${width}" height="${height}" rx="10" fill="${CARD}"/>`,
    aside(FACES_TOP - 8, 'drawn'),
    aside(ANSWER_BASE - 5, 'predicted'),
    ...labels.map((label, row) => aside(BARS_TOP + row * ROW + ROW / 2 + 4.5, label)),
    ...faces.flatMap((face, i) => column(face, labels, GUTTER + i * COLUMN)),
    '</svg>',
  ].join('\n');
}

try {
  const png = await svgToPng(picture(await recognise()));
  const { width, height, size } = await sharp(png)
    .png({ palette: true, quality: 90, dither: 0, effort: 10 })
    .toFile(file);
  console.log(`docs/faces.png: ${width}x${height}, ${(size / 1024).toFixed(0)} KiB`);
} catch (error) {
  if (!(error instanceof FerError)) throw error;
  console.error(`${error.message}; "npm run quickstart" trains one`);
  process.exitCode = 1;
}
