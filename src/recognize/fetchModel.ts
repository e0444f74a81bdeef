import { FerError } from '../errors.ts';
import { findFile, unlessCut } from '../io/fetchFile.ts';
import { sourceOf } from '../io/pieces.ts';
import { SafetensorsReader } from '../io/safetensorsFormat.ts';
import { checkDescription } from '../nn/description.ts';
import { CONFIG, WEIGHTS_SERVED } from '../nn/fileNames.ts';
import type { UnreadModel } from '../nn/loadModel.ts';

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
  const configFile = `${base}${CONFIG}`;
  const config = await findFile(configFile);
  if (!config) throw new FerError(`there is no model at ${base}: ${configFile} is not served`);
  const text = await unlessCut(configFile, config.text());
  let description: unknown;
  try {
    description = (JSON.parse(text) as { model?: unknown } | null)?.model;
  } catch {
    throw new FerError(`${configFile} is not valid JSON`);
  }
  checkDescription(description, configFile);
  for (const name of WEIGHTS_SERVED) {
    const file = `${base}${name}`;
    const response = await findFile(file);
    if (!response) continue;
    const bytes = await bytesOf(response, file, onProgress);
    return { description, file, weights: new SafetensorsReader(sourceOf(bytes), file) };
  }
  throw new FerError(`${base} serves no weights: expected ${WEIGHTS_SERVED.join(' or ')}`);
}

async function bytesOf(
  response: Response,
  file: string,
  onProgress: (share: number) => void,
): Promise<Uint8Array> {
  // A hint: where the body was compressed on its way it is the length then, and another origin need not say so.
  const announced = Number(response.headers.get('content-length'));
  if (!response.body || !(announced > 0))
    return new Uint8Array(await unlessCut(file, response.arrayBuffer()));
  let bytes = new Uint8Array(announced);
  let at = 0;
  for (const reader = response.body.getReader(); ; ) {
    const { done, value } = await unlessCut(file, reader.read());
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
  if (at < announced) throw new FerError(`${file} was cut short: ${at} of ${announced} bytes`);
  return bytes.subarray(0, at);
}
