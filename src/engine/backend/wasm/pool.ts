import { node } from '../../../platform.ts';
import type { KernelExports } from './module.ts';

/**
 * What a worker thread does, in Node and in the browser: instantiate the kernels over the shared memory
 * and serve. A string, so that it needs no file of its own wherever the library is bundled.
 */
const WORKER = `
const start = ({ module, memory, thread, flags }, report) => {
  const { exports } = new WebAssembly.Instance(module, { env: { memory } });
  report('ready');
  exports.serve(thread);
};
if (typeof self === 'undefined' || typeof require === 'function') {
  const { parentPort, workerData } = require('node:worker_threads');
  start(workerData, (message) => parentPort.postMessage(message));
} else {
  self.onmessage = ({ data }) => start(data, (message) => self.postMessage(message));
}
`;

/** Threads 1..n-1 of an engine; thread 0 is the caller's. They sleep while there is nothing to run. */
export class ThreadPool {
  readonly #workers: { stop(): Promise<unknown> }[] = [];
  readonly #exports: KernelExports;

  private constructor(exports: KernelExports) {
    this.#exports = exports;
  }

  /** Starts `threads - 1` workers and waits until each can serve. */
  static async start(
    module: WebAssembly.Module,
    memory: WebAssembly.Memory,
    exports: KernelExports,
    threads: number,
  ): Promise<ThreadPool> {
    const pool = new ThreadPool(exports);
    const starts = Array.from({ length: threads - 1 }, (_, i) =>
      pool.#spawn({ module, memory, thread: i + 1 }),
    );
    await Promise.all(starts);
    return pool;
  }

  async stop(): Promise<void> {
    this.#exports.quit();
    await Promise.all(this.#workers.map((worker) => worker.stop()));
  }

  async #spawn(data: {
    module: WebAssembly.Module;
    memory: WebAssembly.Memory;
    thread: number;
  }): Promise<void> {
    if (node) {
      const { Worker } = node.getBuiltinModule('node:worker_threads');
      const worker = new Worker(WORKER, { eval: true, workerData: data, execArgv: [] });
      this.#workers.push({ stop: () => worker.terminate() });
      await new Promise<void>((resolve, reject) => {
        worker.once('message', () => resolve());
        worker.once('error', reject);
      });
      // An idle pool does not keep the process alive.
      worker.unref();
      return;
    }
    const url = URL.createObjectURL(new Blob([WORKER], { type: 'text/javascript' }));
    const worker = new Worker(url);
    this.#workers.push({ stop: async () => worker.terminate() });
    await new Promise<void>((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => reject(new Error(event.message));
      worker.postMessage(data);
    });
    URL.revokeObjectURL(url);
  }
}
