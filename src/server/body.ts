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

/**
 * The whole body, or no more of it than the limit.
 *
 * @throws BadRequest
 */
export async function readBody(request: Request, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = (): BadRequest =>
    new BadRequest(413, `the body is larger than ${limit / 2 ** 20} MiB: send a smaller picture`);
  const announced = Number(request.headers.get('content-length') ?? 0);
  if (announced > limit) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let length = 0;
  try {
    for await (const chunk of request.body ?? []) {
      length += chunk.length;
      if (length > limit) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof BadRequest) throw error;
    throw new BadRequest(400, 'the body was cut short');
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

/**
 * The files of a form.
 *
 * @param type the request's content type, which names the boundary
 * @throws BadRequest
 */
export async function formFiles(bytes: Uint8Array<ArrayBuffer>, type: string): Promise<Upload[]> {
  let form: FormData;
  try {
    form = await new Response(bytes, { headers: { 'content-type': type } }).formData();
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
