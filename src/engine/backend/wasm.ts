import { FerError } from '../../errors.ts';
import type { Backend, CompileOptions, NumericArray, ProfileRow, Program } from '../backend.ts';
import type { Call } from '../kernels.ts';
import { type Buffer, BYTES, sizeOf, type Tensor, tensor } from '../tensor.ts';
import { fuseNorms } from './fuse.ts';
import { convolutionKind } from './wasm/conv-choice.ts';
import { type Derived, type Entry, EntryList, F32 } from './wasm/entry.ts';
import { fusePools, fuseStatistics } from './wasm/fuse.ts';
import { fuseUpdates } from './wasm/fuseUpdates.ts';
import { alignUp, bytesOf, type Layout, layOut } from './wasm/layout.ts';
import { LOWER } from './wasm/lower.ts';
import type { LoweringOptions } from './wasm/lowering.ts';
import { type Build, compileKernels, type KernelExports, MOST_PAGES, PAGE } from './wasm/module.ts';
import { ThreadPool } from './wasm/pool.ts';

export interface WasmOptions {
  /** Threads that compute, the caller's included. */
  readonly threads: number;
  /** Forces a build of the kernels; by default the fastest that the machine takes. */
  readonly build?: Build;
  /** Convolutions by the definition instead of Winograd, for comparisons. */
  readonly direct?: boolean;
}

/** Memory below this address holds the interpreter's control words. */
const FIRST_FREE = 1024;
/** Half a gibibyte: the network of the paper, and room to work. */
const LEAST_PAGES = 8192;
/** Bytes of an entry in memory: code, items, record. */
const ENTRY_BYTES = 12;

class WasmProgram implements Program {
  readonly calls: readonly Call[];
  readonly entries: readonly Entry[];
  readonly layout: Layout;
  readonly scratch: number;
  /** Address of the entries once placed. */
  address = 0;
  /** Address of the arena once placed. */
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
    this.scratch = entries.reduce((most, entry) => Math.max(most, entry.scratch), 0);
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
  readonly #memory: WebAssembly.Memory;
  readonly #exports: KernelExports;
  readonly #pool: ThreadPool | undefined;
  readonly #addresses = new Map<Buffer, number>();
  #end = FIRST_FREE;
  /** Compiled but not yet placed: the arena is sized for all of them at the first run. */
  #pending: WasmProgram[] = [];
  #arena = { address: 0, bytes: 0 };
  #scratch = { address: 0, stride: 0 };
  /** By name and place of the sources. */
  readonly #constants = new Map<Buffer, Map<string, Constant>>();

  private constructor(
    options: WasmOptions,
    build: Build,
    memory: WebAssembly.Memory,
    exports: KernelExports,
    pool: ThreadPool | undefined,
  ) {
    this.threads = options.threads;
    this.build = build;
    this.#direct = options.direct ?? false;
    this.#memory = memory;
    this.#exports = exports;
    this.#pool = pool;
  }

  /** Compiles the kernels and starts the threads. */
  static async create(options: WasmOptions): Promise<WasmBackend> {
    const { module, build } = await compileKernels(options.build);
    const memory = openMemory();
    const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
    const kernels = exports as unknown as KernelExports;
    const pool =
      options.threads > 1 ? await ThreadPool.start(module, memory, kernels, options.threads) : undefined;
    return new WasmBackend(options, build, memory, kernels, pool);
  }

  describe(): string {
    const instructions = { wide: 'relaxed SIMD in 256 bits', relaxed: 'relaxed SIMD', simd: 'SIMD' }[
      this.build
    ];
    return `CPU, WebAssembly ${instructions}, ${this.threads} ${this.threads === 1 ? 'thread' : 'threads'}`;
  }

  get memory(): number {
    return this.#memory.buffer.byteLength;
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
    this.#pending.push(program);
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
    this.#pending.push(program);
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
      this.#execute(constant.program);
      constant.stale = false;
    }
  }

  #execute({ address, entries }: WasmProgram): void {
    // Without an entry there is no barrier at which the threads would meet.
    if (entries.length === 0) return;
    this.#exports.run(address, entries.length, this.threads, this.#scratch.address, this.#scratch.stride);
  }

  profile(program: Program): ProfileRow[] {
    const placed = this.#placed(program);
    this.#refresh(placed);
    const { address, entries } = placed;
    return entries.map((entry, index) => {
      const started = performance.now();
      this.#exports.run(
        address + index * ENTRY_BYTES,
        1,
        this.threads,
        this.#scratch.address,
        this.#scratch.stride,
      );
      const seconds = (performance.now() - started) / 1000;
      const detail = entry.operands.filter((operand) => typeof operand === 'number').join(' ');
      return { kernel: entry.name, detail, seconds, multiplications: entry.multiplications };
    });
  }

  write(to: Tensor, values: ArrayLike<number>): void {
    if (to.buffer.lifetime !== 'persistent')
      throw new Error(`${to.buffer.name} is transient: it cannot be written`);
    if (values.length > sizeOf(to.shape)) {
      throw new RangeError(`${values.length} values for ${to.buffer.name} of ${sizeOf(to.shape)}`);
    }
    this.#view(to, this.#persistent(to.buffer)).set(values);
    for (const here of this.#constants.values()) {
      for (const constant of here.values()) constant.stale ||= constant.sources.has(to.buffer);
    }
  }

  async read(from: Tensor, program?: Program): Promise<NumericArray> {
    if (from.buffer.lifetime === 'persistent') return copyOf(this.#view(from, this.#persistent(from.buffer)));
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
    if (program.address === 0) this.#place();
    return program;
  }

  /** Gives all pending programs an arena, scratch and their records. */
  #place(): void {
    const arenaBytes = Math.max(...this.#pending.map(({ layout }) => layout.bytes));
    if (arenaBytes > this.#arena.bytes)
      this.#arena = { address: this.#allocate(arenaBytes, 'activations'), bytes: arenaBytes };
    const stride = alignUp(Math.max(...this.#pending.map(({ scratch }) => scratch)) + 1);
    if (stride > this.#scratch.stride) {
      this.#scratch = { address: this.#allocate(stride * this.threads, 'scratch'), stride };
    }
    for (const program of this.#pending) {
      program.arena = this.#arena.address;
      this.#encode(program);
    }
    this.#pending = [];
  }

  /** Writes a program's entries and records into memory. */
  #encode(program: WasmProgram): void {
    const words = program.entries.reduce((sum, { operands }) => sum + operands.length, 0);
    const address = this.#allocate(program.entries.length * ENTRY_BYTES + words * 4, 'program');
    let record = address + program.entries.length * ENTRY_BYTES;
    // Operands are resolved first: that may allocate, and growing memory detaches nothing but moves its end.
    const resolved = program.entries.map(({ operands }) =>
      operands.map((operand) => this.#operand(operand, program)),
    );
    const view = new DataView(this.#memory.buffer);
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
        ? this.#persistent(buffer)
        : program.arena + (program.layout.offsets.get(buffer) ?? Number.NaN);
    return base + offset * BYTES[buffer.dtype];
  }

  #persistent(buffer: Buffer): number {
    const found = this.#addresses.get(buffer);
    if (found !== undefined) return found;
    const address = this.#allocate(bytesOf(buffer), buffer.name);
    this.#addresses.set(buffer, address);
    return address;
  }

  /** Fresh zeroed memory at the end. */
  #allocate(bytes: number, what: string): number {
    const address = this.#end;
    const end = address + alignUp(bytes);
    const pages = Math.ceil(end / PAGE);
    const here = this.#memory.buffer.byteLength / PAGE;
    if (pages > MOST_PAGES) throw tooMuch(end, what);
    if (pages > here) {
      try {
        this.#memory.grow(pages - here);
      } catch {
        throw tooMuch(end, what);
      }
    }
    this.#end = end;
    return address;
  }

  #view({ buffer, offset, shape }: Tensor, base: number): NumericArray {
    const { buffer: memory } = this.#memory;
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

/** Shared memory that may grow as far as this machine allows: phones do not reserve addresses for 4 GiB. */
function openMemory(): WebAssembly.Memory {
  for (let maximum = MOST_PAGES; maximum >= LEAST_PAGES; maximum /= 2) {
    try {
      return new WebAssembly.Memory({ initial: 16, maximum, shared: true });
    } catch {}
  }
  throw new FerError('this browser gives WebAssembly no shared memory: it is too old, or set up not to');
}

/** Unshared, so that it may go anywhere. */
function copyOf(view: NumericArray): NumericArray {
  const copy = new (view.constructor as new (length: number) => NumericArray)(view.length);
  copy.set(view);
  return copy;
}

function tooMuch(bytes: number, what: string): FerError {
  const gib = (bytes / 2 ** 30).toFixed(1);
  return new FerError(
    `not enough memory for ${what}: ${gib} GiB in all, WebAssembly has 4; use a smaller bs or fewer crops`,
  );
}
