// Draws docs/saliency.png, the picture of the README: two drawn faces that the quickstart's network never saw,
// explained as `fer explain` does it. Run `npm run quickstart` first, then `node scripts/saliency.mjs`.
import { join } from 'node:path';
import sharp from 'sharp';
import { svgToPng } from '../dist/charts/svgToPng.js';
import { createBackend, Explainer, FerError, readModel, saliencyPanel, synthetic } from '../dist/index.js';
import { root } from './run.mjs';

const file = join(root, 'docs/saliency.png');
const FACES = ['angry', 'surprise'];
const METHODS = ['gradient', 'integrated', 'gradcam', 'occlusion'];

/** A PNG for each of `FACES`. */
async function panels() {
  const model = readModel(join(root, 'runs/quickstart'));
  const { images, targets, labels, size } = synthetic({ counts: { PrivateTest: 7 } });
  const backend = await createBackend({ device: 'auto', threads: 0 });
  try {
    const explainer = new Explainer(backend, model, { methods: METHODS, crops: 10, batch: 6, stride: 2 });
    const pictures = [];
    for (const name of FACES) {
      const i = targets.indexOf(labels.indexOf(name));
      const face = images.subarray(i * size * size, (i + 1) * size * size);
      const [explanation] = await explainer.explain(face);
      pictures.push(await svgToPng(await saliencyPanel(face, explanation, { title: `${name}.png` })));
    }
    return pictures;
  } finally {
    await backend.close();
  }
}

try {
  const pictures = await panels();
  const { width, height } = await sharp(pictures[0]).metadata();
  const canvas = { width, height: height * pictures.length, channels: 3, background: '#ffffff' };
  const stacked = await sharp({ create: canvas })
    .composite(pictures.map((input, i) => ({ input, left: 0, top: i * height })))
    .png()
    .toBuffer();
  const { size } = await sharp(stacked).png({ palette: true, quality: 92, effort: 10 }).toFile(file);
  console.log(`docs/saliency.png: ${width}x${height * pictures.length}, ${(size / 1024).toFixed(0)} KiB`);
} catch (error) {
  if (!(error instanceof FerError)) throw error;
  console.error(`${error.message}; "npm run quickstart" trains one`);
  process.exitCode = 1;
}
