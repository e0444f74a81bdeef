import { Overloaded } from '../recognize/limiter.ts';

/** Thrown where a request's body cannot be taken; `status` is what HTTP calls it. */
export class BadRequest extends Error {
  override name = 'BadRequest';
  readonly status: 400 | 413;

  constructor(status: 400 | 413, message: string) {
    super(message);
    this.status = status;
  }
}

/** A picture of a request, still encoded. */
export interface Upload {
  /** Name of the form's file. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Pictures in one form. */
const MOST_FILES = 32;
/** Of a form, texts among them: a form is taken apart in one go, and nothing else is answered meanwhile. */
const MOST_PARTS = 2 * MOST_FILES;

/** Bytes of all the bodies that are in memory: so many clients that send slowly cost what they have sent, no more. */
export class BodyBudget {
  readonly #most: number;
  #held = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** @throws Overloaded */
  take(bytes: number): void {
    if (this.#held + bytes > this.#most) throw new Overloaded();
    this.#held += bytes;
  }

  give(bytes: number): void {
    this.#held -= bytes;
  }
}

/**
 * The whole body, or no more of it than the limit.
 *
 * @param hold told the bytes of each part before it is kept
 * @throws BadRequest, and what `hold` throws
 */
export async function readBody(
  request: Request,
  limit: number,
  hold: (bytes: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = (): BadRequest =>
    new BadRequest(413, `the body is larger than ${limit / 2 ** 20} MiB: send a smaller picture`);
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Not with `for await`, which on an error cancels the body, and with it the connection that the answer needs.
  const reader = request.body?.getReader();
  for (;;) {
    const { done, value } = await next(reader);
    if (done) break;
    length += value.length;
    if (length > limit) throw tooLarge();
    hold(value.length);
    chunks.push(value);
  }
  if (length === 0) throw new BadRequest(400, 'the body is empty: send a JPEG, PNG or WebP picture');
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
  }
  return bytes;
}

async function next(
  reader: ReadableStreamDefaultReader<Uint8Array> | undefined,
): Promise<ReadableStreamReadResult<Uint8Array>> {
  try {
    return reader ? await reader.read() : { done: true, value: undefined };
  } catch {
    throw new BadRequest(400, 'the body was cut short');
  }
}

/**
 * The files of a form.
 *
 * @param type the request's content type, which names the boundary
 * @throws BadRequest
 */
export async function formFiles(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<Upload[]> {
  const boundary = boundaryOf(type);
  const parts = partsOf(bytes, boundary);
  if (parts > MOST_PARTS) {
    throw new BadRequest(400, `the form has ${parts} parts: send ${MOST_FILES} files at most`);
  }
  // Written anew, so that the form is cut where its parts were counted.
  const headers = { 'content-type': `multipart/form-data; boundary="${boundary}"` };
  let form: FormData;
  try {
    form = await new Response(bytes, { headers }).formData();
  } catch {
    throw new BadRequest(400, 'the form cannot be read: expected multipart/form-data');
  }
  const files: File[] = [];
  for (const value of form.values()) if (typeof value !== 'string') files.push(value);
  if (files.length === 0)
    throw new BadRequest(400, 'the form holds no file: add a JPEG, PNG or WebP picture');
  if (files.length > MOST_FILES) {
    throw new BadRequest(400, `the form holds ${files.length} files: send ${MOST_FILES} at most`);
  }
  return Promise.all(
    files.map(async (file) => ({ name: file.name, bytes: new Uint8Array(await file.arrayBuffer()) })),
  );
}

/** All that senders of forms write: a boundary and perhaps a charset, with nothing that could be read in two ways. */
const FORM_TYPE =
  /^multipart\/form-data(;charset=[\w-]+)?;boundary=("?)([\w'()+,./:=? -]+)\2(;charset=[\w-]+)?$/i;

/** @throws BadRequest */
function boundaryOf(type: string): string {
  const parameters = type.split(';').map((parameter) => parameter.trim());
  const boundary = FORM_TYPE.exec(parameters.join(';'))?.[3];
  if (boundary === undefined) {
    throw new BadRequest(
      400,
      'the form cannot be read: its content type must be multipart/form-data with one boundary',
    );
  }
  return boundary;
}

/** The parts of a form, as the lines between them tell; more where a file holds such a line, which none does by chance. */
function partsOf(bytes: Uint8Array<ArrayBuffer>, boundary: string): number {
  const line = `--${boundary}`;
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let lines = 0;
  for (let at = body.indexOf(line); at >= 0; at = body.indexOf(line, at + line.length)) lines++;
  // The last one ends the form.
  return Math.max(0, lines - 1);
}
