import { FerError } from '../errors.ts';
import { decodeHalf } from '../io/half.ts';
import { FlatTable } from './flatbuffer.ts';

/** A value of the graph; constants carry their data. */
export interface TfliteTensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data?: Float32Array | Int32Array;
}

type Padding = 'same' | 'valid';

interface Window {
  readonly strideH: number;
  readonly strideW: number;
  readonly padding: Padding;
}

/** What an operator does, beside the tensors it takes. */
export type TfliteAction =
  | (Window & { readonly op: 'conv' | 'depthwise'; readonly relu: boolean })
  | (Window & { readonly op: 'maxPool'; readonly height: number; readonly width: number })
  | { readonly op: 'add'; readonly relu: boolean }
  | { readonly op: 'relu' | 'pad' | 'reshape' }
  | { readonly op: 'concat'; readonly axis: number }
  | { readonly op: 'resize' };

export type TfliteOperator = TfliteAction & {
  /** Indices of tensors. */
  readonly inputs: readonly number[];
  readonly output: number;
};

/** The first subgraph of a model, its operators in the order to run them. */
export interface TfliteGraph {
  readonly tensors: readonly TfliteTensor[];
  readonly operators: readonly TfliteOperator[];
  readonly inputs: readonly number[];
  readonly outputs: readonly number[];
}

// Numbers of https://github.com/tensorflow/tensorflow/blob/master/tensorflow/compiler/mlir/lite/schema/schema.fbs
const FLOAT32 = 0;
const FLOAT16 = 1;
const INT32 = 2;
const DEQUANTIZE = 6;
const OPERATORS: Readonly<Record<number, (options: FlatTable | undefined) => TfliteAction>> = {
  0: (options) => ({ op: 'add', relu: hasRelu(options?.uint8(0)) }),
  2: (options) => {
    if (hasRelu(options?.uint8(1)))
      throw new RangeError('a concatenation with an activation is not supported');
    return { op: 'concat', axis: options?.int32(0) ?? 0 };
  },
  3: (options) => ({ op: 'conv', ...windowOf(options), ...activationOf(options, 3, [4, 5]) }),
  4: (options) => ({ op: 'depthwise', ...windowOf(options), ...activationOf(options, 4, [5, 6]) }),
  17: (options) => {
    if (hasRelu(options?.uint8(5))) throw new RangeError('a pooling with an activation is not supported');
    return {
      op: 'maxPool',
      ...windowOf(options),
      width: options?.int32(3) ?? 0,
      height: options?.int32(4) ?? 0,
    };
  },
  19: () => ({ op: 'relu' }),
  22: () => ({ op: 'reshape' }),
  23: (options) => {
    // align_corners off, half_pixel_centers on
    if (options?.uint8(2) || !options?.uint8(3))
      throw new RangeError('only resizing by centres of pixels is supported');
    return { op: 'resize' };
  },
  34: () => ({ op: 'pad' }),
};

/** More than any detector for small pictures; a damaged shape would ask for terabytes. */
const MOST_VALUES = 1 << 26;

/**
 * Reads a TFLite model of 32-bit floats, its constants perhaps stored as 16-bit ones.
 *
 * @param name for messages
 * @throws FerError if the file is damaged, or holds what the face detectors do not
 */
export function parseTflite(bytes: Uint8Array, name = 'model'): TfliteGraph {
  try {
    return parse(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new FerError(
      `${name}: no TFLite model that can be run here (${error.message}); expected BlazeFace's, unchanged`,
      { cause: error },
    );
  }
}

function parse(bytes: Uint8Array): TfliteGraph {
  const model = FlatTable.root(bytes, 'TFL3');
  const codes = model.tables(1).map((code) => Math.max(code.uint8(0), code.int32(3)));
  const buffers = model.tables(4).map((buffer) => buffer.bytes(0));
  const [graph] = model.tables(2);
  if (!graph) throw new RangeError('it holds no graph');
  const tensors: TfliteTensor[] = graph.tables(0).map((table) => tensorOf(table, buffers));
  const operators: TfliteOperator[] = [];
  for (const table of graph.tables(3)) {
    const code = at(codes, table.uint32(0), 'kind of operator');
    const inputs = table.int32s(1);
    const outputs = table.int32s(2);
    for (const index of [...inputs, ...outputs]) at(tensors, index, 'tensor');
    if (outputs.length !== 1) throw new RangeError(`an operator has ${outputs.length} results`);
    const [output] = outputs;
    if (code === DEQUANTIZE) {
      // Constants were widened when they were read.
      const { data } = at(tensors, inputs[0], 'tensor');
      if (data === undefined) throw new RangeError('values are dequantized while it runs');
      if (data.length !== sizeOf(tensors[output].shape)) throw new RangeError('a constant changes its size');
      tensors[output] = { ...tensors[output], data };
      continue;
    }
    if (!Object.hasOwn(OPERATORS, code)) throw new RangeError(`operator ${code} is not supported`);
    operators.push({ ...OPERATORS[code](table.table(4)), inputs, output });
  }
  const inputs = graph.int32s(1);
  const outputs = graph.int32s(2);
  for (const index of [...inputs, ...outputs]) at(tensors, index, 'tensor');
  return { tensors, operators, inputs, outputs };
}

function tensorOf(table: FlatTable, buffers: readonly Uint8Array[]): TfliteTensor {
  const shape = table.int32s(0);
  const name = table.text(3);
  const size = sizeOf(shape);
  const type = table.uint8(1);
  const index = table.uint32(2);
  const bytes = at(buffers, index, 'buffer');
  if (type !== FLOAT32 && type !== FLOAT16 && type !== INT32)
    throw new RangeError(`values of type ${type} are not supported`);
  if (table.has(6)) throw new RangeError('sparse tensors are not supported');
  // Buffer 0 is empty: the tensor is computed.
  if (bytes.length === 0) return { name, shape };
  const width = type === FLOAT16 ? 2 : 4;
  if (bytes.length !== size * width) {
    throw new RangeError(`a constant of shape ${shape.join('x')} has ${bytes.length} bytes`);
  }
  // A copy starts where typed arrays may.
  const { buffer } = bytes.slice();
  if (type === FLOAT16) return { name, shape, data: decodeHalf(new Uint16Array(buffer)) };
  return { name, shape, data: type === INT32 ? new Int32Array(buffer) : new Float32Array(buffer) };
}

export function sizeOf(shape: readonly number[]): number {
  let size = 1;
  for (const side of shape) {
    size *= side;
    if (side < 1 || size > MOST_VALUES) throw new RangeError(`a tensor has the shape ${shape.join('x')}`);
  }
  return size;
}

function at<T>(list: readonly T[], index: number, what: string): T {
  if (index in list) return list[index];
  throw new RangeError(`there is no ${what} ${index}`);
}

function windowOf(options: FlatTable | undefined): Window {
  const [padding, strideW, strideH] = [options?.uint8(0), options?.int32(1) ?? 0, options?.int32(2) ?? 0];
  if (strideW < 1 || strideH < 1) throw new RangeError(`a stride is ${strideH}x${strideW}`);
  return { padding: padding === 1 ? 'valid' : 'same', strideW, strideH };
}

/** @param dilations the fields that must not spread the kernel */
function activationOf(options: FlatTable | undefined, field: number, dilations: readonly number[]) {
  if (dilations.some((dilation) => options?.int32(dilation, 1) !== 1))
    throw new RangeError('dilated kernels are not supported');
  return { relu: hasRelu(options?.uint8(field)) };
}

function hasRelu(activation = 0): boolean {
  if (activation > 1) throw new RangeError(`activation ${activation} is not supported`);
  return activation === 1;
}
