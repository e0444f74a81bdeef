import type { Backend } from '../engine/backend.ts';
import type { FaceDetector } from '../face/detector.ts';
import type { LoadedModel } from '../nn/loadModel.ts';
import { CropExplainer } from './cropExplainer.ts';
import { type Photo, PictureRecognizer } from './pictureRecognizer.ts';
import { type Calls, type Opened, type Port, type Reply, type Request, sentError } from './protocol.ts';
import type { RecognizeOptions } from './types.ts';

/** What a recogniser is made of. */
export interface Parts {
  readonly backend: Backend;
  readonly model: LoadedModel;
  /** Undefined: every picture is a face. */
  readonly detector: FaceDetector | undefined;
  readonly options: RecognizeOptions;
}

/** What a world brings along: reading models there, and turning what was sent into pixels. */
export interface World<Setup, Picture> {
  open(setup: Setup, onProgress: (share: number) => void): Promise<Parts>;
  pixels(picture: Picture): Promise<Photo>;
}

/** The thread's side of a recogniser: answers one request after the other, in the order they come. */
export function host<Setup, Picture>(port: Port, world: World<Setup, Picture>): void {
  let opened: { recognizer: PictureRecognizer; explainer: CropExplainer } | undefined;
  let last: Promise<void> = Promise.resolve();

  const answer = async ({ call, takes }: Request, onProgress: (share: number) => void): Promise<unknown> => {
    if (call === 'open') {
      const { backend, model, detector, options } = await world.open(takes as Setup, onProgress);
      const find = detector && (async () => detector);
      opened = {
        recognizer: new PictureRecognizer(backend, model, find, options),
        explainer: new CropExplainer(backend, model, options),
      };
      return { model: model.description, device: backend.describe() } satisfies Opened;
    }
    if (!opened) throw new Error(`${call} before open`);
    if (call === 'recognize') {
      const { pictures, options } = takes as Calls<Setup, Picture>['recognize']['takes'];
      // Together: a decoder may have threads of its own.
      return opened.recognizer.recognize(
        await Promise.all(pictures.map((one) => world.pixels(one))),
        options,
      );
    }
    const { crop, options } = takes as Calls['explain']['takes'];
    return opened.explainer.explain(crop, { ...options, onProgress });
  };

  port.listen((message) => {
    const request = message as Request;
    const { id } = request;
    const reply = (value: Reply): void => port.post(value);
    last = last.then(async () => {
      try {
        reply({ id, gives: await answer(request, (progress) => reply({ id, progress })) });
      } catch (error) {
        reply({ id, error: sentError(error) });
      }
    });
  });
}
