// What `fer predict one.png` does, with ONNX Runtime: a whole program, timed from its start to its end.
//     FER_ORT=FOLDER node lab/peers/coldOnnx.mjs NETWORK.onnx PICTURE THREADS

import { createRequire } from 'node:module';
import { join } from 'node:path';
import sharp from 'sharp';

const [network, picture, threads] = process.argv.slice(2);
const { InferenceSession, Tensor } = createRequire(join(process.env.FER_ORT, 'index.js'))('onnxruntime-node');
const SIZE = 48;
const CROP = 40;
const LABELS = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];

const session = InferenceSession.create(network, {
  intraOpNumThreads: Number(threads),
  interOpNumThreads: 1,
});
const face = await sharp(picture).greyscale().resize(SIZE, SIZE, { fit: 'fill' }).raw().toBuffer();
const corners = [0, 8].flatMap((y) => [0, 8].map((x) => [y, x])).concat([[4, 4]]);
const pixels = new Float32Array(10 * CROP * CROP);
corners.forEach(([top, left], crop) => {
  for (let y = 0; y < CROP; y++) {
    for (let x = 0; x < CROP; x++) {
      const value = face[(top + y) * SIZE + left + x] / 255;
      pixels[(crop * CROP + y) * CROP + x] = value;
      pixels[((crop + 5) * CROP + y) * CROP + CROP - 1 - x] = value;
    }
  }
});
const { logits } = await (await session).run({ x: new Tensor('float32', pixels, [10, 1, CROP, CROP]) });
const mean = LABELS.map(
  (_, k) => Array.from({ length: 10 }, (_, n) => logits.data[n * 7 + k]).reduce((a, b) => a + b) / 10,
);
console.log(LABELS[mean.indexOf(Math.max(...mean))]);
