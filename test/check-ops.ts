import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import type { Backend, NumericArray } from '../src/engine/backend.ts';
import { type Call, type KernelName, ORDER, operandsOf } from '../src/engine/kernels.ts';
import { bits, keyOf, uniform } from '../src/engine/random.ts';
import { type Buffer, type DType, sizeOf, type Tensor } from '../src/engine/tensor.ts';
import type { Candidate } from './backends.ts';
import { type Bound, expectClose, expectSame } from './compare.ts';

/** Elements before and behind an operand that no kernel may change. */
const GUARD = 16;
const SENTINEL: Readonly<Record<DType, number>> = { f32: 12345, f64: 12345, i32: 12345, u8: 123, f16: 12345 };

/** What each kernel writes; `changed` operands are read as well. */
const WRITTEN: { readonly [Name in KernelName]: { readonly fresh: string[]; readonly changed?: string[] } } =
  {
    augment: { fresh: ['out'] },
    gatherLabels: { fresh: ['labels'] },
    mix: { fresh: ['y'] },
    'conv3x3.forward': { fresh: ['y'] },
    'conv3x3.backwardInput': { fresh: ['dx'] },
    'conv3x3.backwardWeight': { fresh: ['dw', 'db'] },
    'batchNorm.forward': { fresh: ['saved', 'y'], changed: ['runningMean', 'runningVar'] },
    'batchNorm.backward': { fresh: ['dx', 'dgamma', 'dbeta'] },
    'batchNorm.evaluate': { fresh: ['saved', 'y'] },
    'batchNorm.evaluateBackward': { fresh: ['dx'] },
    'maxPool2.forward': { fresh: ['y'] },
    'maxPool2.backward': { fresh: ['dx'] },
    'linear.forward': { fresh: ['y'] },
    'linear.backwardInput': { fresh: ['dx'] },
    'linear.backwardWeight': { fresh: ['dw', 'db'] },
    'relu.forward': { fresh: ['y'] },
    'relu.backward': { fresh: ['dx'] },
    'dropout.forward': { fresh: ['y'] },
    'dropout.backward': { fresh: ['dx'] },
    'flatten.forward': { fresh: ['y'] },
    'flatten.backward': { fresh: ['dx'] },
    add: { fresh: ['y'] },
    crossEntropy: { fresh: ['dlogits'], changed: ['totals'] },
    mixedCrossEntropy: { fresh: ['dlogits'], changed: ['totals'] },
    distill: { fresh: [], changed: ['dlogits'] },
    averageCrops: { fresh: [], changed: ['out'] },
    sgd: { fresh: [], changed: ['param', 'velocity'] },
    adam: { fresh: [], changed: ['param', 'mean', 'square'] },
    amsgrad: { fresh: [], changed: ['param', 'mean', 'square', 'maximum'] },
    adadelta: { fresh: [], changed: ['param', 'square', 'delta'] },
    adagrad: { fresh: [], changed: ['param', 'sum'] },
    squareSum: { fresh: ['sum'] },
    ascend: { fresh: ['start'], changed: ['param'] },
    copy: { fresh: ['y'] },
    average: { fresh: [], changed: ['average'] },
  };

/** An operand of a call under test: a view with guards on both sides. */
export function operand(name: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
  const length = sizeOf(shape) + 2 * GUARD;
  return { buffer: { name, dtype, length, lifetime: 'persistent' }, offset: GUARD, shape };
}

/** Seeded values in ±1 that float32 holds exactly. */
export function randomValues(length: number, seed: number): Float32Array {
  const key = keyOf(seed);
  return Float32Array.from({ length }, (_, i) => 2 * uniform(key, i) - 1);
}

/** Seeded whole numbers in 0..end-1. */
export function randomIntegers(length: number, end: number, seed: number): Int32Array {
  const key = keyOf(seed);
  return Int32Array.from({ length }, (_, i) => bits(key, i) % end);
}

/** A seeded order of images 0..end-1, some of them as later occurrences in their epoch. */
export function randomOrder(length: number, end: number, seed: number): Int32Array {
  const { occurrence, occurrences } = ORDER;
  return randomIntegers(length, end, seed).map((image, i) => image + occurrence * ((i * i) % occurrences));
}

export interface Trial {
  readonly call: Call;
  /** Contents by operand; seeded random ones where not given. Integer operands need theirs. */
  readonly contents?: Readonly<Record<string, ArrayLike<number>>>;
  /** Bounds by output; equal to a few roundings where not given. */
  readonly bounds?: Readonly<Record<string, Bound>>;
  /** What the reference computes may hold values that are not finite. */
  readonly nonFinite?: boolean;
  readonly seed?: number;
}

/** The whole of a buffer, guards included. */
function wholeOf(buffer: Buffer): Tensor {
  return { buffer, offset: 0, shape: [buffer.length] };
}

/**
 * Runs a call on `reference` and on every candidate and compares every operand: outputs within their
 * bounds, inputs and guards untouched, all candidates of a family the same to the bit. Outputs start as
 * NaN and the guards of inputs are NaN, so that what is not written, or read from outside, shows.
 * Returns the largest error of each output, in units of its bound.
 */
export async function checkCall(
  candidates: readonly Candidate[],
  trial: Trial,
): Promise<Record<string, number>> {
  if (candidates.length === 0) throw new Error('nothing to check');
  const { call } = trial;
  const written = [...WRITTEN[call.kernel].fresh, ...(WRITTEN[call.kernel].changed ?? [])];
  const initial = initialContents(trial);
  const expected = await contentsAfter(new ReferenceBackend(), call, initial);
  if (!trial.nonFinite) expectFinite(trial, written, expected);
  const worst: Record<string, number> = {};
  const families = new Map<string, Map<Buffer, NumericArray>>();
  for (const { family, backend, eps64 } of candidates) {
    const actual = await contentsAfter(backend, call, initial);
    for (const [name, { buffer }] of operandsOf(call)) {
      const what = `${call.kernel} ${name} [${shapeOf(call, name)}] on ${backend.describe()}`;
      const [before, after, right] = [initial.get(buffer)!, actual.get(buffer)!, expected.get(buffer)!];
      expectSame(after.subarray(0, GUARD), before.subarray(0, GUARD), `${what}: in front of it`);
      expectSame(after.subarray(-GUARD), before.subarray(-GUARD), `${what}: behind it`);
      const inner = (all: NumericArray): NumericArray => all.subarray(GUARD, -GUARD);
      if (written.includes(name)) {
        const ratio = expectClose(inner(after), inner(right), boundOf(trial, name, buffer, eps64), what);
        worst[name] = Math.max(worst[name] ?? 0, ratio);
      } else if (!isWritten(call, written, buffer))
        expectSame(inner(after), inner(before), `${what}: an input`);
      const first = families.get(family)?.get(buffer);
      if (first) expectSame(after, first, `${what}: against fewer threads`);
    }
    if (!families.has(family)) families.set(family, actual);
  }
  return worst;
}

function shapeOf(call: Call, name: string): readonly number[] {
  return operandsOf(call).find(([other]) => other === name)?.[1].shape ?? [];
}

function isWritten(call: Call, written: readonly string[], buffer: Buffer): boolean {
  return operandsOf(call).some(([name, other]) => other.buffer === buffer && written.includes(name));
}

function boundOf({ bounds }: Trial, name: string, { dtype }: Buffer, eps64 = 2 ** -52): Bound {
  if (dtype === 'i32' || dtype === 'u8') return { eps: 0 };
  return { ...(dtype === 'f64' ? { eps: eps64, growth: 64 } : {}), ...bounds?.[name] };
}

function initialContents({ call, contents, seed = 1 }: Trial): Map<Buffer, NumericArray> {
  const { fresh, changed = [] } = WRITTEN[call.kernel];
  const operands = operandsOf(call);
  const initial = new Map<Buffer, NumericArray>();
  operands.forEach(([name, { buffer, shape }], index) => {
    const inPlace = operands.some(([other, { buffer: same }]) => same === buffer && !fresh.includes(other));
    if (fresh.includes(name) && inPlace) return;
    const { dtype } = buffer;
    const given = contents?.[name];
    const array = allocate(dtype, buffer.length);
    const isInput = !fresh.includes(name) && !changed.includes(name);
    array.fill(isInput && dtype === 'f32' ? Number.NaN : SENTINEL[dtype]);
    if (fresh.includes(name))
      array.subarray(GUARD, -GUARD).fill(dtype === 'f32' ? Number.NaN : SENTINEL[dtype]);
    else if (given) {
      if (given.length !== sizeOf(shape))
        throw new Error(`${name}: ${given.length} values, not ${sizeOf(shape)}`);
      array.set(given, GUARD);
    } else if (dtype === 'f32' || dtype === 'f64')
      array.set(randomValues(sizeOf(shape), seed * 100 + index), GUARD);
    else throw new Error(`${name} needs contents`);
    initial.set(buffer, array);
  });
  return initial;
}

function allocate(dtype: DType, length: number): NumericArray {
  if (dtype === 'u8') return new Uint8Array(length);
  if (dtype === 'i32') return new Int32Array(length);
  return dtype === 'f64' ? new Float64Array(length) : new Float32Array(length);
}

async function contentsAfter(
  backend: Backend,
  call: Call,
  initial: ReadonlyMap<Buffer, NumericArray>,
): Promise<Map<Buffer, NumericArray>> {
  for (const [buffer, contents] of initial) backend.write(wholeOf(buffer), contents);
  backend.run(backend.compile([call]));
  const after = new Map<Buffer, NumericArray>();
  for (const buffer of initial.keys()) after.set(buffer, await backend.read(wholeOf(buffer)));
  return after;
}

/** The reference must write every element of an output, or a comparison with it would say nothing. */
function expectFinite(
  { call }: Trial,
  written: readonly string[],
  expected: ReadonlyMap<Buffer, NumericArray>,
): void {
  for (const [name, { buffer }] of operandsOf(call)) {
    if (!written.includes(name)) continue;
    const values = expected.get(buffer)!.subarray(GUARD, -GUARD);
    if (!values.every((value) => Number.isFinite(value)))
      throw new Error(`${call.kernel}: the reference left ${name} unset`);
  }
}
