import type { Backend, CompileOptions, NumericArray, ProfileRow, Program } from '../backend.ts';
import type { Call } from '../kernels.ts';
import { type Buffer, BYTES, checkWrite, sizeOf, type Tensor, tensor } from '../tensor.ts';
import { fuseNorms } from './fuse.ts';
import { convolutionKind } from './wasm/conv-choice.ts';
import { type Derived, type Entry, EntryList, F32 } from './wasm/entry.ts';
import { fusePools, fuseStatistics } from './wasm/fuse.ts';
import { fuseUpdates } from './wasm/fuseUpdates.ts';
import { alignUp, type Layout, layOut } from './wasm/layout.ts';
import { LOWER } from './wasm/lower.ts';
import type { LoweringOptions } from './wasm/lowering.ts';
import { WasmMemory } from './wasm/memory.ts';
import { type Build, compileKernels, type KernelExports } from './wasm/module.ts';
import { ThreadPool } from './wasm/pool.ts';

export interface WasmOptions {
  /** Threads that compute, the caller's included. */
  readonly threads: number;
  /** Forces a build of the kernels; by default the fastest that the machine takes. */
  readonly build?: Build;
  /** Convolutions by the definition instead of Winograd, for comparisons. */
  readonly direct?: boolean;
  /** The most memory, in pages of 64 KiB; by default as much as the machine gives. */
  readonly mostPages?: number;
}

/** Bytes of an entry in memory: code, items, record. */
const ENTRY_BYTES = 12;

class WasmProgram implements Program {
  readonly calls: readonly Call[];
  readonly entries: readonly Entry[];
  readonly layout: Layout;
  /** Bytes of a thread's scratch. */
  readonly stride: number;
  /** Address of the entries once placed. */
  address = 0;
  /** Address of the arena once placed; scratch lies behind it. */
  arena = 0;
  /** What it needs that is made from fixed weights. */
  readonly constants: readonly Constant[];

  constructor(
    calls: readonly Call[],
    entries: readonly Entry[],
    keep: readonly Tensor[],
    constants: readonly Constant[] = [],
  ) {
    this.calls = calls;
    this.entries = entries;
    this.constants = constants;
    this.layout = layOut(entries, keep);
    this.stride = alignUp(entries.reduce((most, entry) => Math.max(most, entry.scratch), 0) + 1);
  }

  /** Bytes of its arena and of the scratch of so many threads. */
  workspace(threads: number): number {
    return this.layout.bytes + this.stride * threads;
  }
}

/** Something made from fixed weights, shared by all programs that need it. */
interface Constant {
  readonly tensor: Tensor;
  readonly sources: ReadonlySet<Buffer>;
  readonly program: WasmProgram;
  /** Whether its sources have been written since it was made. */
  stale: boolean;
}

/** Runs programs as WebAssembly with SIMD on several threads over one shared memory. */
export class WasmBackend implements Backend {
  readonly name = 'wasm';
  readonly threads: number;
  readonly build: Build;
  readonly #direct: boolean;
  readonly #memory: WasmMemory;
  readonly #pool: ThreadPool;
  /** Compiled but not yet placed: the workspace is sized for all of them at the first run. */
  readonly #pending = new Set<WasmProgram>();
  /** By name and place of the sources. */
  readonly #constants = new Map<Buffer, Map<string, Constant>>();

  private constructor(options: WasmOptions, build: Build, memory: WasmMemory, pool: ThreadPool) {
    this.threads = options.threads;
    this.build = build;
    this.#direct = options.direct ?? false;
    this.#memory = memory;
    this.#pool = pool;
  }

  /**
   * Compiles the kernels and starts the threads.
   *
   * @throws FerError if this machine does not take the kernels, the memory or so many threads
   */
  static async create(options: WasmOptions): Promise<WasmBackend> {
    const { module, build } = await compileKernels(options.build);
    const memory = WasmMemory.open(options.mostPages);
    const { exports } = await WebAssembly.instantiate(module, { env: { memory: memory.shared } });
    const kernels = exports as unknown as KernelExports;
    const pool = await ThreadPool.start(module, memory.shared, kernels, options.threads);
    return new WasmBackend(options, build, memory, pool);
  }

  describe(): string {
    const instructions = { wide: 'relaxed SIMD in 256 bits', relaxed: 'relaxed SIMD', simd: 'SIMD' }[
      this.build
    ];
    return `CPU, WebAssembly ${instructions}, ${this.threads} ${this.threads === 1 ? 'thread' : 'threads'}`;
  }

  get memory(): number {
    return this.#memory.bytes;
  }

  compile(
    calls: readonly Call[],
    keep: readonly Tensor[] = [],
    { fixedWeights = false, unread = [] }: CompileOptions = {},
  ): WasmProgram {
    const constants = new Set<Constant>();
    const list = new EntryList(
      fixedWeights
        ? (derived) => {
            const constant = this.#constant(derived);
            constants.add(constant);
            return constant.tensor;
          }
        : undefined,
    );
    const direct = this.#direct;
    const norms = fuseNorms(calls, keep, (channels) => convolutionKind({ ...channels, direct }) !== 'direct');
    const { pools, done: pooled } = fusePools(calls, keep);
    const { left, updates } = fuseUpdates(calls, unread);
    const statistics = fuseStatistics(calls);
    const normed = new Set<Call['args']>(norms.values());
    for (const one of left) {
      const { kernel, args } = one;
      if (normed.has(args) || pooled.has(one)) continue;
      // The table pairs every name with its own operands; TypeScript cannot follow a pair through a lookup.
      const lower = LOWER[kernel] as (of: typeof args, into: EntryList, options: LoweringOptions) => void;
      lower(args, list, {
        direct,
        norm: norms.get(one),
        statistics: statistics.get(one),
        pool: pools.get(one),
        update: updates.get(one),
      });
    }
    const program = new WasmProgram(calls, list.entries, keep, [...constants]);
    this.#pending.add(program);
    return program;
  }

  /** The one of that name from these sources, made on first use. */
  #constant({ name, floats, sources, fill }: Derived): Constant {
    const key = [name, ...sources.map(({ offset }) => offset)].join(' ');
    const { buffer } = sources[0];
    const here = this.#constants.get(buffer) ?? new Map<string, Constant>();
    this.#constants.set(buffer, here);
    const found = here.get(key);
    if (found) return found;
    const to = tensor(name, [floats], 'f32', 'persistent');
    const list = new EntryList();
    fill(list, to);
    const program = new WasmProgram([], list.entries, []);
    this.#pending.add(program);
    const buffers = new Set(sources.map((source) => source.buffer));
    const made: Constant = { tensor: to, sources: buffers, program, stale: true };
    here.set(key, made);
    return made;
  }

  run(program: Program): void {
    const placed = this.#placed(program);
    this.#refresh(placed);
    this.#execute(placed);
  }

  #refresh({ constants }: WasmProgram): void {
    for (const constant of constants) {
      if (!constant.stale) continue;
      this.#execute(this.#placed(constant.program));
      constant.stale = false;
    }
  }

  /** Runs some entries of a program, all if not told which. */
  #execute(
    { address, arena, layout, stride, entries }: WasmProgram,
    first = 0,
    count = entries.length,
  ): void {
    // Without an entry there is no barrier at which the threads would meet.
    if (count === 0) return;
    this.#pool.run(address + first * ENTRY_BYTES, count, arena + layout.bytes, stride);
  }

  /**
   * Places what is compiled. What there is no room for is dropped: it is tried again only if it is run.
   *
   * @throws FerError if there is no room for all
   */
  async ready(): Promise<void> {
    const failures = this.#place();
    this.#pending.clear();
    const [failure] = failures.values();
    if (failure) throw failure;
  }

  profile(program: Program): ProfileRow[] {
    const placed = this.#placed(program);
    this.#refresh(placed);
    return placed.entries.map((entry, index) => {
      const started = performance.now();
      this.#execute(placed, index, 1);
      const seconds = (performance.now() - started) / 1000;
      const detail = entry.operands.filter((operand) => typeof operand === 'number').join(' ');
      return { kernel: entry.name, detail, seconds, multiplications: entry.multiplications };
    });
  }

  write(to: Tensor, values: ArrayLike<number>): void {
    checkWrite(to, values);
    this.#view(to, this.#memory.persistent(to.buffer)).set(values);
    for (const here of this.#constants.values()) {
      for (const constant of here.values()) constant.stale ||= constant.sources.has(to.buffer);
    }
  }

  async read(from: Tensor, program?: Program): Promise<NumericArray> {
    if (from.buffer.lifetime === 'persistent')
      return copyOf(this.#view(from, this.#memory.persistent(from.buffer)));
    if (!program) throw new Error(`${from.buffer.name} is transient: say which program kept it`);
    const { arena, layout } = this.#placed(program);
    const offset = layout.offsets.get(from.buffer);
    if (offset === undefined) throw new Error(`${from.buffer.name} is not part of the program`);
    return copyOf(this.#view(from, arena + offset));
  }

  async close(): Promise<void> {
    await this.#pool?.stop();
  }

  #placed(program: Program): WasmProgram {
    if (!(program instanceof WasmProgram)) throw new TypeError('a program of another backend');
    if (program.address !== 0) return program;
    this.#pending.add(program);
    const failure = this.#place().get(program);
    if (failure) {
      this.#pending.delete(program);
      throw failure;
    }
    return program;
  }

  /** Gives all pending programs, the largest first, a workspace and their records: what failed for those that are left. */
  #place(): Map<WasmProgram, unknown> {
    const failures = new Map<WasmProgram, unknown>();
    const bySize = [...this.#pending].sort((a, b) => b.workspace(this.threads) - a.workspace(this.threads));
    for (const program of bySize) {
      try {
        this.#memory.attempt(() => {
          program.arena = this.#memory.workspace(program.workspace(this.threads));
          this.#encode(program);
        });
        this.#pending.delete(program);
      } catch (error) {
        failures.set(program, error);
      }
    }
    return failures;
  }

  /** Writes a program's entries and records into memory. */
  #encode(program: WasmProgram): void {
    const words = program.entries.reduce((sum, { operands }) => sum + operands.length, 0);
    const address = this.#memory.allocate(program.entries.length * ENTRY_BYTES + words * 4, 'program');
    let record = address + program.entries.length * ENTRY_BYTES;
    // Operands are resolved first: that may allocate, and growing memory detaches nothing but moves its end.
    const resolved = program.entries.map(({ operands }) =>
      operands.map((operand) => this.#operand(operand, program)),
    );
    const view = new DataView(this.#memory.shared.buffer);
    program.entries.forEach(({ code, items }, index) => {
      const at = address + index * ENTRY_BYTES;
      view.setUint32(at, code, true);
      view.setUint32(at + 4, items, true);
      view.setUint32(at + 8, record, true);
      for (const operand of resolved[index]) {
        if (operand instanceof F32) view.setFloat32(record, operand.value, true);
        else view.setUint32(record, operand, true);
        record += 4;
      }
    });
    program.address = address;
  }

  #operand(operand: Entry['operands'][number], program: WasmProgram): number | F32 {
    if (operand === null) return 0;
    if (typeof operand === 'number' || operand instanceof F32) return operand;
    const { buffer, offset } = operand;
    const base =
      buffer.lifetime === 'persistent'
        ? this.#memory.persistent(buffer)
        : program.arena + (program.layout.offsets.get(buffer) ?? Number.NaN);
    return base + offset * BYTES[buffer.dtype];
  }

  #view({ buffer, offset, shape }: Tensor, base: number): NumericArray {
    const { buffer: memory } = this.#memory.shared;
    const at = base + offset * BYTES[buffer.dtype];
    const length = sizeOf(shape);
    switch (buffer.dtype) {
      case 'f32':
        return new Float32Array(memory, at, length);
      case 'f64':
        return new Float64Array(memory, at, length);
      case 'i32':
        return new Int32Array(memory, at, length);
      case 'u8':
        return new Uint8Array(memory, at, length);
      case 'f16':
        throw new Error('16-bit floats are for GPUs');
      default:
        return buffer.dtype satisfies never;
    }
  }
}

/** Unshared, so that it may go anywhere. */
function copyOf(view: NumericArray): NumericArray {
  const copy = new (view.constructor as new (length: number) => NumericArray)(view.length);
  copy.set(view);
  return copy;
}
