import { type Call, operandsOf } from '../../kernels.ts';
import { sizeOf, type Tensor, view } from '../../tensor.ts';
import type { WeightUpdate } from './lowering.ts';

/**
 * Linear layers whose weights are updated as soon as their gradient is there, piece by piece, so that it need not go through
 * memory: those of a step with SGD in which nothing else reads the gradient, and nothing the weights later on.
 *
 * @param unread see `CompileOptions`
 * @returns the calls to lower, in which the update and the average of all parameters leave out those of `updates`
 */
export function fuseUpdates(
  calls: readonly Call[],
  unread: readonly Tensor[],
): { readonly left: readonly Call[]; readonly updates: ReadonlyMap<Call, WeightUpdate> } {
  const updates = new Map<Call, WeightUpdate>();
  calls.forEach((one, at) => {
    const update = updateOf(calls, at, unread);
    if (update) updates.set(one, update);
  });
  const done = [...updates.values()].map(({ sgd }) => sgd.param);
  return { left: calls.flatMap((one) => withoutParts(one, done)), updates };
}

/** What can be done with the call at this place, if it is the weight gradient of such a layer. */
function updateOf(calls: readonly Call[], at: number, unread: readonly Tensor[]): WeightUpdate | null {
  const one = calls[at];
  if (one.kernel !== 'linear.backwardWeight') return null;
  const { x, dy, dw } = one.args;
  const wholeTiles = x.shape[1] % 8 === 0 && dy.shape[1] % 8 === 0;
  if (!wholeTiles || !unread.some((whole) => covers(whole, dw))) return null;
  const [update, ...readers] = calls.filter((other) => other !== one && touches(other, dw));
  if (update?.kernel !== 'sgd' || readers.length > 0 || !covers(update.args.grad, dw)) return null;
  const { param, grad, velocity, hyper } = update.args;
  const part = (of: Tensor): Tensor => view(of, dw.offset - grad.offset, [sizeOf(dw.shape)]);
  const sgd = { ...update.args, param: part(param), grad: part(grad), velocity: part(velocity) };
  const [average, ...later] = calls
    .slice(at)
    .filter((other) => other !== update && touches(other, sgd.param));
  if (!average) return { sgd, average: null };
  if (average.kernel !== 'average' || later.length > 0) return null;
  const { value, average: mean, hyper: share } = average.args;
  if (!covers(value, sgd.param) || share.buffer !== hyper.buffer) return null;
  return { sgd, average: view(mean, sgd.param.offset - value.offset, sgd.param.shape) };
}

/** An update or average of parameters as several that leave out `done`; any other call as it is. */
function withoutParts(one: Call, done: readonly Tensor[]): Call[] {
  if (one.kernel === 'sgd') {
    const { param, grad, velocity } = one.args;
    return rangesWithout(param, done).map((range) => {
      const parts = { param: range(param), grad: range(grad), velocity: range(velocity) };
      return { kernel: 'sgd', args: { ...one.args, ...parts } };
    });
  }
  if (one.kernel === 'average') {
    const { value, average } = one.args;
    return rangesWithout(value, done).map((range) => {
      return { kernel: 'average', args: { ...one.args, value: range(value), average: range(average) } };
    });
  }
  return [one];
}

/** The runs of elements of `of` that none of `without` covers, each as what takes it from a tensor of that length. */
function rangesWithout(of: Tensor, without: readonly Tensor[]): ((from: Tensor) => Tensor)[] {
  const inside = without.filter((other) => covers(of, other)).sort((a, b) => a.offset - b.offset);
  const ranges: ((from: Tensor) => Tensor)[] = [];
  const add = (first: number, end: number): void => {
    if (end > first) ranges.push((from) => view(from, first, [end - first]));
  };
  let first = 0;
  for (const other of inside) {
    const start = other.offset - of.offset;
    add(first, start);
    first = start + sizeOf(other.shape);
  }
  add(first, sizeOf(of.shape));
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
