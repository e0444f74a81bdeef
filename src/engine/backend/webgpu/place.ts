import { type Buffer, BYTES } from '../../tensor.ts';
import { type Life, livesOf } from '../lives.ts';
import type { Dispatch } from './dispatches.ts';

/** A piece of device memory that transient tensors take in turns. */
export interface Slot {
  readonly bytes: number;
}

/** Buffers start and end on it. */
const ALIGNMENT = 256;

export function bytesOf({ length, dtype }: Buffer): number {
  return Math.max(1, Math.ceil((length * BYTES[dtype]) / ALIGNMENT)) * ALIGNMENT;
}

/**
 * Gives each transient buffer a slot of its own for the time from its first to its last use, those to be
 * kept until the end. Slots of earlier programs are taken where they are large enough; what is missing is
 * made with `make`. A slot is a whole GPU buffer and holds one tensor at a time: WebGPU does not let a
 * kernel read and write one buffer by two bindings.
 */
export function place<S extends Slot>(
  dispatches: readonly Dispatch[],
  keep: ReadonlySet<Buffer>,
  slots: readonly S[],
  make: (buffer: Buffer) => S,
): Map<Buffer, S> {
  const lives = livesOf(
    dispatches.map(({ operands }) => Object.values(operands).map(({ buffer }) => buffer)),
    keep,
  );
  const taken = new Map<S, Life[]>(slots.map((slot) => [slot, []]));
  const places = new Map<Buffer, S>();
  // The largest first, each in the smallest slot that has room for it.
  const bySize = [...lives].sort(([a], [b]) => bytesOf(b) - bytesOf(a));
  for (const [buffer, life] of bySize) {
    let best: S | undefined;
    for (const [slot, others] of taken) {
      const free = others.every(({ first, last }) => last < life.first || first > life.last);
      if (free && slot.bytes >= bytesOf(buffer) && (!best || slot.bytes < best.bytes)) best = slot;
    }
    const slot = best ?? make(buffer);
    taken.set(slot, [...(taken.get(slot) ?? []), life]);
    places.set(buffer, slot);
  }
  return places;
}
