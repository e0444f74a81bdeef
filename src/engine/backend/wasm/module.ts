import { FerError } from '../../../errors.ts';
import { fetchFile } from '../../../io/fetchFile.ts';
import { node } from '../../../platform.ts';
import { fusesMultiplyAdd } from './fusesMultiplyAdd.ts';

/** The kernels' functions, the same in every thread. */
export interface KernelExports {
  /** Not 0 if a serving thread has given up. */
  run(program: number, entries: number, threads: number, scratch: number, stride: number): number;
  serve(thread: number): void;
  giveUp(): void;
  quit(): void;
}

export type Build = 'simd' | 'relaxed' | 'wide';

/** wasm32's address space in pages of 64 KiB. */
export const MOST_PAGES = 65536;
export const PAGE = 65536;

/**
 * Compiles the kernels for this machine, the fastest build that it takes.
 *
 * - `wide`: where V8 is told to join neighbouring 128-bit operations to 256 bits (`--experimental-wasm-revectorize`,
 *   Node 24 and later, x64 processors with AVX2);
 * - `relaxed`: relaxed SIMD, for its fused multiply-add. Node 20 has it behind a flag that may be set before the first
 *   compilation;
 * - `simd`: plain 128-bit SIMD.
 *
 * `wide` and `relaxed` do the same arithmetic in the same order and give the same bits. `FER_KERNELS=` in the
 * environment chooses a build.
 */
export async function compileKernels(build?: Build): Promise<{ module: WebAssembly.Module; build: Build }> {
  const asked = build ?? buildFromEnvironment();
  const choices: readonly Build[] = asked ? [asked] : BUILDS;
  let refused = '';
  for (const choice of choices) {
    if (choice === 'wide' && !joinVectors(asked !== undefined)) continue;
    const bytes = await readKernels(choice);
    if (!WebAssembly.validate(bytes) && choice !== 'simd') allowRelaxedSimd();
    if (WebAssembly.validate(bytes)) return { module: await WebAssembly.compile(bytes), build: choice };
    refused = choice;
  }
  throw new FerError(
    `this machine's WebAssembly does not take the ${refused} kernels: 128-bit SIMD and threads are needed`,
  );
}

/** The builds, best first. */
export const BUILDS: readonly Build[] = ['wide', 'relaxed', 'simd'];

function buildFromEnvironment(): Build | undefined {
  const name = node?.env.FER_KERNELS;
  if (!name) return undefined;
  if ((BUILDS as readonly string[]).includes(name)) return name as Build;
  throw new FerError(`FER_KERNELS=${name}: expected one of ${BUILDS.join(', ')}`);
}

/** The first major version of Node whose V8 joins loops of multiply-adds. */
const FIRST_NODE = 24;

/**
 * Has V8 join vectors, if it can: the kernels of the wide build are right without it, but slow. Told by name, it is
 * done on any processor. V8 itself looks for AVX2; a machine without a fused multiply-add has none.
 */
function joinVectors(asked: boolean): boolean {
  if (!node || !(asked || node.arch === 'x64')) return false;
  if (Number(node.versions.node.split('.')[0]) < FIRST_NODE) {
    if (asked)
      throw new FerError(`the wide kernels need Node ${FIRST_NODE} or later; this is ${node.version}`);
    return false;
  }
  if (!asked && !fusesMultiplyAdd()) return false;
  node.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-revectorize');
  return true;
}

/** From src/engine/backend/wasm and from dist/engine/backend/wasm alike; whole literals, so that bundlers see them. */
const FILES: Readonly<Record<Build, URL>> = {
  simd: new URL('../../../../build/kernels/simd.wasm', import.meta.url),
  relaxed: new URL('../../../../build/kernels/relaxed.wasm', import.meta.url),
  wide: new URL('../../../../build/kernels/wide.wasm', import.meta.url),
};

async function readKernels(build: Build): Promise<Uint8Array<ArrayBuffer>> {
  const url = FILES[build];
  if (!node) return fetchFile(url);
  try {
    return new Uint8Array(await node.getBuiltinModule('node:fs').promises.readFile(url));
  } catch {
    throw new FerError(`the kernels are not built: ${url.pathname} is missing; run "npm run build"`);
  }
}

function allowRelaxedSimd(): void {
  node?.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
}
