import type { Program } from '../../backend.ts';
import type { Call } from '../../kernels.ts';
import { type Buffer, BYTES, sizeOf, type Tensor } from '../../tensor.ts';
import type { Dispatch } from './dispatches.ts';
import type { Pipeline, Pipelines } from './pipelines.ts';
import { bytesOfElement } from './shader.ts';
import { BUFFER_USAGE } from './usage.ts';

/** A launch as it is handed to the queue. */
interface Launch {
  readonly dispatch: Dispatch;
  readonly pipeline: Pipeline;
  readonly group: GPUBindGroup;
}

/** What a binding's offset is rounded down to; the rest is told to the kernel. */
const OFFSET_ALIGNMENT = 256;

/** A list of launches with their pipelines and bind groups, made once. */
export class GpuProgram implements Program {
  readonly calls: readonly Call[];
  readonly launches: readonly Launch[];
  /** Where transient tensors are. */
  readonly places: ReadonlyMap<Buffer, GPUBuffer>;
  /** Bytes of its numbers. */
  readonly bytes: number;
  readonly ready: Promise<void>;
  isReady = false;

  constructor(
    device: GPUDevice,
    pipelines: Pipelines,
    calls: readonly Call[],
    dispatches: readonly Dispatch[],
    places: ReadonlyMap<Buffer, GPUBuffer>,
    bufferOf: (buffer: Buffer) => GPUBuffer,
  ) {
    this.calls = calls;
    this.places = places;
    this.bytes = Math.max(1, dispatches.length) * OFFSET_ALIGNMENT;
    const numbers = device.createBuffer({
      label: 'numbers',
      size: this.bytes,
      usage: BUFFER_USAGE.uniform,
      mappedAtCreation: true,
    });
    const view = new DataView(numbers.getMappedRange());
    this.launches = dispatches.map((dispatch, index) => {
      const pipeline = pipelines.get(dispatch.shader, dispatch.operands);
      const ranges = rangesOf(dispatch, pipeline);
      writeNumbers(view, index * OFFSET_ALIGNMENT, dispatch, pipeline, ranges);
      const group = device.createBindGroup({
        label: dispatch.shader.name,
        layout: pipeline.layout,
        entries: [
          {
            binding: 0,
            resource: { buffer: numbers, offset: index * OFFSET_ALIGNMENT, size: OFFSET_ALIGNMENT },
          },
          ...[...ranges].map(([binding, { buffer, start, end }]) => ({
            binding,
            resource: { buffer: bufferOf(buffer), offset: start, size: end - start },
          })),
        ],
      });
      return { dispatch, pipeline, group };
    });
    numbers.unmap();
    this.ready = Promise.all(new Set(this.launches.map(({ pipeline }) => pipeline.ready))).then(() => {
      this.isReady = true;
    });
  }
}

/** The part of a buffer that a binding shows, in bytes. */
interface Range {
  readonly buffer: Buffer;
  start: number;
  end: number;
}

/** What each binding of a launch must show: all operands that share it. */
export function rangesOf(dispatch: Dispatch, { bindings }: Pick<Pipeline, 'bindings'>): Map<number, Range> {
  const ranges = new Map<number, Range>();
  for (const name of Object.keys(dispatch.shader.operands)) {
    const { buffer, offset, shape } = dispatch.operands[name];
    const bytes = BYTES[buffer.dtype];
    const start = Math.floor((offset * bytes) / OFFSET_ALIGNMENT) * OFFSET_ALIGNMENT;
    // Whole groups of four numbers, whatever the kernel reads them as.
    const end = Math.ceil(((offset + sizeOf(shape)) * bytes) / 16) * 16;
    const binding = bindings.get(name) as number;
    const there = ranges.get(binding);
    if (there) {
      there.start = Math.min(there.start, start);
      there.end = Math.max(there.end, end);
    } else ranges.set(binding, { buffer, start, end });
  }
  return ranges;
}

function writeNumbers(
  view: DataView,
  at: number,
  { shader, operands, numbers }: Dispatch,
  { bindings }: Pipeline,
  ranges: ReadonlyMap<number, Range>,
): void {
  let field = at;
  for (const [name, { element }] of Object.entries(shader.operands)) {
    view.setUint32(field, offsetOf(operands[name], element, ranges.get(bindings.get(name) as number)), true);
    field += 4;
  }
  for (const [name, type] of Object.entries(shader.numbers)) {
    const value = numbers[name];
    if (value === undefined) throw new Error(`${shader.name} is not told its ${name}`);
    if (type === 'f32') view.setFloat32(field, value, true);
    else view.setUint32(field, value, true);
    field += 4;
  }
}

/** Elements from the start of the binding to the start of the tensor. */
function offsetOf(
  { buffer, offset }: Tensor,
  element: Parameters<typeof bytesOfElement>[0],
  range?: Range,
): number {
  const elements =
    (offset * BYTES[buffer.dtype] - (range?.start ?? 0)) / bytesOfElement(element, buffer.dtype);
  if (!Number.isInteger(elements)) throw new Error(`${buffer.name} does not start at a whole ${element}`);
  return elements;
}
