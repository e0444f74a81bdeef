import { FerError } from '../errors.ts';

/**
 * Asks a page's server for a file.
 *
 * @returns undefined if it is not there
 * @throws FerError if the server does not answer, or not with the file
 */
export async function findFile(url: string | URL): Promise<Response | undefined> {
  let response: Response;
  try {
    response = await fetch(url);
  } catch (error) {
    throw new FerError(`${url} cannot be fetched: is the server running, and does it allow this page?`, {
      cause: error,
    });
  }
  // Some servers answer with a page of their own where a file is missing.
  const isPage = response.headers.get('content-type')?.startsWith('text/html') ?? false;
  if (response.status === 404 || (response.ok && isPage)) return undefined;
  if (!response.ok) throw new FerError(`${url} cannot be fetched: status ${response.status}`);
  return response;
}

/**
 * A whole file.
 *
 * @throws FerError if it is not served
 */
export async function fetchFile(url: string | URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await findFile(url);
  if (!response) throw new FerError(`${url} is not served`);
  return new Uint8Array(await unlessCut(url, response.arrayBuffer()));
}

/**
 * What is read of a body.
 *
 * @throws FerError if the connection was lost meanwhile
 */
export async function unlessCut<T>(url: string | URL, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (error) {
    throw new FerError(`${url} was cut short: the connection was lost`, { cause: error });
  }
}
