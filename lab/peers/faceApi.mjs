// @vladmandic/face-api as a peer, with its SSD MobileNet or its tiny detector: the first argument says which.
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { peerRequire, servePhotos } from './photoPeers.mjs';

async function open() {
  const require = peerRequire();
  const tf = require('@tensorflow/tfjs');
  const wasm = require('@tensorflow/tfjs-backend-wasm');
  wasm.setWasmPaths(
    `${dirname(require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'))}/`,
  );
  await tf.setBackend('wasm');
  await tf.ready();
  const folder = dirname(require.resolve('@vladmandic/face-api/package.json'));
  const faceapi = require(join(folder, 'dist/face-api.node-wasm.js'));
  const models = join(folder, 'model');
  const tiny = process.argv[2] === 'tiny';
  await faceapi.nets[tiny ? 'tinyFaceDetector' : 'ssdMobilenetv1'].loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);
  const options = tiny
    ? new faceapi.TinyFaceDetectorOptions({ inputSize: 416, scoreThreshold: 0.3 })
    : new faceapi.SsdMobilenetv1Options({ minConfidence: 0.3, maxResults: 20 });
  return async ({ rgb, width, height }) => {
    const input = faceapi.tf.tensor3d(rgb, [height, width, 3], 'int32');
    const faces = await faceapi.detectAllFaces(input, options).withFaceExpressions();
    faceapi.tf.dispose(input);
    return faces.length;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await servePhotos(open);
