// The faces of photos and what the network says of each:  node recognize.mjs photo.jpg more.png
// FER_MODEL=runs/quickstart takes another network than the one that comes with fer.
import { loadRecognizer } from 'fer';

const photos = process.argv.slice(2);
const fer = await loadRecognizer({ model: process.env.FER_MODEL });
const answers = await fer.recognize(photos);
for (const [i, faces] of answers.entries()) {
  console.log(`${photos[i]}: ${faces.length} faces`);
  for (const face of faces) {
    const { maps } = await fer.explain(face, { methods: ['gradcam'] });
    const brightest = maps[0].values.indexOf(Math.max(...maps[0].values));
    const side = Math.sqrt(maps[0].values.length);
    console.log(
      `  ${face.label} ${(100 * face.scores[face.label]).toFixed(0)} % at ${Math.round(face.box.x)}, ${Math.round(face.box.y)};`,
      `looked most at row ${Math.floor(brightest / side)}, column ${brightest % side} of ${side}`,
    );
  }
}
await fer.close();
