import type { Call } from './kernels.ts';
import type { Tensor } from './tensor.ts';

/** A list of calls made ready for one backend: buffers placed, kernels chosen. */
export interface Program {
  /** The calls it was made from. */
  readonly calls: readonly Call[];
}

/** Where a program's time went: one row a kernel, in order of the plan. */
export interface ProfileRow {
  readonly kernel: string;
  readonly detail: string;
  readonly seconds: number;
  /** Multiplications of a product; 0 for other kernels. */
  readonly multiplications: number;
}

export interface CompileOptions {
  /**
   * The persistent tensors that the calls only read change by `write` alone, never by another program. A backend
   * may then keep what it makes from them, such as transformed kernels; the results have the same bits.
   */
  readonly fixedWeights?: boolean;
  /**
   * Persistent tensors whose contents are not looked at after a run: gradients that the update uses up. A backend may
   * leave them unwritten.
   */
  readonly unread?: readonly Tensor[];
}

/**
 * Executes programs over device memory.
 *
 * Ordering: `run`, `write` and `read` take effect in the order they are called. The calls of a program
 * take effect one after the other. A `read` therefore sees everything that was run before it.
 * Transient tensors keep their values after `run` only until another program runs, and only those
 * listed in `keep` at `compile` are sure to be there at the end of the run.
 * Persistent tensors start as zeros, keep their values, and are shared by all programs of the backend.
 */
export interface Backend {
  readonly name: string;
  /** Threads that take part in a run. */
  readonly threads: number;
  /** For people: what runs the kernels. */
  describe(): string;
  compile(calls: readonly Call[], keep?: readonly Tensor[], options?: CompileOptions): Program;
  run(program: Program): void;
  /**
   * Resolves when every program compiled so far can run, and rejects with a FerError if one cannot.
   * Without it programs are ready, or refused, when `compile` returns.
   */
  ready?(): Promise<void>;
  /**
   * Runs that may be under way before their results are waited for: a backend that works beside the host
   * would stand still while a `read` comes back. 0 where it is not given.
   */
  readonly ahead?: number;
  /** Runs with a clock around each kernel. */
  profile(program: Program): ProfileRow[] | Promise<ProfileRow[]>;
  /** Copies `values` to the start of a persistent tensor. */
  write(to: Tensor, values: ArrayLike<number>): void;
  /**
   * A copy of a tensor's values: Float32Array for f32 (Float64Array on `reference`), Float64Array for
   * f64, Int32Array, Uint8Array. A transient tensor needs the program that kept it, the last one run.
   */
  read(from: Tensor, program?: Program): Promise<NumericArray>;
  /** Bytes of device memory in use. */
  readonly memory: number;
  close(): Promise<void>;
}

export type NumericArray = Float32Array | Float64Array | Int32Array | Uint8Array;
