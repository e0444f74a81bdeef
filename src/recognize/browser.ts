import { FerError, PictureError } from '../errors.ts';
import { type BrowserPicture, type SentBrowserPicture, sendBrowserPicture } from './browserPicture.ts';
import { RecognizerClient, type Thread } from './client.ts';
import { chosenOptions } from './options.ts';
import type { LoadOptions, PhotoRecognizer } from './types.ts';

export interface BrowserLoadOptions extends LoadOptions {
  /**
   * Address of a model folder (config.json and weights), from the page's (in a worker: from its script's); `fer serve` has one at `model/`,
   * which is the default.
   */
  readonly model?: string;
  /** Hears the share of the weights that has arrived, 0..1. */
  readonly onProgress?: (share: number) => void;
}

/** What the thread is told. */
export type BrowserSetup = Omit<BrowserLoadOptions, 'model' | 'onProgress'> & { readonly model: string };

/**
 * Loads a trained network, and the detector that finds faces for it, into a worker. Pictures stay in the
 * browser. All cores are used on pages that are cross-origin isolated (served with the headers
 * `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`), else one.
 *
 * @throws FerError if there is no model, or it is damaged, or the browser cannot run it
 * @throws UsageError for an option that no picture would be recognised with
 */
export async function loadRecognizer(
  options: BrowserLoadOptions = {},
): Promise<PhotoRecognizer<BrowserPicture>> {
  const { model = 'model/', onProgress, ...rest } = options;
  // Here, where it costs nothing, rather than after a model has been fetched.
  chosenOptions(rest);
  // A worker has no document, but an address of its own.
  const base = globalThis.document?.baseURI ?? location.href;
  const setup: BrowserSetup = { ...rest, model: new URL(model, base).href };
  return RecognizerClient.open<BrowserPicture, SentBrowserPicture>(
    startThread(),
    setup,
    // One at a time: until the thread has it, a bitmap is as large as its picture.
    { send: sendBrowserPicture, group: 1 },
    onProgress,
  );
}

function startThread(): Thread {
  // In this form bundlers find the worker, and bundle it with what it needs.
  const worker = new Worker(new URL('./browserThread.ts', import.meta.url), { type: 'module' });
  return {
    post(message, transfer = []) {
      try {
        worker.postMessage(message, [...transfer]);
      } catch (error) {
        if (!transfer.some((one) => one instanceof ImageBitmap)) throw error;
        throw new PictureError(
          'the picture may not be read: it is from another origin; load it with crossorigin="anonymous", from a ' +
            'server that allows this page',
          { cause: error },
        );
      }
    },
    listen: (onMessage) => worker.addEventListener('message', ({ data }) => onMessage(data)),
    onEnd(listener) {
      worker.addEventListener('error', ({ message }) => {
        listener(new FerError(`the recognizer's worker failed: ${message ?? 'it could not be loaded'}`));
      });
    },
    // A worker keeps no page open.
    busy: () => {},
    end: async () => worker.terminate(),
  };
}
