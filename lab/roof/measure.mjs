// Compiles roof.ts and measures what one thread reaches, or several at once: the roofs that kernels are held against.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';

const READ_BYTES = 256 << 20;
// A loop is not compiled anew while it runs: V8 needs many calls before it is fast.
const TURNS = 20_000;
const CALLS = 200;

async function compileRoof() {
  const { main: asc } = await import('assemblyscript/asc');
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
  return WebAssembly.compile(bytes);
}

/** What is measured: `work` is done `calls` times, `amount` operations or bytes each time. */
async function roofsOf(module, wide) {
  const { exports } = await WebAssembly.instantiate(module);
  // Pages that were never written are one and the same page of zeros, which would stay in the cache.
  new Uint8Array(exports.memory.buffer).fill(1);
  const half = READ_BYTES / 2;
  return {
    arithmetic: {
      calls: CALLS,
      amount: (wide ? 128 : 64) * TURNS,
      work: wide
        ? () => exports.multiplyAddPairs(TURNS, 0.9999, 0.0001, 1024)
        : () => exports.multiplyAdd(TURNS, 0.9999, 0.0001),
    },
    reading: { calls: 1, amount: READ_BYTES, work: () => exports.read(READ_BYTES) },
    // Bytes that are read and bytes that are written.
    copying: { calls: 1, amount: 2 * half, work: () => exports.copy(half) },
  };
}

/**
 * Resolves to a function that measures once: `{ gflops, gigabytesPerSecond }`, each the best so far; `wide` for
 * vectors of 256 bits.
 */
export async function startRoof({ wide = false } = {}) {
  const { arithmetic, reading } = await roofsOf(await compileRoof(), wide);
  const best = { gflops: 0, gigabytesPerSecond: 0 };
  const rate = ({ amount, work }) => {
    const started = performance.now();
    work();
    return amount / (performance.now() - started) / 1e6;
  };
  return () => {
    for (let call = 0; call < arithmetic.calls; call++) best.gflops = Math.max(best.gflops, rate(arithmetic));
    best.gigabytesPerSecond = Math.max(best.gigabytesPerSecond, rate(reading));
    return best;
  };
}

/**
 * Several threads, each with a memory of its own, that do the same work at once. Resolves to `{ measure, close }`:
 * `measure(turns)` resolves to what they reach together, in 10^9 operations or bytes a second, the best of its turns.
 */
export async function startRoofs(threads, { wide = false } = {}) {
  const module = await compileRoof();
  const arrived = new Int32Array(new SharedArrayBuffer(4));
  const workers = Array.from(
    { length: threads },
    () => new Worker(new URL(import.meta.url), { workerData: { module, wide, arrived, threads } }),
  );
  const failed = Promise.race(
    workers.map((worker) => once(worker, 'error').then(([error]) => Promise.reject(error))),
  );
  const answers = () =>
    Promise.race([Promise.all(workers.map(async (worker) => (await once(worker, 'message'))[0])), failed]);
  await answers();
  return {
    async measure(turns) {
      const best = {};
      for (const roof of ['arithmetic', 'reading', 'copying']) {
        arrived[0] = 0;
        const answered = answers();
        for (const worker of workers) worker.postMessage({ roof, turns });
        const each = await answered;
        const rates = each[0].spans.map((_, turn) => {
          const from = Math.min(...each.map(({ spans }) => spans[turn][0]));
          const to = Math.max(...each.map(({ spans }) => spans[turn][1]));
          return (threads * each[0].amount) / (to - from) / 1e6;
        });
        best[roof] = Math.max(...rates);
      }
      return best;
    },
    close: () => Promise.all(workers.map((worker) => worker.terminate())),
  };
}

/** Milliseconds on a clock that all threads share. */
const now = () => Number(process.hrtime.bigint()) / 1e6;

async function serve({ module, wide, arrived, threads }) {
  const roofs = await roofsOf(module, wide);
  parentPort.on('message', ({ roof, turns }) => {
    const { calls, amount, work } = roofs[roof];
    const spans = [];
    for (let turn = 1; turn <= turns; turn++) {
      Atomics.add(arrived, 0, 1);
      while (Atomics.load(arrived, 0) < turn * threads);
      const from = now();
      for (let call = 0; call < calls; call++) work();
      spans.push([from, now()]);
    }
    parentPort.postMessage({ amount: calls * amount, spans });
  });
  parentPort.postMessage('ready');
}

if (!isMainThread) await serve(workerData);
