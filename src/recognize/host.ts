import type { Backend } from '../engine/backend.ts';
import type { Photo, PictureRecognizer } from './pictureRecognizer.ts';
import { type Calls, type Opened, type Port, type Reply, type Request, sentError } from './protocol.ts';

/** What a world brings along: reading models there, and turning what was sent into pixels. */
export interface World<Setup, Picture> {
  open(
    setup: Setup,
    onProgress: (share: number) => void,
  ): Promise<{ recognizer: PictureRecognizer; backend: Backend }>;
  pixels(picture: Picture): Promise<Photo>;
}

/** The thread's side of a recogniser: answers one request after the other, in the order they come. */
export function host<Setup, Picture>(port: Port, world: World<Setup, Picture>): void {
  let recognizer: PictureRecognizer | undefined;
  let last: Promise<void> = Promise.resolve();

  const answer = async ({ call, takes }: Request, onProgress: (share: number) => void): Promise<unknown> => {
    if (call === 'open') {
      const opened = await world.open(takes as Setup, onProgress);
      recognizer = opened.recognizer;
      const { description } = recognizer.model;
      return { model: description, device: opened.backend.describe() } satisfies Opened;
    }
    if (!recognizer) throw new Error(`${call} before open`);
    if (call === 'recognize') {
      const { pictures, options } = takes as Calls<Setup, Picture>['recognize']['takes'];
      // Together: a decoder may have threads of its own.
      return recognizer.recognize(await Promise.all(pictures.map((one) => world.pixels(one))), options);
    }
    const { crop, options } = takes as Calls['explain']['takes'];
    return recognizer.explain(crop, { ...options, onProgress });
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
