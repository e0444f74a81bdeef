import { FerError } from '../errors.ts';
import { sourceOf } from '../io/pieces.ts';
import { SafetensorsReader } from '../io/safetensorsFormat.ts';
import { checkDescription } from '../nn/description.ts';
import type { UnreadModel } from '../nn/loadModel.ts';

/** The weights of a folder, the released model's first. */
const WEIGHT_FILES = ['model.safetensors', 'best.safetensors', 'last.safetensors'];

/**
 * Fetches a model folder, as it lies in models/ or runs/, from where a page's server has it.
 *
 * @param folder its address
 * @param onProgress hears the share of the weights that has arrived, 0..1
 * @throws FerError if something is missing or damaged
 */
export async function fetchModel(
  folder: string,
  onProgress: (share: number) => void = () => {},
): Promise<UnreadModel> {
  const base = folder.endsWith('/') ? folder : `${folder}/`;
  const configFile = `${base}config.json`;
  const config = await found(configFile);
  if (!config) throw new FerError(`there is no model at ${base}: ${configFile} is not served`);
  let description: unknown;
  try {
    description = ((await config.json()) as { model?: unknown } | null)?.model;
  } catch {
    throw new FerError(`${configFile} is not valid JSON`);
  }
  checkDescription(description, configFile);
  for (const name of WEIGHT_FILES) {
    const file = `${base}${name}`;
    const response = await found(file);
    if (!response) continue;
    const bytes = await bytesOf(response, onProgress);
    return { description, file, weights: new SafetensorsReader(sourceOf(bytes), file) };
  }
  throw new FerError(`${base} serves no weights: expected ${WEIGHT_FILES.join(' or ')}`);
}

/** @returns undefined if it is not there */
async function found(url: string): Promise<Response | undefined> {
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

async function bytesOf(response: Response, onProgress: (share: number) => void): Promise<Uint8Array> {
  // A hint: where the body was compressed on its way it is the length then, and another origin need not say so.
  const announced = Number(response.headers.get('content-length'));
  if (!response.body || !(announced > 0)) return new Uint8Array(await response.arrayBuffer());
  let bytes = new Uint8Array(announced);
  let at = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    if (at + value.length > bytes.length) {
      const grown = new Uint8Array(Math.max(2 * bytes.length, at + value.length));
      grown.set(bytes);
      bytes = grown;
    }
    bytes.set(value, at);
    at += value.length;
    onProgress(Math.min(1, at / announced));
  }
  if (at < announced) throw new FerError(`${response.url} was cut short: ${at} of ${announced} bytes`);
  return bytes.subarray(0, at);
}
