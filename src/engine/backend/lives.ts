import type { Buffer } from '../tensor.ts';

/** The first and the last step of a program that use a buffer. */
export interface Life {
  readonly first: number;
  readonly last: number;
}

/**
 * When each transient buffer is in use, in the order of first uses.
 *
 * @param steps the buffers that each step of a program uses
 * @param keep buffers that are in use until the end
 */
export function livesOf(
  steps: readonly (readonly Buffer[])[],
  keep: Iterable<Buffer>,
): ReadonlyMap<Buffer, Life> {
  const lives = new Map<Buffer, Life>();
  steps.forEach((buffers, index) => {
    for (const buffer of buffers) {
      if (buffer.lifetime !== 'transient') continue;
      lives.set(buffer, { first: lives.get(buffer)?.first ?? index, last: index });
    }
  });
  for (const buffer of keep) {
    const life = lives.get(buffer);
    if (life) lives.set(buffer, { ...life, last: steps.length });
  }
  return lives;
}
