import { FerError } from '../../../errors.ts';
import { node } from '../../../platform.ts';

/** The kernels' functions, the same in every thread. */
export interface KernelExports {
  run(program: number, entries: number, threads: number, scratch: number, stride: number): void;
  serve(thread: number): void;
  quit(): void;
}

export type Build = 'simd' | 'relaxed';

/** wasm32's address space in pages of 64 KiB. */
export const MOST_PAGES = 65536;
export const PAGE = 65536;

/**
 * Compiles the kernels for this machine: with relaxed SIMD (fused multiply-add) where it is there, else
 * plain 128-bit SIMD. Node 20 has relaxed SIMD behind a flag that may be set before the first compilation.
 */
export async function compileKernels(build?: Build): Promise<{ module: WebAssembly.Module; build: Build }> {
  const choices: Build[] = build ? [build] : ['relaxed', 'simd'];
  let refused = '';
  for (const choice of choices) {
    const bytes = await readKernels(choice);
    if (!WebAssembly.validate(bytes) && choice === 'relaxed') allowRelaxedSimd();
    if (WebAssembly.validate(bytes)) return { module: await WebAssembly.compile(bytes), build: choice };
    refused = choice;
  }
  throw new FerError(
    `this machine's WebAssembly does not take the ${refused} kernels: 128-bit SIMD and threads are needed`,
  );
}

/** From src/engine/backend/wasm and from dist/engine/backend/wasm alike; whole literals, so that bundlers see them. */
const FILES: Readonly<Record<Build, URL>> = {
  simd: new URL('../../../../build/kernels/simd.wasm', import.meta.url),
  relaxed: new URL('../../../../build/kernels/relaxed.wasm', import.meta.url),
};

async function readKernels(build: Build): Promise<Uint8Array<ArrayBuffer>> {
  const url = FILES[build];
  if (!node) {
    const response = await fetch(url);
    if (!response.ok) throw new FerError(`${url} is not served: status ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  }
  try {
    return new Uint8Array(await node.getBuiltinModule('node:fs').promises.readFile(url));
  } catch {
    throw new FerError(`the kernels are not built: ${url.pathname} is missing; run "npm run build"`);
  }
}

function allowRelaxedSimd(): void {
  node?.getBuiltinModule('node:v8').setFlagsFromString('--experimental-wasm-relaxed-simd');
}
