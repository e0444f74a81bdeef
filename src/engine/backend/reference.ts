import type { Backend, NumericArray, ProfileRow, Program } from '../backend.ts';
import type { Call, KernelTable } from '../kernels.ts';
import { checkWrite, type Tensor } from '../tensor.ts';
import { AUGMENT } from './reference/augment.ts';
import { CONVOLUTION } from './reference/conv.ts';
import { ELEMENTWISE } from './reference/elementwise.ts';
import { LINEAR } from './reference/linear.ts';
import { LOSS } from './reference/loss.ts';
import { type Arrays, Memory } from './reference/memory.ts';
import { multiplicationsOf } from './reference/multiplications.ts';
import { NORM } from './reference/norm.ts';
import { OPTIMIZER } from './reference/optimizer.ts';
import { POOL } from './reference/pool.ts';

/** What every kernel means: the other backends are tested against these loops. */
const KERNELS: KernelTable<Memory> = {
  ...AUGMENT,
  ...CONVOLUTION,
  ...NORM,
  ...POOL,
  ...LINEAR,
  ...ELEMENTWISE,
  ...LOSS,
  ...OPTIMIZER,
};

class ReferenceProgram implements Program {
  readonly calls: readonly Call[];
  readonly memory: Memory;

  constructor(calls: readonly Call[], memory: Memory) {
    this.calls = calls;
    this.memory = memory;
  }
}

/** Runs programs as plain loops in float64 on the calling thread: the definition of every kernel. */
export class ReferenceBackend implements Backend {
  readonly name = 'reference';
  readonly threads = 1;
  readonly #persistent: Arrays = new Map();
  readonly #memory = new Memory(this.#persistent);
  #programs: ReferenceProgram[] = [];

  describe(): string {
    return 'CPU, reference (float64), 1 thread';
  }

  /** Bytes of the persistent buffers in use and of the values of all programs. */
  get memory(): number {
    return this.#programs.reduce(
      (sum, { memory }) => sum + memory.transientBytes,
      this.#memory.persistentBytes,
    );
  }

  /** Every value of a program has an array of its own, so all of them are kept. */
  compile(calls: readonly Call[]): ReferenceProgram {
    const program = new ReferenceProgram(calls, new Memory(this.#persistent));
    this.#programs.push(program);
    return program;
  }

  run(program: Program): void {
    const { calls, memory } = this.#own(program);
    memory.forget();
    for (const call of calls) execute(call, memory);
  }

  profile(program: Program): ProfileRow[] {
    const { calls, memory } = this.#own(program);
    memory.forget();
    return calls.map((call) => {
      const started = performance.now();
      execute(call, memory);
      const seconds = (performance.now() - started) / 1000;
      return { kernel: call.kernel, detail: '', seconds, multiplications: multiplicationsOf(call) };
    });
  }

  write(to: Tensor, values: ArrayLike<number>): void {
    checkWrite(to, values);
    this.#memory.values(to).set(values);
  }

  async read(from: Tensor, program?: Program): Promise<NumericArray> {
    if (from.buffer.lifetime === 'persistent') return this.#memory.values(from).slice();
    if (!program) throw new Error(`${from.buffer.name} is transient: say which program kept it`);
    const { memory } = this.#own(program);
    if (!memory.holds(from.buffer)) throw new Error(`${from.buffer.name} is not part of the program`);
    return memory.values(from).slice();
  }

  async close(): Promise<void> {
    this.#persistent.clear();
    this.#programs = [];
  }

  #own(program: Program): ReferenceProgram {
    if (!(program instanceof ReferenceProgram)) throw new TypeError('a program of another backend');
    return program;
  }
}

function execute({ kernel, args }: Call, memory: Memory): void {
  // The table pairs every name with its own operands; TypeScript cannot follow a pair through a lookup.
  const run = KERNELS[kernel] as (of: typeof args, memory: Memory) => void;
  run(args, memory);
}
