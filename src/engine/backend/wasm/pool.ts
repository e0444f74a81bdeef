import { DeviceError, FerError } from '../../../errors.ts';
import { node } from '../../../platform.ts';
import type { KernelExports } from './module.ts';

/**
 * What a worker thread does, in Node and in the browser: instantiate the kernels over the shared memory
 * and serve. A string, so that it needs no file of its own wherever the library is bundled.
 */
const WORKER = `
const start = ({ module, memory, thread }, report) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  report('ready');
  try {
    exports.serve(thread);
  } catch (error) {
    exports.giveUp();
    throw error;
  }
};
if (typeof self === 'undefined' || typeof require === 'function') {
  const { parentPort, workerData } = require('node:worker_threads');
  start(workerData, (message) => parentPort.postMessage(message));
} else {
  self.onmessage = ({ data }) => start(data, (message) => self.postMessage(message));
}
`;

interface WorkerData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  readonly thread: number;
}

/**
 * The threads of an engine: number 0 is the caller's, the others are workers, which sleep while there is nothing to run.
 * Where one fails in the midst of a run, whatever the others wait for never comes: there is no run after that.
 */
export class ThreadPool {
  readonly threads: number;
  readonly #exports: KernelExports;
  readonly #workers: { stop(): Promise<unknown> }[] = [];
  /** Why there are no more runs. */
  #failure: FerError | null = null;

  private constructor(exports: KernelExports, threads: number) {
    this.#exports = exports;
    this.threads = threads;
  }

  /**
   * Starts `threads - 1` workers and waits until each can serve.
   *
   * @throws FerError if one cannot be started; the others are stopped
   */
  static async start(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    exports: KernelExports,
    threads: number,
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(exports, threads);
    const starts = Array.from({ length: threads - 1 }, (_, i) =>
      pool.#spawn({ module, memory, thread: i + 1 }),
    );
    try {
      await Promise.all(starts);
    } catch (error) {
      await pool.stop();
      throw new FerError(`${threads} threads could not be started: ${reasonOf(error)}. ${advice()}`);
    }
    return pool;
  }

  /**
   * Runs `entries` entries of a program.
   *
   * @throws FerError if a thread has failed, now or before
   */
  run(program: number, entries: number, scratch: number, stride: number): void {
    if (this.#failure) throw this.#failure;
    try {
      if (this.#exports.run(program, entries, this.threads, scratch, stride) === 0) return;
      this.#fail('a thread gave up');
    } catch (error) {
      this.#fail(reasonOf(error));
    }
    throw this.#failure;
  }

  async stop(): Promise<void> {
    // First: a run would wait for threads that are gone.
    this.#failure ??= new FerError('the backend is closed');
    this.#exports.quit();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  /** The first failure is the cause of the rest. */
  #fail(why: string): void {
    this.#failure ??= new DeviceError(
      `a kernel or a thread failed on the CPU: ${why}. What a run saved before is kept: go on from it with resume=true. ` +
        'If it happens again, reinstall fer or build it anew (npm run build)',
    );
  }

  async #spawn(data: WorkerData): Promise<void> {
    if (node) {
      const { Worker } = node.getBuiltinModule('node:worker_threads');
      const worker = new Worker(WORKER, { eval: true, workerData: data, execArgv: [] });
      this.#workers.push({ stop: () => worker.terminate() });
      await new Promise<void>((resolve, reject) => {
        const fail = (error: Error) => {
          this.#fail(reasonOf(error));
          reject(error);
        };
        worker.once('message', () => resolve());
        worker.on('error', fail);
        worker.on('exit', (code) => fail(new Error(`a thread ended with code ${code}`)));
      });
      // An idle pool does not keep the process alive.
      worker.unref();
      return;
    }
    const url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }));
    try {
      const worker = new Worker(url);
      this.#workers.push({ stop: async () => worker.terminate() });
      await new Promise<void>((resolve, reject) => {
        worker.onmessage = () => resolve();
        worker.onerror = (event) => {
          this.#fail(reasonOf(event));
          reject(event);
        };
        worker.postMessage(data);
      });
    } finally {
      URL.revokeObjectURL(url);
    }
  }
}

/** What an error, or a browser's event in place of one, says; some of these say nothing. */
function reasonOf(error: unknown): string {
  return (error as Partial<Error>).message || 'no reason was given';
}

function advice(): string {
  if (node) return 'Take fewer threads=';
  if (!globalThis.crossOriginIsolated) {
    return (
      'A page that is not cross-origin isolated cannot share memory: serve it with the headers ' +
      'Cross-Origin-Opener-Policy: same-origin and Cross-Origin-Embedder-Policy: require-corp, or take threads=1'
    );
  }
  return "The page's Content-Security-Policy has to allow worker-src blob:; else take fewer threads=";
}
