import { fixedCrop } from '../engine/augment.ts';
import type { ModelDescription } from '../nn/model.ts';

/** How a picture of a face becomes the network's input: what `fer predict` does. */
export function preprocessorOf({ imageSize, inputSize }: ModelDescription): unknown {
  const crops = Array.from({ length: 10 }, (_, crop) => fixedCrop(imageSize, inputSize, 10, crop));
  return {
    image_processor_type: 'fer',
    do_convert_grayscale: true,
    do_resize: true,
    size: { height: imageSize, width: imageSize },
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: false,
    do_ten_crop: true,
    crop_size: { height: inputSize, width: inputSize },
    // Of each crop the top left corner, and whether its columns are read from right to left.
    crops,
    average: 'logits',
  };
}
