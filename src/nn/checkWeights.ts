/** Whether stored tensors are those of a network. */
import type { Parameters } from '../engine/parameters.ts';
import { FerError } from '../errors.ts';
import type { StoredTensor, TensorHeader } from '../io/safetensorsFormat.ts';

type Headers = Readonly<Record<string, TensorHeader>>;

/** What keeps stored tensors from being those of a network. */
export interface WeightProblems {
  /** Names of the network that are not there. */
  readonly missing: readonly string[];
  /** Names that the network has not. */
  readonly unknown: readonly string[];
  /** What is of another shape, or no floating point, in the order of the network. */
  readonly wrong: readonly { readonly name: string; readonly is: string; readonly needs: string }[];
}

export function weightProblems({ state }: Parameters, tensors: Headers): WeightProblems {
  const known = new Set(state.map(([name]) => name));
  return {
    missing: [...known].filter((name) => !Object.hasOwn(tensors, name)),
    // PyTorch counts batches beside the running statistics; only its cumulative average needs them.
    unknown: Object.keys(tensors).filter(
      (name) => !known.has(name) && !name.endsWith('.num_batches_tracked'),
    ),
    wrong: state.flatMap(([name, { shape }]) => {
      if (!Object.hasOwn(tensors, name)) return [];
      const found = tensors[name];
      if (found.shape.join() !== shape.join()) return [{ name, is: `[${found.shape}]`, needs: `[${shape}]` }];
      return /^F\d+$/.test(found.dtype) ? [] : [{ name, is: found.dtype, needs: 'floating point' }];
    }),
  };
}

/**
 * Checks that stored weights are those of a network.
 *
 * @throws FerError if a tensor is missing, unknown, of another shape or no floating point
 */
export function checkWeights(
  parameters: Parameters,
  { tensors }: { readonly tensors: Headers },
  file: string,
): void {
  const { missing, unknown, wrong } = weightProblems(parameters, tensors);
  const refuse = (problem: string): never => {
    throw new FerError(`${file}${problem}: it is of another network`);
  };
  if (missing.length > 0) refuse(` has no tensor "${missing[0]}"`);
  if (wrong.length > 0) {
    const [{ name, is, needs }] = wrong;
    refuse(`: "${name}" is ${is}, this network needs ${needs}`);
  }
  if (unknown.length > 0) refuse(` has an unknown tensor "${unknown[0]}"`);
}

/** Whether a tensor of floating point holds numbers alone. */
export function allFinite({ data }: Pick<StoredTensor, 'data'>): boolean {
  const values = data as Float32Array;
  let sum = 0;
  // 0 times infinity is NaN, and NaN stays in the sum. Counting takes a fifth of an iterator's time.
  for (let i = 0; i < values.length; i++) sum += values[i] * 0;
  return sum === 0;
}
