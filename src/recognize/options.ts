import { given } from '../config/option.ts';
import { refuseOption } from '../errors.ts';
import { checkCrops } from '../evaluate/checkOptions.ts';
import { checkDetectOptions } from '../face/options.ts';
import type { FacesMode, RecognizeOptions } from './types.ts';

export const DEFAULTS: { readonly crops: 1 | 10; readonly faces: FacesMode } = { crops: 10, faces: 'auto' };

/**
 * The options of a picture: the last that is given of each, or its default.
 *
 * @throws UsageError for a value that an option does not take
 */
export function chosenOptions(...layers: readonly RecognizeOptions[]): RecognizeOptions & typeof DEFAULTS {
  const chosen: RecognizeOptions & typeof DEFAULTS = Object.assign({}, DEFAULTS, ...layers.map(given));
  const { crops, faces } = chosen;
  checkCrops(crops);
  if (faces !== 'auto' && faces !== 'none') refuseOption('faces', faces, '"auto" or "none"');
  checkDetectOptions(chosen);
  return chosen;
}
