/** The thread of a recogniser in Node. */
import { parentPort } from 'node:worker_threads';
import { createBackend } from '../engine/createBackend.ts';
import { FaceDetector } from '../face/detector.ts';
import { loadFaceModels } from '../face/loadModels.ts';
import { findModel, loadFound } from '../nn/model.ts';
import { host } from './host.ts';
import type { NodeSetup } from './node.ts';
import type { SentNodePicture } from './nodePicture.ts';
import { rgbaOf } from './raw.ts';

const parent = parentPort;
if (!parent) throw new Error('nodeThread is run as a worker');

host<NodeSetup, SentNodePicture>(
  {
    post: (message) => parent.postMessage(message),
    listen: (onMessage) => parent.on('message', onMessage),
  },
  {
    async open({ model, device = 'auto', threads = 0, ...options }) {
      const found = findModel(model);
      const detector = options.faces === 'none' ? undefined : FaceDetector.create(await loadFaceModels());
      const backend = await createBackend({ device, threads });
      return { backend, model: loadFound(backend, found), detector, options };
    },
    pixels: async (picture) => ('scale' in picture ? picture : rgbaOf(picture)),
  },
);
