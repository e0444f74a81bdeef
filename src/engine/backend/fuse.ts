import { type Call, type KernelArgs, operandsOf } from '../kernels.ts';
import type { Buffer, Tensor } from '../tensor.ts';

/**
 * Convolutions whose batch norm (with fixed statistics) and ReLU can be done as their outputs are stored, which saves
 * a pass over memory: those of which nothing but that batch norm ever sees the plain outputs.
 *
 * @param canFinish whether a convolution with these channels can
 * @returns the batch norm of each such convolution; its own call is left out of the program
 */
export function fuseNorms(
  calls: readonly Call[],
  keep: readonly Tensor[],
  canFinish: (channels: { C: number; K: number }) => boolean,
): ReadonlyMap<Call, KernelArgs['batchNorm.evaluate']> {
  const uses = usesOf(calls);
  const kept = new Set(keep.map(({ buffer }) => buffer));
  const fused = new Map<Call, KernelArgs['batchNorm.evaluate']>();
  calls.slice(1).forEach((norm, i) => {
    const convolution = calls[i];
    if (convolution.kernel !== 'conv3x3.forward' || norm.kernel !== 'batchNorm.evaluate') return;
    const { x, y } = convolution.args;
    const plain = y.buffer;
    const onlyTheirs = plain.lifetime === 'transient' && !kept.has(plain) && uses.get(plain) === 2;
    const follows = norm.args.x.buffer === plain && norm.args.y.buffer !== plain;
    if (onlyTheirs && follows && canFinish({ C: x.shape[3], K: y.shape[3] }))
      fused.set(convolution, norm.args);
  });
  return fused;
}

/** How many calls each buffer is an operand of. */
export function usesOf(calls: readonly Call[]): ReadonlyMap<Buffer, number> {
  const uses = new Map<Buffer, number>();
  for (const one of calls) {
    const buffers = new Set(operandsOf(one).map(([, { buffer }]) => buffer));
    for (const buffer of buffers) uses.set(buffer, (uses.get(buffer) ?? 0) + 1);
  }
  return uses;
}
