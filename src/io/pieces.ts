/** Node refuses single reads, writes and hashes of 2 GiB and more, and Linux cuts reads and writes short. */
export const LARGEST_PIECE = 1 << 30;

/** Views of all the bytes in order, none longer than `most`. */
export function* pieces(bytes: Uint8Array, most = LARGEST_PIECE): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += most) yield bytes.subarray(at, at + most);
}

/** Where a file's bytes are: in memory, or on a disk. */
export interface ByteSource {
  readonly length: number;
  /** So many bytes from a place on, which are there; only valid until the next call. */
  read(at: number, length: number): Uint8Array;
}

/** Bytes in memory as a source. */
export function sourceOf(bytes: Uint8Array): ByteSource {
  return { length: bytes.length, read: (at, length) => bytes.subarray(at, at + length) };
}
