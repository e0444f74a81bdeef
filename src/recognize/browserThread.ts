/** The thread of a recogniser in a browser: a module worker. */
import { createBackend } from '../engine/createBackend.ts';
import { FaceDetector } from '../face/detector.ts';
import { loadModel } from '../nn/loadModel.ts';
import type { BrowserSetup } from './browser.ts';
import { BitmapReader, type SentBrowserPicture } from './browserPicture.ts';
import { fetchFaceModels } from './fetchFaceModels.ts';
import { fetchModel } from './fetchModel.ts';
import { host } from './host.ts';

const reader = new BitmapReader();
const scope = globalThis as unknown as Pick<Worker, 'postMessage' | 'addEventListener'>;

host<BrowserSetup, SentBrowserPicture>(
  {
    post: (message) => scope.postMessage(message),
    listen: (onMessage) => scope.addEventListener('message', ({ data }) => onMessage(data)),
  },
  {
    async open({ model, device = 'auto', threads = 0, ...options }, onProgress) {
      const [fetched, faceModels] = await Promise.all([
        fetchModel(model, onProgress),
        options.faces === 'none' ? undefined : fetchFaceModels(),
      ]);
      // Elsewhere threads have no memory that they could share.
      const shared = globalThis.crossOriginIsolated ? threads : 1;
      const backend = await createBackend({ device, threads: shared });
      const detector = faceModels && FaceDetector.create(faceModels);
      return { backend, model: loadModel(backend, fetched), detector, options };
    },
    pixels: async (picture) => reader.read(picture),
  },
);
