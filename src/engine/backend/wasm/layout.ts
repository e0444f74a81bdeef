import { type Buffer, BYTES, type Tensor } from '../../tensor.ts';
import { type Life, livesOf } from '../lives.ts';
import type { Entry } from './entry.ts';

/** Everything starts on a cache line. */
export const LINE = 64;

export function alignUp(bytes: number): number {
  return Math.ceil(bytes / LINE) * LINE;
}

export function bytesOf(buffer: Buffer): number {
  return alignUp(buffer.length * BYTES[buffer.dtype]);
}

/** Where each transient buffer of a program lies in the arena, and how large the arena must be. */
export interface Layout {
  readonly offsets: ReadonlyMap<Buffer, number>;
  readonly bytes: number;
}

/**
 * Gives transient buffers places in one arena so that two buffers share memory only when no entry needs
 * both: the largest first, each at the lowest place free during its life.
 */
export function layOut(entries: readonly Entry[], keep: readonly Tensor[]): Layout {
  const lives = livesOf(
    entries.map(buffersOf),
    keep.map(({ buffer }) => buffer),
  );
  const placed: (Life & { from: number; to: number })[] = [];
  const offsets = new Map<Buffer, number>();
  const bySize = [...lives].sort(([a], [b]) => bytesOf(b) - bytesOf(a));
  for (const [buffer, { first, last }] of bySize) {
    const bytes = bytesOf(buffer);
    let from = 0;
    // `placed` is sorted by address: the first gap that fits is the lowest.
    for (const other of placed) {
      if (other.last < first || other.first > last) continue;
      if (other.from >= from + bytes) break;
      from = Math.max(from, other.to);
    }
    placed.push({ from, to: from + bytes, first, last });
    placed.sort((a, b) => a.from - b.from);
    offsets.set(buffer, from);
  }
  return { offsets, bytes: placed.reduce((end, { to }) => Math.max(end, to), 0) };
}

function buffersOf({ operands }: Entry): Buffer[] {
  return operands.flatMap((operand) =>
    operand !== null && typeof operand === 'object' && 'buffer' in operand ? [operand.buffer] : [],
  );
}
