import { readFileBytes, writeChunksAtomic } from './files.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type StoredTensor,
} from './safetensorsFormat.ts';

export {
  type Dtype,
  decodeSafetensors,
  encodeSafetensors,
  type Safetensors,
  type StoredTensor,
  type TensorData,
} from './safetensorsFormat.ts';

/** Reads `path`; see `decodeSafetensors`. */
export function readSafetensors(path: string): Safetensors {
  return decodeSafetensors(readFileBytes(path), path);
}

/** Writes `path` atomically; see `encodeSafetensors` and `writeChunksAtomic`. */
export function writeSafetensors(
  path: string,
  tensors: Readonly<Record<string, StoredTensor>>,
  metadata?: Readonly<Record<string, string>>,
): void {
  writeChunksAtomic(path, encodeSafetensors(tensors, metadata));
}
