/** Node refuses single reads, writes and hashes of 2 GiB and more, and Linux cuts reads and writes short. */
export const LARGEST_PIECE = 1 << 30;

/** Views of all the bytes in order, none longer than `most`. */
export function* pieces(bytes: Uint8Array, most = LARGEST_PIECE): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += most) yield bytes.subarray(at, at + most);
}
