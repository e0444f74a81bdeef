// @vladmandic/human as a peer: this file, started as a process of its own, answers one request a line.
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { peerRequire, servePhotos } from './photoPeers.mjs';

async function open() {
  // Its wasm build fetches models by file: URLs, which Node's fetch refuses.
  const { fetch } = globalThis;
  globalThis.fetch = async (url, ...rest) =>
    String(url).startsWith('file:') ? new Response(readFileSync(fileURLToPath(url))) : fetch(url, ...rest);
  const require = peerRequire();
  const folder = dirname(dirname(require.resolve('@vladmandic/human')));
  // Not among the package's exports.
  const { Human } = require(join(folder, 'dist/human.node-wasm.js'));
  const wasm = dirname(require.resolve('@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm'));
  const human = new Human({
    backend: 'wasm',
    wasmPath: `${wasm}/`,
    modelBasePath: `${pathToFileURL(join(folder, 'models'))}/`,
    debug: false,
    cacheSensitivity: 0,
    filter: { enabled: false },
    face: {
      enabled: true,
      detector: { rotation: false, maxDetected: 20, minConfidence: 0.3, skipFrames: 0, skipTime: 0 },
      mesh: { enabled: false },
      iris: { enabled: false },
      description: { enabled: false },
      emotion: { enabled: true, skipFrames: 0, skipTime: 0 },
    },
    body: { enabled: false },
    hand: { enabled: false },
    object: { enabled: false },
    gesture: { enabled: false },
  });
  await human.load();
  return async ({ rgb, width, height }) => {
    const input = human.tf.tensor(rgb, [height, width, 3], 'int32');
    const { face } = await human.detect(input);
    human.tf.dispose(input);
    return face.filter(({ emotion }) => emotion?.length > 0).length;
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await servePhotos(open);
