// This build as a peer on photographs. Arguments: the model, the threads, the smallest face and the crops of each face;
// no crops: faces are only found.
import { fileURLToPath } from 'node:url';
import { servePhotos } from './photoPeers.mjs';

async function open() {
  const [model, threads, smallest, crops] = process.argv.slice(2);
  const from = (file) => import(new URL(`../../dist/${file}`, import.meta.url).href);
  const { createBackend, readModel, Recognizer } = await from('index.js');
  const { FaceDetector } = await from('face/detector.js');
  const { loadFaceModels } = await from('face/loadModels.js');
  const { cropFace } = await from('face/crop.js');
  const backend = await createBackend({ device: 'cpu', threads: Number(threads) });
  const recognizer = new Recognizer(backend, readModel(model), { crops: Number(crops) || 1, batch: 6 });
  const detector = FaceDetector.create(await loadFaceModels());
  const side = recognizer.description.imageSize;
  return async ({ rgba, width, height }) => {
    const image = { width, height, data: rgba };
    const faces = detector.detect(image, { smallest: Number(smallest) });
    if (crops === '0') return faces.length;
    const cut = new Uint8Array(faces.length * side * side);
    for (const [i, face] of faces.entries()) cut.set(cropFace(image, face, side), i * side * side);
    return (await recognizer.recognize(cut)).length;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await servePhotos(open);
