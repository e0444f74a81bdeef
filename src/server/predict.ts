import type { Context } from 'hono';
import { FerError } from '../errors.ts';
import type { NodePicture } from '../recognize/nodePicture.ts';
import type { PhotoRecognizer, RecognizedFace, RecognizeOptions } from '../recognize/types.ts';
import { BadRequest, formFiles, readBody } from './body.ts';
import { type Limiter, Overloaded } from './limiter.ts';
import type { ServerMetrics } from './metrics.ts';

export interface PredictService {
  readonly recognizer: PhotoRecognizer<NodePicture>;
  readonly limiter: Limiter;
  readonly metrics: ServerMetrics;
  /** Bytes of a body. */
  readonly limit: number;
}

/** A face as a service sends it: without the pixels of the crop. */
type AnsweredFace = Omit<RecognizedFace, 'crop'>;

/** Seconds after which a refused client may come back. */
const RETRY_AFTER = 1;

/** `POST /api/predict`: faces of the picture that is the body, or of those in a form. */
export async function predict(context: Context, service: PredictService): Promise<Response> {
  const { limiter, metrics, limit } = service;
  const started = performance.now();
  try {
    limiter.admit();
  } catch (error) {
    if (!(error instanceof Overloaded)) throw error;
    const message = 'too many pictures are waiting: try again in a moment';
    return context.json({ error: message }, 503, { 'retry-after': String(RETRY_AFTER) });
  }
  try {
    const options = optionsOf(context);
    const bytes = await readBody(context.req.raw, limit);
    const type = context.req.header('content-type') ?? '';
    const done = (faces: number): void => metrics.prediction((performance.now() - started) / 1000, faces);
    if (!/^multipart\/form-data\b/i.test(type)) {
      const faces = await facesOf(bytes, options, service);
      done(faces.length);
      return context.json({ faces });
    }
    // One after the other, so that a form takes no more than its share.
    const pictures: ({ name: string; faces: AnsweredFace[] } | { name: string; error: string })[] = [];
    for (const { name, bytes: picture } of await formFiles(bytes, type)) {
      try {
        pictures.push({ name, faces: await facesOf(picture, options, service) });
      } catch (error) {
        if (!(error instanceof FerError)) throw error;
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
    if (error instanceof FerError) return context.json({ error: error.message }, 400);
    throw error;
  } finally {
    limiter.leave();
  }
}

function facesOf(
  bytes: Uint8Array,
  options: RecognizeOptions,
  { limiter, recognizer }: PredictService,
): Promise<AnsweredFace[]> {
  return limiter.run(async () => {
    const faces = await recognizer.recognize(bytes, options);
    return faces.map(({ crop: _, ...face }) => face);
  });
}

/**
 * `?crops=1&faces=none&max_faces=3&min_score=0.7&smallest=0.1`
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
  const share = (name: string, text: string | undefined): number | undefined => {
    if (text === undefined) return undefined;
    if (!(Number(text) > 0 && Number(text) <= 1)) refuse(`${name}=${text}`, 'above 0 to 1');
    return Number(text);
  };
  return {
    crops: crops === undefined ? undefined : crops === '1' ? 1 : 10,
    faces: faces as RecognizeOptions['faces'],
    maxFaces: max_faces === undefined ? undefined : Number(max_faces),
    minScore: share('min_score', min_score),
    smallest: share('smallest', smallest),
  };
}
