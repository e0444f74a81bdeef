import type { Call } from '../../kernels.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { usesOf } from '../fuse.ts';
import { type NormPool, statisticsShape } from './lowering.ts';

/**
 * Convolutions right before the batch norm of a training step: its statistics can be taken while their outputs are in the
 * cache.
 *
 * @returns a place for the statistics, by both calls
 */
export function fuseStatistics(calls: readonly Call[]): ReadonlyMap<Call, Tensor> {
  const statistics = new Map<Call, Tensor>();
  calls.slice(1).forEach((norm, i) => {
    const convolution = calls[i];
    if (convolution.kernel !== 'conv3x3.forward' || norm.kernel !== 'batchNorm.forward') return;
    if (norm.args.x.buffer !== convolution.args.y.buffer) return;
    const parts = tensor('parts', statisticsShape(norm.args.x));
    statistics.set(convolution, parts).set(norm, parts);
  });
  return statistics;
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
