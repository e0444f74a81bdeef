import type { Tensor } from '../../tensor.ts';
import { moduleOf, type Shader, writtenBindings } from './shader.ts';
import { COMPUTE_STAGE } from './usage.ts';

/** A shader made ready for one way of sharing bindings. */
export interface Pipeline {
  readonly name: string;
  readonly layout: GPUBindGroupLayout;
  /** The binding of each operand. */
  readonly bindings: ReadonlyMap<string, number>;
  /** Settles when `pipeline` is there or the driver has refused. */
  readonly ready: Promise<void>;
  pipeline: GPUComputePipeline | null;
}

/** Compiles shaders in the background, each once. */
export class Pipelines {
  readonly #device: GPUDevice;
  readonly #onFailure: (kernel: string, why: string) => void;
  readonly #bySource = new Map<string, Pipeline>();

  constructor(device: GPUDevice, onFailure: (kernel: string, why: string) => void) {
    this.#device = device;
    this.#onFailure = onFailure;
  }

  /** Names of all shaders compiled so far. */
  get names(): string[] {
    return [...this.#bySource.values()].map(({ name }) => name);
  }

  get(shader: Shader, operands: Readonly<Record<string, Tensor>>): Pipeline {
    const bindings = sharing(shader, operands);
    const halves = new Set(
      Object.keys(shader.operands).filter((name) => operands[name].buffer.dtype === 'f16'),
    );
    const source = moduleOf(shader, bindings, halves);
    const found = this.#bySource.get(source) ?? this.#make(shader, source, bindings);
    this.#bySource.set(source, found);
    return found;
  }

  #make(shader: Shader, source: string, bindings: ReadonlyMap<string, number>): Pipeline {
    const { name } = shader;
    const layout = this.#device.createBindGroupLayout({
      label: name,
      entries: [
        { binding: 0, visibility: COMPUTE_STAGE, buffer: { type: 'uniform' } },
        ...[...writtenBindings(shader, bindings)].map(([binding, written]): GPUBindGroupLayoutEntry => {
          return {
            binding,
            visibility: COMPUTE_STAGE,
            buffer: { type: written ? 'storage' : 'read-only-storage' },
          };
        }),
      ],
    });
    // A module with mistakes is told again, with its lines, where its pipeline fails.
    this.#device.pushErrorScope('validation');
    const module = this.#device.createShaderModule({ label: name, code: source });
    const told = this.#device.popErrorScope().catch(() => null);
    const compute = { module, entryPoint: 'main' };
    const pipelineLayout = this.#device.createPipelineLayout({ label: name, bindGroupLayouts: [layout] });
    const made = this.#device.createComputePipelineAsync({ label: name, layout: pipelineLayout, compute });
    const ready = made.then(
      (done) => {
        pipeline.pipeline = done;
      },
      async (error: unknown) => {
        await told;
        const { messages } = await module.getCompilationInfo();
        const lines = messages.map(({ message, lineNum }) => `${message} (line ${lineNum} of its WGSL)`);
        this.#onFailure(
          name,
          lines.length > 0 ? lines.join('; ') : String(error instanceof Error ? error.message : error),
        );
      },
    );
    const pipeline: Pipeline = { name, layout, bindings, ready, pipeline: null };
    return pipeline;
  }
}

/**
 * A binding for each operand, from 1 on. WebGPU does not let a buffer be bound twice in a launch that writes
 * to it, so operands of one buffer share a binding if any of them is written.
 */
function sharing(shader: Shader, operands: Readonly<Record<string, Tensor>>): Map<string, number> {
  const names = Object.keys(shader.operands);
  const isWritten = (name: string): boolean =>
    names.some(
      (other) => operands[other].buffer === operands[name].buffer && shader.operands[other].access !== 'read',
    );
  const bindings = new Map<string, number>();
  let next = 1;
  for (const name of names) {
    const twin = names.find(
      (other) => bindings.has(other) && operands[other].buffer === operands[name].buffer,
    );
    bindings.set(name, (isWritten(name) && twin ? bindings.get(twin) : undefined) ?? next++);
  }
  return bindings;
}
