import { DeviceError, FerError } from '../../errors.ts';
import type { Backend, NumericArray, ProfileRow, Program } from '../backend.ts';
import type { Call } from '../kernels.ts';
import { type Buffer, checkWrite, type Tensor } from '../tensor.ts';
import { type OpenAdapter, openAdapter } from './webgpu/adapter.ts';
import { DispatchList } from './webgpu/dispatches.ts';
import { lowerCalls } from './webgpu/lower.ts';
import { GpuMemory } from './webgpu/memory.ts';
import { Pipelines } from './webgpu/pipelines.ts';
import { FULL, mixedPrecision } from './webgpu/precision.ts';
import { profileOf } from './webgpu/profile.ts';
import { GpuProgram } from './webgpu/program.ts';
import {
  type GpuLoweringOptions,
  HALVES,
  MATRIX_FEATURES,
  matricesOf,
  SUBGROUPS,
  type Traits,
  traitsOf,
} from './webgpu/traits.ts';

export interface WebGpuOptions extends GpuLoweringOptions {
  /** Takes an adapter that computes on the CPU where there is no other. */
  readonly software?: boolean;
}

/** Limits of which the adapter's own are asked for; the defaults of others do. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
] as const satisfies readonly (keyof GPUSupportedLimits)[];

/**
 * Runs programs as WGSL on a GPU. Nothing waits: `run` and `write` hand work to the GPU's queue and return.
 * While kernels are still compiling, what is asked for is kept in order. An error of the GPU (a kernel its
 * driver refuses, memory that is not there, a device that is lost) is thrown by whatever is called next.
 */
export class WebGpuBackend implements Backend {
  readonly name = 'webgpu';
  readonly threads = 1;
  /** Steps that may be under way before the host waits for the results of the first: see `Backend`. */
  readonly ahead = 4;
  readonly traits: Traits;
  readonly #options: WebGpuOptions;
  readonly #open: OpenAdapter;
  readonly #device: GPUDevice;
  readonly #pipelines: Pipelines;
  readonly #memory: GpuMemory;
  /** What waits for a program's kernels, in order. */
  readonly #waiting: { readonly program?: GpuProgram; readonly act: () => void }[] = [];
  #draining: Promise<void> = Promise.resolve();
  #failure: Error | null = null;
  #closed = false;
  #programs: Promise<void>[] = [];

  private constructor(open: OpenAdapter, device: GPUDevice, options: WebGpuOptions) {
    this.#open = open;
    this.#device = device;
    this.#options = options;
    this.traits = traitsOf(
      device.limits,
      device.features as ReadonlySet<string>,
      open.adapter.info,
      open.language,
    );
    this.#pipelines = new Pipelines(device, (kernel, why) =>
      this.#fail(`${open.label} does not take the kernel "${kernel}": ${why}`),
    );
    this.#memory = new GpuMemory(device, open.label, this.traits, (why) => this.#fail(why));
    device.addEventListener('uncapturederror', (event) =>
      this.#fail(`${open.label} reports: ${(event as GPUUncapturedErrorEvent).error.message}`),
    );
    device.lost.then(({ reason, message }) => {
      if (this.#closed) return;
      this.#fail(`${open.label} was lost (${reason || 'unknown reason'}): ${message || 'no message'}`);
    });
  }

  /** @throws FerError if there is no adapter, or only a software one and `software` does not ask for it */
  static async create(options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    return WebGpuBackend.on(await openAdapter({ software: options.software ?? false }), options);
  }

  /**
   * The backend on an adapter that was found before.
   *
   * @throws FerError if it cannot be opened, or cannot compute with that precision
   */
  static async on(open: OpenAdapter, options: WebGpuOptions = {}): Promise<WebGpuBackend> {
    try {
      return new WebGpuBackend(open, await requestDevice(open, options), options);
    } catch (error) {
      open.gpu = null;
      throw error;
    }
  }

  describe(): string {
    const unit = matricesOf(this.traits, this.#options);
    const values = this.#options.mixed ? ', values in 16 bits' : '';
    const products = unit ? `, matrix units of ${unit.M}x${unit.N}x${unit.K}` : '';
    return `GPU, WebGPU, ${this.#open.label}${values}${products}`;
  }

  get memory(): number {
    return this.#memory.bytes;
  }

  /** Names of the kernels compiled so far, in all their variants. */
  get kernels(): readonly string[] {
    return this.#pipelines.names;
  }

  compile(calls: readonly Call[], keep: readonly Tensor[] = []): GpuProgram {
    this.#throwFailure();
    const precision = this.#options.mixed ? mixedPrecision(calls, keep) : FULL;
    const list = new DispatchList(this.traits, this.#options, precision);
    lowerCalls(calls, keep, list);
    const places = this.#memory.place(calls, list, new Set(keep.map(({ buffer }) => buffer)));
    const program = new GpuProgram(this.#device, this.#pipelines, calls, list.dispatches, places, (buffer) =>
      this.#bufferOf(buffer, places),
    );
    this.#programs.push(program.ready);
    return program;
  }

  /** Resolves when all programs so far can run; rejects if the GPU cannot run one. */
  async ready(): Promise<void> {
    await Promise.all([...this.#programs, this.#memory.settled()]);
    this.#programs = [];
    this.#throwFailure();
  }

  run(program: Program): void {
    const own = this.#own(program);
    this.#throwFailure();
    this.#inOrder(() => this.#submit(own), own);
  }

  async profile(program: Program): Promise<ProfileRow[]> {
    const own = this.#own(program);
    await own.ready;
    await this.#draining;
    this.#throwFailure();
    return profileOf(this.#device, own, this.traits);
  }

  write(to: Tensor, values: ArrayLike<number>): void {
    checkWrite(to, values);
    this.#throwFailure();
    this.#memory.persistent(to.buffer);
    const now = this.#waiting.length === 0;
    const kept = now ? values : Array.isArray(values) ? [...values] : (values as Float32Array).slice();
    this.#inOrder(() => this.#memory.write(to, kept));
  }

  async read(from: Tensor, program?: Program): Promise<NumericArray> {
    let buffer: GPUBuffer;
    if (from.buffer.lifetime === 'persistent') buffer = this.#memory.persistent(from.buffer);
    else {
      if (!program) throw new Error(`${from.buffer.name} is transient: say which program kept it`);
      const place = this.#own(program).places.get(from.buffer);
      if (!place) throw new Error(`${from.buffer.name} is not part of the program`);
      buffer = place;
    }
    this.#throwFailure();
    try {
      return await new Promise<NumericArray>((resolve, reject) => {
        this.#inOrder(() => this.#memory.read(from, buffer).then(resolve, reject));
      });
    } catch (error) {
      // What the GPU said of the reason comes after the refusal to map a buffer.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw this.#failure ?? error;
    } finally {
      this.#throwFailure();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#draining;
    await Promise.allSettled(this.#programs);
    this.#device.destroy();
    this.#open.gpu = null;
  }

  #submit({ launches }: GpuProgram): void {
    if (this.#failure) return;
    const encoder = this.#device.createCommandEncoder();
    const pass = encoder.beginComputePass();
    for (const { pipeline, group, dispatch } of launches) {
      pass.setPipeline(pipeline.pipeline as GPUComputePipeline);
      pass.setBindGroup(0, group);
      pass.dispatchWorkgroups(...dispatch.groups);
    }
    pass.end();
    this.#device.queue.submit([encoder.finish()]);
  }

  /** Does something now, or after what already waits for kernels to compile. */
  #inOrder(act: () => void, program?: GpuProgram): void {
    if (this.#waiting.length === 0 && (program?.isReady ?? true)) {
      act();
      return;
    }
    this.#waiting.push({ program, act });
    if (this.#waiting.length === 1) this.#draining = this.#drain();
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      const [{ program, act }] = this.#waiting;
      await program?.ready;
      try {
        act();
      } catch (error) {
        // Whoever asked for it has gone on: the next call tells.
        this.#failure ??= error as Error;
      }
      this.#waiting.shift();
    }
  }

  #bufferOf(buffer: Buffer, places: ReadonlyMap<Buffer, GPUBuffer>): GPUBuffer {
    if (buffer.lifetime === 'persistent') return this.#memory.persistent(buffer);
    const place = places.get(buffer);
    if (!place) throw new Error(`${buffer.name} has no place`);
    return place;
  }

  #own(program: Program): GpuProgram {
    if (!(program instanceof GpuProgram)) throw new TypeError('a program of another backend');
    return program;
  }

  /** The first failure is the cause of the rest. */
  #fail(what: string): void {
    this.#failure ??= new DeviceError(
      `${what}. What a run saved before is kept: go on from it with resume=true, here or with device=cpu`,
    );
  }

  #throwFailure(): void {
    if (this.#failure) throw this.#failure;
  }
}

async function requestDevice({ adapter, label }: OpenAdapter, { mixed }: WebGpuOptions): Promise<GPUDevice> {
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  if (mixed && !adapter.features.has(HALVES)) {
    throw new FerError(
      `${label} has no 16-bit floats (${HALVES}), which precision=mixed stores values in: take precision=fp32`,
    );
  }
  const wanted = new Set(['timestamp-query', SUBGROUPS, ...(mixed ? MATRIX_FEATURES : [])]);
  const requiredFeatures = [...wanted].filter((name) => adapter.features.has(name)) as GPUFeatureName[];
  try {
    return await adapter.requestDevice({ requiredLimits, requiredFeatures });
  } catch (error) {
    throw new FerError(
      `${label} cannot be opened: ${(error as Error).message}. Close other programs that compute on it, or take ` +
        `device=cpu${mixed ? ' and precision=fp32' : ''}`,
    );
  }
}
