// The expression networks of two packages on TensorFlow.js, each with the preprocessing of its own source.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const PACKAGES =
  '@vladmandic/human@3.3.6 @vladmandic/face-api@1.7.15 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0';

/** The folder named by FER_OTHERS; 370 MB, so nothing installs it. */
function packages() {
  const require = createRequire(join(process.env.FER_OTHERS ?? '.', 'index.js'));
  try {
    const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');
    const wasm = require('@tensorflow/tfjs-backend-wasm');
    const wasmFolder = join(dirname(require.resolve('@tensorflow/tfjs-backend-wasm')), '/');
    const folderOf = (name) => {
      // Its `exports` name no file that can be asked for, but its own entry lies in dist/.
      return dirname(dirname(require.resolve(name)));
    };
    return { faceapi, tf: require('@tensorflow/tfjs'), wasm, wasmFolder, folderOf };
  } catch (error) {
    throw new Error(
      `the other packages are not all there (${error.message.split('\n')[0]}). In any folder: npm init -y && ` +
        `npm install --ignore-scripts ${PACKAGES}, and name that folder in FER_OTHERS. Nothing else of this ` +
        'project needs it.',
    );
  }
}

/**
 * Starts TensorFlow.js on its wasm backend. Each network's `predict(faces, n)` resolves to n labels for grey faces
 * [n, 48, 48], in FER2013's names.
 */
export async function startOthers() {
  const { faceapi, tf, wasm, wasmFolder, folderOf } = packages();
  wasm.setWasmPaths(wasmFolder);
  if (!(await tf.setBackend('wasm'))) throw new Error('TensorFlow.js has no wasm backend here');
  await tf.ready();
  return {
    backend: tf.getBackend(),
    networks: [
      await human(tf, folderOf('@vladmandic/human')),
      await faceApi(tf, faceapi, folderOf('@vladmandic/face-api')),
    ],
  };
}

/** src/gear/emotion.ts: bilinear to 64x64, grey from -1 to 1. */
async function human(tf, folder) {
  const { modelTopology, weightsManifest, format } = JSON.parse(
    readFileSync(join(folder, 'models/emotion.json'), 'utf8'),
  );
  const bytes = readFileSync(join(folder, 'models/emotion.bin'));
  const weightData = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const weightSpecs = weightsManifest.flatMap(({ weights }) => weights);
  const model = await tf.loadGraphModel(tf.io.fromMemory({ modelTopology, weightSpecs, weightData, format }));
  const labels = ['angry', 'disgust', 'fear', 'happy', 'sad', 'surprise', 'neutral'];
  return {
    name: '@vladmandic/human, emotion',
    async predict(faces, n) {
      const scores = tf.tidy(() => {
        const grey = tf.tensor4d(Float32Array.from(faces), [n, 48, 48, 1]).div(255);
        return model.execute(tf.image.resizeBilinear(grey, [64, 64], false).sub(0.5).mul(2));
      });
      return labelsOf(scores, labels);
    },
  };
}

/** src/faceExpressionNet: the package's own code, on three equal channels. */
async function faceApi(tf, faceapi, folder) {
  const net = faceapi.nets.faceExpressionNet;
  await net.loadFromDisk(join(folder, 'model'));
  const labels = ['neutral', 'happy', 'sad', 'angry', 'fear', 'disgust', 'surprise'];
  return {
    name: '@vladmandic/face-api, expression',
    async predict(faces, n) {
      const all = tf.tidy(() => tf.tensor4d(Float32Array.from(faces), [n, 48, 48, 1]).tile([1, 1, 1, 3]));
      const each = all.unstack();
      const scores = await net.forward(each);
      tf.dispose([all, ...each]);
      return labelsOf(scores, labels);
    },
  };
}

async function labelsOf(scores, labels) {
  const values = await scores.data();
  scores.dispose();
  return Array.from({ length: values.length / labels.length }, (_, i) => {
    const row = [...values.subarray(i * labels.length, (i + 1) * labels.length)];
    return labels[row.indexOf(Math.max(...row))];
  });
}
