import type { Dataset } from '../data/dataset.ts';
import { FerError } from '../errors.ts';
import type { Backend } from './backend.ts';
import { ORDER } from './kernels.ts';
import { type Tensor, tensor } from './tensor.ts';

/** Images and labels of a dataset in a backend's memory, as they are stored: uint8. */
export interface DeviceData {
  /** [N, size, size] u8. */
  readonly images: Tensor;
  /** [N] u8. */
  readonly targets: Tensor;
  readonly size: number;
  readonly count: number;
}

/**
 * Room for `count` images of one size.
 *
 * @throws FerError if there are more than an entry of an order can tell apart
 */
export function allocateData(count: number, size: number): DeviceData {
  const most = ORDER.image + 1;
  if (count > most) throw new FerError(`${count} images at once: at most ${most} can be told apart`);
  return {
    images: tensor('images', [count, size, size], 'u8', 'persistent'),
    targets: tensor('targets', [count], 'u8', 'persistent'),
    size,
    count,
  };
}

/** Copies a whole dataset to the backend. */
export function uploadData(backend: Backend, { images, targets, size }: Dataset): DeviceData {
  const data = allocateData(targets.length, size);
  backend.write(data.images, images);
  backend.write(data.targets, targets);
  return data;
}
