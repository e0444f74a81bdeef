import { type Call, type KernelArgs, operandsOf } from '../../kernels.ts';
import { type Buffer, type Tensor, tensor } from '../../tensor.ts';
import { convolutionKind } from './lower-conv.ts';
import type { NormPool } from './lowering.ts';

/**
 * Convolutions whose batch norm (with fixed statistics) and ReLU can be done as their outputs are stored, which saves
 * a pass over memory: those of which nothing but that batch norm ever sees the plain outputs.
 *
 * @returns the batch norm of each such convolution; its own call is left out of the program
 */
export function fuseNorms(
  calls: readonly Call[],
  keep: readonly Tensor[],
  direct: boolean,
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
    const byDefinition = convolutionKind({ C: x.shape[3], K: y.shape[3], direct }) === 'direct';
    if (onlyTheirs && follows && !byDefinition) fused.set(convolution, norm.args);
  });
  return fused;
}

/**
 * Batch norms of a training step that are done together with the max pooling behind them, forward and backward, as
 * nothing else sees what lies between them: neither values nor gradients of whole pixels are stored.
 *
 * @returns by the calls of those batch norms, forward and backward; the calls of the poolings are in `done`
 */
export function fusePools(
  calls: readonly Call[],
  keep: readonly Tensor[],
): { readonly pools: ReadonlyMap<Call, NormPool>; readonly done: ReadonlySet<Call> } {
  const uses = usesOf(calls);
  const kept = new Set(keep.map(({ buffer }) => buffer));
  /** Transient, not kept, and seen by so many calls. */
  const between = ({ buffer }: Tensor, count: number): boolean =>
    buffer.lifetime === 'transient' && !kept.has(buffer) && uses.get(buffer) === count;
  const pools = new Map<Call, NormPool>();
  const done = new Set<Call>();
  calls.slice(1).forEach((pool, i) => {
    const norm = calls[i];
    if (norm.kernel !== 'batchNorm.forward' || pool.kernel !== 'maxPool2.forward') return;
    const { x, y } = pool.args;
    const [, H, W, C] = x.shape;
    const evenSides = H % 2 === 0 && W % 2 === 0;
    const wholeBytes = C % 16 === 0;
    // Batch norm, pooling and the pooling's gradient, which looks for the largest pixel again.
    if (norm.args.y.buffer !== x.buffer || !evenSides || !wholeBytes || !between(x, 3)) return;
    const at = calls.findIndex((one) => one.kernel === 'maxPool2.backward' && one.args.x.buffer === x.buffer);
    const [poolBack, normBack] = [calls[at], calls[at + 1]];
    if (poolBack?.kernel !== 'maxPool2.backward' || normBack?.kernel !== 'batchNorm.backward') return;
    const { dx, dy } = poolBack.args;
    const follows = normBack.args.dy.buffer === dx.buffer && normBack.args.dx.buffer !== dx.buffer;
    if (!follows || !between(dx, 2)) return;
    const fused = { y, dy, codes: tensor('codes', y.shape, 'u8') };
    pools.set(norm, fused).set(normBack, fused);
    done.add(pool).add(poolBack);
  });
  return { pools, done };
}

/** How many calls each buffer is an operand of. */
function usesOf(calls: readonly Call[]): ReadonlyMap<Buffer, number> {
  const uses = new Map<Buffer, number>();
  for (const one of calls) {
    const buffers = new Set(operandsOf(one).map(([, { buffer }]) => buffer));
    for (const buffer of buffers) uses.set(buffer, (uses.get(buffer) ?? 0) + 1);
  }
  return uses;
}
