import { readFileBytes, readInPlaces, writeChunksAtomic } from './files.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  SafetensorsReader,
  type StoredTensor,
} from './safetensorsFormat.ts';

export {
  type Dtype,
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  SafetensorsReader,
  type StoredTensor,
  type TensorData,
} from './safetensorsFormat.ts';

/** Reads `path`; see `decodeSafetensors`. */
export function readSafetensors(path: string): Safetensors {
  return decodeSafetensors(readFileBytes(path), path);
}

/**
 * Lets `use` read from `path` while it is open: all of one file, also where another takes its name meanwhile.
 *
 * @throws FerError as `decodeSafetensors`, and if the disk refuses
 */
export function withSafetensors<T>(path: string, use: (reader: SafetensorsReader) => T): T {
  return readInPlaces(path, (source) => use(new SafetensorsReader(source, path)));
}

/** Writes `path` atomically; see `encodeSafetensors` and `writeChunksAtomic`. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata?: Readonly<Record<string, string>>,
  before?: () => void,
): void {
  writeChunksAtomic(path, encodeSafetensors(tensors, metadata), before);
}
