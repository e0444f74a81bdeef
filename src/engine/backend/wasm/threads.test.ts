import workerThreads, { type Worker as NodeWorker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FerError } from '../../../errors.ts';
import { call } from '../../kernels.ts';
import { type Tensor, tensor } from '../../tensor.ts';
import { WasmBackend } from '../wasm.ts';
import type { Entry } from './entry.ts';

const persistent = (name: string, ...shape: number[]): Tensor => tensor(name, shape, 'f32', 'persistent');
const [a, b] = [persistent('a', 4), persistent('b', 4)];
const ADD = call('add', { a, b: a, y: b });

const opened: WasmBackend[] = [];
async function open(threads: number): Promise<WasmBackend> {
  const backend = await WasmBackend.create({ threads });
  opened.push(backend);
  return backend;
}

/** Workers, as they are started; in place of the one to break there is another program. */
const workers: NodeWorker[] = [];
let broken: number | undefined;
const { Worker } = workerThreads;
beforeEach(() => {
  workerThreads.Worker = class extends Worker {
    constructor(code: string | URL, options?: workerThreads.WorkerOptions) {
      super(workers.length === broken ? 'throw new Error("out of threads")' : code, options);
      workers.push(this);
    }
  };
});
afterEach(async () => {
  workerThreads.Worker = Worker;
  for (const backend of opened.splice(0)) await backend.close();
  workers.length = 0;
  broken = undefined;
});

describe('a thread that fails', () => {
  it('in a kernel: the run throws, and there is no other', async () => {
    const backend = await open(3);
    const [N, I, O] = [64, 64, 6400];
    const layer = { x: persistent('x', N, I), w: persistent('w', O, I), b: persistent('bias', O) };
    const program = backend.compile([call('linear.forward', { ...layer, y: persistent('y', N, O) })]);
    await backend.ready();
    // The scratch of all threads but the caller's is outside of memory: it goes wrong once one of them gets an item.
    Object.assign(program, { stride: 2 ** 30 });
    const untilCaught = (): void => {
      for (let i = 0; i < 10_000; i++) backend.run(program);
    };
    expect(untilCaught).toThrow(/failed on the CPU: a thread gave up.*resume=true/);
    expect(untilCaught).toThrow(FerError);
    expect(() => backend.run(backend.compile([ADD]))).toThrow('a thread gave up');
  });

  it.each([1, 3])('the calling one, of %d: the same', async (threads) => {
    const backend = await open(threads);
    const program = backend.compile([ADD, ADD]);
    (program.entries as Entry[]).splice(1, 0, { ...program.entries[0], code: 9999 });
    expect(() => backend.run(program)).toThrow(/failed on the CPU: .*resume=true/);
    expect(() => backend.run(backend.compile([ADD]))).toThrow(FerError);
  });

  it('between runs: the next one throws', async () => {
    const backend = await open(3);
    const program = backend.compile([ADD]);
    backend.run(program);
    expect(workers).toHaveLength(2);
    await workers[1].terminate();
    expect(() => backend.run(program)).toThrow('failed on the CPU: a thread ended');
  });

  it('to start: the others are stopped, and the error says what to do', async () => {
    broken = 1;
    const opening = open(4);
    await expect(opening).rejects.toThrow(FerError);
    await expect(opening).rejects.toThrow(
      '4 threads could not be started: out of threads. Take fewer threads=',
    );
    expect(workers.map(({ threadId }) => threadId)).toEqual([-1, -1, -1]);
  });
});

describe('a page that cannot start threads', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.doUnmock('../../../platform.ts');
    vi.resetModules();
  });

  interface PageWorker {
    onerror?(event: object): void;
  }

  /** Starts two threads as a page does, with workers that do this. */
  async function startInPage(isolated: boolean, post: (worker: PageWorker) => void) {
    vi.doMock('../../../platform.ts', () => ({ node: undefined }));
    vi.resetModules();
    vi.stubGlobal('crossOriginIsolated', isolated);
    const terminate = vi.fn();
    vi.stubGlobal(
      'Worker',
      class {
        onerror?: PageWorker['onerror'];
        readonly terminate = terminate;
        postMessage(): void {
          post(this);
        }
      },
    );
    const { ThreadPool } = await import('./pool.ts');
    const exports = { run: () => 0, serve() {}, giveUp() {}, quit() {} };
    const starting = ThreadPool.start({} as WebAssembly.Module, {} as WebAssembly.Memory, exports, 2);
    const message = await starting.then(String, ({ message }: Error) => message);
    expect(terminate).toHaveBeenCalledOnce();
    return message;
  }

  it('for its policy, which the event does not say', async () => {
    const message = await startInPage(true, (worker) => worker.onerror?.({ type: 'error' }));
    expect(message).toMatch(/no reason was given.*worker-src blob:.*fewer threads=/);
  });

  it('as it is not isolated', async () => {
    const message = await startInPage(false, () => {
      throw new DOMException('memory could not be cloned', 'DataCloneError');
    });
    expect(message).toMatch(/memory could not be cloned.*not cross-origin isolated.*threads=1/);
  });
});
