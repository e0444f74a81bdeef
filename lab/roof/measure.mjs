// Compiles roof.ts and measures what one thread reaches: the roofs that kernels are held against.
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { main as asc } from 'assemblyscript/asc';

const READ_BYTES = 256 << 20;
// A loop is not compiled anew while it runs: V8 needs many calls before it is fast.
const TURNS = 20_000;
const CALLS = 200;

/**
 * Resolves to a function that measures once: `{ gflops, gigabytesPerSecond }`, each the best so far; `wide` for
 * vectors of 256 bits.
 */
export async function startRoof({ wide = false } = {}) {
  let bytes;
  const { error, stderr } = await asc(
    ['roof.ts', '--outFile', 'roof.wasm', '--optimizeLevel', '3', '--noAssert', '--runtime', 'stub']
      .concat(['--enable', 'simd', '--enable', 'relaxed-simd'])
      .concat(['--initialMemory', String(1 + READ_BYTES / 65536)]),
    {
      readFile: (file) =>
        file === 'roof.ts' ? readFileSync(new URL('roof.ts', import.meta.url), 'utf8') : null,
      writeFile: (_, contents) => {
        bytes = contents;
      },
      listFiles: () => [],
    },
  );
  if (error) throw new Error(`roof.ts: ${error.message}\n${stderr}`);
  if (!WebAssembly.validate(bytes)) setFlagsFromString('--experimental-wasm-relaxed-simd');
  const { exports } = await WebAssembly.instantiate(await WebAssembly.compile(bytes));
  // Pages that were never written are one and the same page of zeros, which would stay in the cache.
  new Uint8Array(exports.memory.buffer).fill(1);
  const best = { gflops: 0, gigabytesPerSecond: 0 };
  return () => {
    const operations = (wide ? 128 : 64) * TURNS;
    for (let call = 0; call < CALLS; call++) {
      const work = wide
        ? () => exports.multiplyAddPairs(TURNS, 0.9999, 0.0001, 1024)
        : () => exports.multiplyAdd(TURNS, 0.9999, 0.0001);
      best.gflops = Math.max(best.gflops, operations / seconds(work) / 1e9);
    }
    best.gigabytesPerSecond = Math.max(
      best.gigabytesPerSecond,
      READ_BYTES / seconds(() => exports.read(READ_BYTES)) / 1e9,
    );
    return best;
  };
}

function seconds(work) {
  const started = performance.now();
  work();
  return (performance.now() - started) / 1000;
}
