import { type Call, operandsOf } from '../../kernels.ts';
import { sizeOf, type Tensor, tensor, view } from '../../tensor.ts';
import { usesOf } from '../fuse.ts';
import type { NormPool, WeightUpdate } from './lowering.ts';

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

/**
 * Linear layers whose weights are updated as soon as their gradient is there, piece by piece, so that it need not go through
 * memory: those of a step with SGD in which nothing else reads the gradient, and nothing the weights later on.
 *
 * @returns the calls to lower, in which the update and the average of all parameters leave out those of `updates`
 */
export function fuseUpdates(
  calls: readonly Call[],
  unread: readonly Tensor[],
): { readonly left: readonly Call[]; readonly updates: ReadonlyMap<Call, WeightUpdate> } {
  const updates = new Map<Call, WeightUpdate>();
  calls.forEach((one, at) => {
    if (one.kernel !== 'linear.backwardWeight') return;
    const { x, dy, dw } = one.args;
    const wholeTiles = x.shape[1] % 8 === 0 && dy.shape[1] % 8 === 0;
    if (!wholeTiles || !unread.some((whole) => covers(whole, dw))) return;
    const [update, ...others] = calls.filter((other) => other !== one && touches(other, dw));
    if (others.length > 0 || update?.kernel !== 'sgd' || !covers(update.args.grad, dw)) return;
    const part = (of: Tensor): Tensor => view(of, dw.offset - update.args.grad.offset, [sizeOf(dw.shape)]);
    const { param, grad, velocity, hyper } = update.args;
    const own = part(param);
    const [average, ...later] = calls.slice(at).filter((other) => other !== update && touches(other, own));
    const sgd = { ...update.args, param: own, grad: part(grad), velocity: part(velocity) };
    if (!average) updates.set(one, { sgd, average: null });
    if (average?.kernel !== 'average' || later.length > 0) return;
    const { value, average: mean, hyper: share } = average.args;
    if (!covers(value, own) || share.buffer !== hyper.buffer) return;
    updates.set(one, { sgd, average: view(mean, own.offset - value.offset, own.shape) });
  });
  const done = [...updates.values()].map(({ sgd }) => sgd.param);
  const left = calls.flatMap((one): Call[] => {
    if (one.kernel === 'sgd') {
      const { args } = one;
      return rangesWithout(args.param, done).map(([from, length]) => {
        const part = (of: Tensor): Tensor => view(of, from, [length]);
        const parts = { param: part(args.param), grad: part(args.grad), velocity: part(args.velocity) };
        return { kernel: 'sgd', args: { ...args, ...parts } };
      });
    }
    if (one.kernel === 'average') {
      const { args } = one;
      return rangesWithout(args.value, done).map(([from, length]) => {
        const parts = {
          value: view(args.value, from, [length]),
          average: view(args.average, from, [length]),
        };
        return { kernel: 'average', args: { ...args, ...parts } };
      });
    }
    return [one];
  });
  return { left, updates };
}

/** The elements of `of` that none of `without` covers: first and count, in order. */
function rangesWithout(of: Tensor, without: readonly Tensor[]): [number, number][] {
  const inside = without.filter((other) => covers(of, other)).sort((a, b) => a.offset - b.offset);
  const ranges: [number, number][] = [];
  let from = 0;
  for (const other of inside) {
    const first = other.offset - of.offset;
    if (first > from) ranges.push([from, first - from]);
    from = first + sizeOf(other.shape);
  }
  const length = sizeOf(of.shape);
  if (length > from) ranges.push([from, length - from]);
  return ranges;
}

/** Whether all elements of `part` are among those of `whole`. */
function covers(whole: Tensor, part: Tensor): boolean {
  const behind = whole.offset + sizeOf(whole.shape) - (part.offset + sizeOf(part.shape));
  return whole.buffer === part.buffer && part.offset >= whole.offset && behind >= 0;
}

/** Whether a call has an operand that shares elements with `of`. */
function touches(one: Call, of: Tensor): boolean {
  const end = of.offset + sizeOf(of.shape);
  return operandsOf(one).some(
    ([, { buffer, offset, shape }]) =>
      buffer === of.buffer && offset < end && of.offset < offset + sizeOf(shape),
  );
}
