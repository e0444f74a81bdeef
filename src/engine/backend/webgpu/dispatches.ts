import { FerError } from '../../../errors.ts';
import { type Buffer, type DType, type Tensor, tensor } from '../../tensor.ts';
import { FULL, type Precision } from './precision.ts';
import type { OperandSpec, Shader } from './shader.ts';
import type { GpuLoweringOptions, Traits } from './traits.ts';

/** A grid of workgroups; WebGPU allows 65,535 in each dimension. */
export type Groups = readonly [number, number, number];

/** One kernel launch of a program. */
export interface Dispatch {
  /** What it is part of, for profiles: a product can serve several kernels. */
  readonly kernel: string;
  readonly shader: Shader;
  readonly operands: Readonly<Record<string, Tensor>>;
  readonly numbers: Readonly<Record<string, number>>;
  readonly groups: Groups;
  /** Multiplications of a product by the algorithm that runs; 0 for other kernels. */
  readonly multiplications: number;
  /** For profiles: the sizes that matter. */
  readonly detail: string;
}

/** What WebGPU allows in one dimension of a grid. */
export const MOST_GROUPS = 65535;

/**
 * A grid for `count` workgroups in a row, folded where there are too many; the shader finds its number with
 * `groupIndex` and must leave if it is not below its count.
 */
export function row(count: number): Groups {
  const x = Math.min(count, MOST_GROUPS);
  return [x, Math.ceil(count / Math.max(x, 1)), 1];
}

/** WGSL: the number of a workgroup in the grid of `row`. */
export const GROUP_INDEX = '(group.y * groups.x + group.x)';

/** Collects the dispatches of a program while its calls are lowered. */
export class DispatchList {
  readonly dispatches: Dispatch[] = [];
  readonly traits: Traits;
  readonly options: GpuLoweringOptions;
  /** Buffers of a size that no batch changes. */
  readonly fixed = new Set<Buffer>();
  readonly #precision: Precision;
  /** Transformed inputs of convolutions, which a weight gradient takes as long as nothing writes to the input. */
  readonly #transformed = new Map<Buffer, { readonly x: Tensor; readonly v: Tensor }>();

  constructor(traits: Traits, options: GpuLoweringOptions = {}, precision: Precision = FULL) {
    this.traits = traits;
    this.options = options;
    this.#precision = precision;
  }

  /** @throws FerError if a dimension of the grid is more than WebGPU allows */
  push(
    shader: Shader,
    groups: Groups,
    operands: Readonly<Record<string, Tensor>>,
    numbers: Readonly<Record<string, number>> = {},
    { kernel, multiplications = 0, detail = '' }: Partial<Dispatch> = {},
  ): void {
    if (groups.some((count) => count === 0)) return;
    if (groups.some((count) => count > MOST_GROUPS)) {
      throw new FerError(
        `${kernel ?? shader.name} needs a grid of ${groups.join('x')} workgroups, and WebGPU allows ${MOST_GROUPS} in a row: ` +
          'use a smaller bs= or width=, or device=cpu',
      );
    }
    for (const [name, { access }] of Object.entries(shader.operands)) {
      if (access !== 'read') this.#transformed.delete(operands[name].buffer);
    }
    this.dispatches.push({
      kernel: kernel ?? shader.name.split(' ')[0],
      shader: this.#scaled(shader, operands),
      operands: Object.fromEntries(
        Object.entries(operands).map(([name, of]) => {
          const half = this.#precision.halves.get(of.buffer);
          return [name, half ? { ...of, buffer: half } : of];
        }),
      ),
      numbers,
      groups,
      multiplications,
      detail: detail === '' ? shader.name : `${shader.name}, ${detail}`,
    });
  }

  /** The shader, with the factors by which what it writes is stored. */
  #scaled(shader: Shader, operands: Readonly<Record<string, Tensor>>): Shader {
    const scaled = Object.entries(shader.operands).flatMap(([name, spec]): [string, OperandSpec][] => {
      const scale = this.#precision.scales.get(operands[name].buffer);
      return scale === undefined || spec.access === 'read' ? [] : [[name, { ...spec, scale }]];
    });
    if (scaled.length === 0) return shader;
    return { ...shader, operands: { ...shader.operands, ...Object.fromEntries(scaled) } };
  }

  /** Says that `v` now holds the transformed tiles of all of x. */
  keepTransformed(x: Tensor, v: Tensor): void {
    this.#transformed.set(x.buffer, { x, v });
  }

  /** The transformed tiles of x, if they are still those of its values. */
  transformedOf({ buffer, offset, shape }: Tensor): Tensor | undefined {
    const found = this.#transformed.get(buffer);
    return found && found.x.offset === offset && found.x.shape.join() === shape.join() ? found.v : undefined;
  }

  /** Device memory that lives from its first to its last use among the dispatches. */
  temporary(name: string, shape: readonly number[], dtype: DType = 'f32'): Tensor {
    return tensor(name, shape, dtype);
  }

  /** The same for many values of no more precision than activations have. */
  working(name: string, shape: readonly number[]): Tensor {
    return tensor(name, shape, this.options.mixed ? 'f16' : 'f32');
  }

  /** Says that the size of `of` follows from the weights alone. */
  ofWeights(of: Tensor): Tensor {
    this.fixed.add(of.buffer);
    return of;
  }
}
