import type { Context } from 'hono';
import { PictureError, UsageError } from '../errors.ts';
import { DETECTION } from '../face/options.ts';
import { type Limiter, Overloaded } from '../recognize/limiter.ts';
import type { NodePicture } from '../recognize/nodePicture.ts';
import type { RecognizedFace, RecognizeOptions } from '../recognize/types.ts';
import { BadRequest, type BodyBudget, formFiles, readBody } from './body.ts';
import type { ServerMetrics } from './metrics.ts';
import { type SteadyRecognizer, Unavailable } from './steadyRecognizer.ts';

export interface PredictService {
  readonly recognizer: SteadyRecognizer<NodePicture>;
  readonly limiter: Limiter;
  readonly budget: BodyBudget;
  readonly metrics: ServerMetrics;
  /** Bytes of a body. */
  readonly limit: number;
}

/** A face as a service sends it: without the pixels of the crop. */
type AnsweredFace = Omit<RecognizedFace, 'crop'>;

/** For the metrics alone, as nobody is there to hear it: nginx's status for a client that closed its request. */
const GONE = 499;
/** Seconds after which a refused client may come back. */
const RETRY_AFTER = 1;

/** `POST /api/predict`: faces of the picture that is the body, or of those in a form. */
export async function predict(context: Context, service: PredictService): Promise<Response> {
  const { limiter, metrics, limit, budget } = service;
  const started = performance.now();
  let held = 0;
  let admitted = false;
  try {
    const options = optionsOf(context);
    const bytes = await readBody(context.req.raw, limit, (count) => {
      budget.take(count);
      held += count;
    });
    // Only now: a client that sends slowly takes nobody's place.
    limiter.admit();
    admitted = true;
    const type = context.req.header('content-type') ?? '';
    const done = (faces: number): void => metrics.prediction((performance.now() - started) / 1000, faces);
    if (!/^multipart\/form-data\b/i.test(type)) {
      const faces = await facesOf(context, bytes, options, service);
      done(faces.length);
      return context.json({ faces });
    }
    // One after the other, so that a form takes no more than its share.
    const pictures: ({ name: string; faces: AnsweredFace[] } | { name: string; error: string })[] = [];
    // A form is in memory twice while it is taken apart, so not all at once.
    const uploads = await limiter.run(() => formFiles(bytes, type));
    for (const { name, bytes: picture } of uploads) {
      try {
        pictures.push({ name, faces: await facesOf(context, picture, options, service) });
      } catch (error) {
        if (!(error instanceof PictureError)) throw error;
        pictures.push({ name, error: error.message });
      }
    }
    done(pictures.reduce((sum, picture) => sum + ('faces' in picture ? picture.faces.length : 0), 0));
    return context.json({ pictures });
  } catch (error) {
    if (error instanceof BadRequest) {
      // What was not read would stand before the client's next request.
      const headers = error.status === 413 ? { connection: 'close' } : undefined;
      return context.json({ error: error.message }, error.status, headers);
    }
    if (error instanceof PictureError || error instanceof UsageError)
      return context.json({ error: error.message }, 400);
    if (context.req.raw.signal.aborted) return new Response(null, { status: GONE });
    const message =
      error instanceof Overloaded
        ? 'too many pictures are waiting: try again in a moment'
        : error instanceof Unavailable
          ? 'the network does not answer and is loaded anew: try again in a moment'
          : undefined;
    if (message === undefined) throw error;
    // A body that was not read to its end would stand before the client's next request.
    const headers = { 'retry-after': String(RETRY_AFTER), ...(admitted ? {} : { connection: 'close' }) };
    return context.json({ error: message }, 503, headers);
  } finally {
    if (admitted) limiter.leave();
    budget.give(held);
  }
}

function facesOf(
  context: Context,
  bytes: Uint8Array,
  options: RecognizeOptions,
  { limiter, recognizer }: PredictService,
): Promise<AnsweredFace[]> {
  return limiter.run(async () => {
    // A client that has gone away gets no work done.
    context.req.raw.signal.throwIfAborted();
    const faces = await recognizer.recognize(bytes, options);
    return faces.map(({ crop: _, ...face }) => face);
  });
}

/**
 * `?crops=1&faces=none&max_faces=3&min_score=0.7&smallest=0.1`. Faces smaller than the default are not looked for:
 * the time grows with the square, and strangers could have a small picture keep the network for minutes.
 *
 * @throws BadRequest
 */
function optionsOf(context: Context): RecognizeOptions {
  const { crops, faces, max_faces, min_score, smallest, ...others } = context.req.query();
  const [unknown] = Object.keys(others);
  const refuse = (what: string, expected: string): never => {
    throw new BadRequest(400, `${what}: expected ${expected}`);
  };
  if (unknown !== undefined) refuse(`unknown ${unknown}=`, 'crops, faces, max_faces, min_score or smallest');
  if (crops !== undefined && crops !== '1' && crops !== '10') refuse(`crops=${crops}`, '1 or 10');
  if (faces !== undefined && faces !== 'auto' && faces !== 'none') refuse(`faces=${faces}`, 'auto or none');
  if (max_faces !== undefined && !/^[1-9]\d{0,3}$/.test(max_faces)) {
    refuse(`max_faces=${max_faces}`, 'a whole number above 0');
  }
  const share = (name: string, text: string | undefined, least = 0): number | undefined => {
    if (text === undefined) return undefined;
    const value = Number(text);
    const enough = least === 0 ? value > 0 : value >= least;
    if (!(enough && value <= 1)) refuse(`${name}=${text}`, least === 0 ? 'above 0 to 1' : `${least} to 1`);
    return value;
  };
  return {
    crops: crops === undefined ? undefined : crops === '1' ? 1 : 10,
    faces: faces as RecognizeOptions['faces'],
    maxFaces: max_faces === undefined ? undefined : Number(max_faces),
    minScore: share('min_score', min_score),
    smallest: share('smallest', smallest, DETECTION.smallest),
  };
}
