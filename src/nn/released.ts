import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FerError } from '../errors.ts';
import { CONFIG } from './fileNames.ts';

/** The folder of the network that comes with the package: what `model=` is where nobody names one. */
export const RELEASED_MODEL = fileURLToPath(new URL('../../models/vgg-fer2013', import.meta.url));

/**
 * The folder of the released network.
 *
 * @throws FerError if this copy of the package lacks it
 */
export function releasedModel(folder = RELEASED_MODEL): string {
  if (existsSync(join(folder, CONFIG))) return folder;
  throw new FerError(
    `no model was named, and the network that comes with fer is missing (${folder}): name one, as in ` +
      'model=runs/my_vgg; fer train makes them',
  );
}
