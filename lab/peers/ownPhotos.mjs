// This build as a peer on photographs: arguments are the model, the threads and the smallest face.
import { fileURLToPath } from 'node:url';
import { servePhotos } from './photoPeers.mjs';

async function open() {
  const [model, threads, smallest] = process.argv.slice(2);
  const from = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);
  const { createBackend, readModel, Recognizer } = await from('index.js');
  const { FaceDetector } = await from('face/detector.js');
  const { loadFaceModels } = await from('face/loadModels.js');
  const { cropFace } = await from('face/crop.js');
  const backend = await createBackend({ device: 'auto', threads: Number(threads) });
  const recognizer = new Recognizer(backend, readModel(model), { crops: 10, batch: 1 });
  const detector = FaceDetector.create(await loadFaceModels());
  const side = recognizer.description.imageSize;
  return async ({ rgba, width, height }) => {
    const image = { width, height, data: rgba };
    const faces = detector.detect(image, { smallest: Number(smallest) });
    const crops = new Uint8Array(faces.length * side * side);
    for (const [i, face] of faces.entries()) crops.set(cropFace(image, face, side), i * side * side);
    return (await recognizer.recognize(crops)).length;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await servePhotos(open);
