import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Transferable as NodeTransferable, Worker } from 'node:worker_threads';
import { FerError } from '../errors.ts';
import { findModel } from '../nn/model.ts';
import { RecognizerClient, type Thread } from './client.ts';
import { type SentNodePicture, sendNodePicture } from './nodePicture.ts';
import { chosenOptions } from './options.ts';
import type { LoadOptions, NodePicture, PhotoRecognizer } from './types.ts';

export interface NodeLoadOptions extends LoadOptions {
  /** The released model, a run folder, or a .safetensors file in one. */
  readonly model?: string;
}

/** What the thread is told. */
export type NodeSetup = Omit<NodeLoadOptions, 'model'> & { readonly model: string };

/** From src/recognize and from dist/recognize alike: Node loads the compiled file only. */
const THREAD = new URL('../../dist/recognize/nodeThread.js', import.meta.url);

/**
 * Loads a trained network, and the detector that finds faces for it, into a thread of its own: the caller's
 * is never busy with it, and `close` ends it. A program that waits for nothing else ends without `close`.
 *
 * @throws FerError if there is no model, or it is damaged
 * @throws UsageError for an option that no picture would be recognised with
 */
export async function loadRecognizer(options: NodeLoadOptions = {}): Promise<PhotoRecognizer<NodePicture>> {
  const { model = '' } = options;
  // Here, where it costs nothing, rather than after a thread has been started.
  chosenOptions(options);
  findModel(model);
  return RecognizerClient.open<NodePicture, SentNodePicture>(
    startThread(),
    { ...options, model },
    { send: sendNodePicture, group: 8 },
  );
}

function startThread(): Thread {
  if (!existsSync(THREAD)) {
    throw new FerError(`fer is not built: ${fileURLToPath(THREAD)} is missing; run "npm run build"`);
  }
  // Flags of the caller's command line, such as --input-type, are not for it.
  const worker = new Worker(THREAD, { execArgv: [] });
  worker.unref();
  return {
    post: (message, transfer = []) => worker.postMessage(message, transfer as readonly NodeTransferable[]),
    listen: (onMessage) => worker.on('message', onMessage),
    onEnd(listener) {
      worker.on('error', (cause) =>
        listener(new FerError(`the recognizer's thread failed: ${cause?.message ?? cause}`, { cause })),
      );
      worker.on('exit', (code) => listener(new FerError(`the recognizer's thread ended with code ${code}`)));
    },
    busy: (yes) => (yes ? worker.ref() : worker.unref()),
    async end() {
      await worker.terminate();
    },
  };
}
