import { BUILDS, type Build } from '../src/engine/backend/wasm/module.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import type { Backend } from '../src/engine/backend.ts';
import { FerError } from '../src/errors.ts';
import { optional } from './optional.ts';
import { ran } from './ran.ts';

/** A backend under test; those of one family must give the same bits. */
export interface Candidate {
  readonly family: string;
  readonly backend: Backend;
  /** The spacing of what it computes f64 tensors in; float64's where it is not given. */
  readonly eps64?: number;
}

/** All builds, or those that FER_TEST_BUILDS lists. */
const CHOSEN = BUILDS.filter((build) => (process.env.FER_TEST_BUILDS ?? build).split(',').includes(build));

/** Wide kernels do what relaxed ones do, in the same order. */
const FAMILY: Record<Build, string> = { simd: 'simd', relaxed: 'relaxed', wide: 'relaxed' };

/** Every fast backend of this machine, in every build, for each number of threads. */
export async function openBackends({
  threads = [1, 2, 3],
  direct = false,
}: {
  threads?: readonly number[];
  direct?: boolean;
} = {}): Promise<Candidate[]> {
  const candidates: Candidate[] = [];
  for (const build of await buildsHere()) {
    for (const count of threads) {
      const backend = await WasmBackend.create({ threads: count, build, direct });
      ran(`wasm: ${backend.describe()}${direct ? ', direct convolutions' : ''}`);
      candidates.push({ family: `${FAMILY[build]}${direct ? ', direct' : ''}`, backend });
    }
  }
  return candidates;
}

export async function closeBackends(candidates: readonly Candidate[]): Promise<void> {
  for (const { backend } of candidates) await backend.close();
}

/** The builds that this machine's WebAssembly takes; a missing one is recorded as left out. */
export async function buildsHere(): Promise<Build[]> {
  const builds: Build[] = [];
  for (const build of CHOSEN) {
    let refused = '';
    try {
      await (await WasmBackend.create({ threads: 1, build })).close();
    } catch (error) {
      if (!(error instanceof FerError) || !/does not take|need Node/.test(error.message)) throw error;
      refused = error.message;
    }
    // What this Node is too old for is tested on another one, by wide.test.ts.
    if (/need Node/.test(refused)) continue;
    if (optional(`wasm, ${build} build`, refused === '', refused)) builds.push(build);
  }
  return builds;
}
