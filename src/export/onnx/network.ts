import { fixedCrop } from '../../engine/augment.ts';
import type { Graph } from '../../engine/graph.ts';
import { BATCH_NORM, type OpAttributes, type OpName } from '../../engine/ops.ts';
import { encodeHalf } from '../../io/half.ts';
import type { StoredTensor } from '../../io/safetensors.ts';
import { buildModel, type ModelDescription } from '../../nn/model.ts';
import type { OnnxInput } from './inputs.ts';
import { ELEMENT, type OnnxAttribute, type OnnxModel, type OnnxNode, type OnnxTensor } from './protobuf.ts';

export interface OnnxOptions {
  readonly input: OnnxInput;
  /** Of each face, with `input` faces. */
  readonly crops: 1 | 10;
  /** Of the program. */
  readonly version: string;
}

/** ONNX 1.12's operators, which runtimes from the middle of 2022 on know, and the format of that time. */
const OPSET = 17;
const IR_VERSION = 8;

/** Collects nodes and constants. */
class Builder {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: OnnxTensor[] = [];

  add(
    op: string,
    inputs: readonly string[],
    output: string,
    attributes?: Record<string, OnnxAttribute>,
  ): string {
    this.nodes.push({ op, inputs, output, attributes });
    return output;
  }

  ints(name: string, values: readonly number[]): string {
    const bytes = bytesOf(BigInt64Array.from(values, BigInt));
    this.initializers.push({ name, element: 'int64', shape: [values.length], bytes });
    return name;
  }

  float(name: string, value: number): string {
    this.initializers.push({ name, element: 'float', shape: [], bytes: bytesOf(Float32Array.of(value)) });
    return name;
  }

  /** A parameter; one in half precision is widened where it is used, so that all arithmetic is single. */
  parameter(name: string, { dtype, shape, data }: StoredTensor): void {
    if (dtype === 'F16') {
      const half = `${name}.half`;
      const bytes = bytesOf(encodeHalf(data as Float32Array));
      this.initializers.push({ name: half, element: 'float16', shape, bytes });
      this.add('Cast', [half], name, { to: ELEMENT.float });
    } else {
      const bytes = bytesOf(data as Float32Array);
      this.initializers.push({ name, element: 'float', shape, bytes });
    }
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

/** One row an op of ours: the ONNX operators it becomes. Images are NCHW there. */
const OPERATORS: {
  readonly [Name in OpName]: (
    builder: Builder,
    inputs: readonly string[],
    output: string,
    attributes: OpAttributes[Name],
  ) => void;
} = {
  input: () => {},
  conv3x3: (b, [x], y, { name }) =>
    b.add('Conv', [x, `${name}.weight`, `${name}.bias`], y, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
  batchNorm(b, [x], y, { name, relu }) {
    const parts = ['weight', 'bias', 'running_mean', 'running_var'].map((part) => `${name}.${part}`);
    const normed = relu ? `${y}.normed` : y;
    b.add('BatchNormalization', [x, ...parts], normed, { epsilon: { float: BATCH_NORM.eps } });
    if (relu) b.add('Relu', [normed], y);
  },
  maxPool2: (b, [x], y) => b.add('MaxPool', [x], y, { kernel_shape: [2, 2], strides: [2, 2] }),
  flatten: (b, [x], y) => b.add('Flatten', [x], y, { axis: 1 }),
  linear: (b, [x], y, { name }) => b.add('Gemm', [x, `${name}.weight`, `${name}.bias`], y, { transB: 1 }),
  relu: (b, [x], y) => b.add('Relu', [x], y),
  // Of training alone.
  dropout: (b, [x], y) => b.add('Identity', [x], y),
  add: (b, inputs, y) => b.add('Add', inputs, y),
};

/**
 * The network as an ONNX model. Outputs: `logits` [n, L], averaged over the crops of a face, and `scores`
 * [n, L], their softmax. Input: `faces` [n, size, size] as bytes, with all that is done to them in the
 * graph; or `crops` [n, 1, side, side].
 *
 * @param tensors as `exportedTensors` returns them
 */
export function onnxModel(
  description: ModelDescription,
  tensors: Readonly<Record<string, StoredTensor>>,
  { input, crops, version }: OnnxOptions,
): OnnxModel {
  const { imageSize, inputSize, labels, network } = description;
  const { graph } = buildModel(description);
  const builder = new Builder();
  for (const [name, tensor] of Object.entries(tensors)) builder.parameter(name, tensor);
  const x = input === 'faces' ? cutCrops(builder, description, crops) : 'crops';
  const last = addNetwork(builder, graph, x);
  const logits =
    input === 'faces' && crops > 1
      ? averageCrops(builder, last, crops, labels.length)
      : builder.add('Identity', [last], 'logits');
  builder.add('Softmax', [logits], 'scores', { axis: 1 });
  const L = labels.length;
  return {
    name: `fer_${network}`,
    about: `Apparent facial expression: ${labels.join(', ')}. An expression is not a feeling.`,
    version,
    irVersion: IR_VERSION,
    opset: OPSET,
    inputs: [
      input === 'faces'
        ? {
            name: 'faces',
            element: 'uint8',
            shape: ['n', imageSize, imageSize],
            about: 'grey pictures of faces, 0 black to 255 white',
          }
        : {
            name: 'crops',
            element: 'float',
            shape: ['n', 1, inputSize, inputSize],
            about: 'grey crops of faces, 0 black to 1 white',
            denotation: 'IMAGE',
          },
    ],
    outputs: [
      { name: 'logits', element: 'float', shape: ['n', L], about: 'before softmax' },
      { name: 'scores', element: 'float', shape: ['n', L], about: 'softmax of the logits' },
    ],
    initializers: builder.initializers,
    nodes: builder.nodes,
    // https://onnx.ai/onnx/repo-docs/MetadataProps.html, and our own.
    metadata: {
      'Image.BitmapPixelFormat': 'Gray8',
      'Image.NominalPixelRange': input === 'faces' ? 'NominalRange_0_255' : 'Normalized_0_1',
      labels: JSON.stringify(labels),
      model: JSON.stringify(description),
      crops: String(input === 'faces' ? crops : 0),
    },
  };
}

/** From `faces` to the crops [n * crops, 1, side, side], those of a face next to each other. */
function cutCrops(b: Builder, { imageSize, inputSize }: ModelDescription, crops: 1 | 10): string {
  b.add('Cast', ['faces'], 'faces.float', { to: ELEMENT.float });
  b.add('Div', ['faces.float', b.float('white', 255)], 'faces.scaled');
  b.ints('axes.rows_columns', [1, 2]);
  b.ints('steps.forwards', [1, 1]);
  if (crops > 1) b.ints('steps.mirrored', [1, -1]);
  b.ints('axis.crop', [1]);
  const cut = Array.from({ length: crops }, (_, crop) => {
    const { left, top, mirror } = fixedCrop(imageSize, inputSize, crops, crop);
    // Backwards the end is the place before the last one taken; before place 0 it is beyond the other end.
    const before = left === 0 ? -imageSize - 1 : left - 1;
    const starts = b.ints(`crop${crop}.starts`, [top, mirror ? left + inputSize - 1 : left]);
    const ends = b.ints(`crop${crop}.ends`, [top + inputSize, mirror ? before : left + inputSize]);
    const steps = mirror ? 'steps.mirrored' : 'steps.forwards';
    b.add('Slice', ['faces.scaled', starts, ends, 'axes.rows_columns', steps], `crop${crop}.pixels`);
    return b.add('Unsqueeze', [`crop${crop}.pixels`, 'axis.crop'], `crop${crop}`);
  });
  if (crops === 1) return cut[0];
  b.add('Concat', cut, 'crops.of_face', { axis: 1 });
  b.ints('shape.crops', [-1, 1, inputSize, inputSize]);
  return b.add('Reshape', ['crops.of_face', 'shape.crops'], 'crops.all');
}

/** The network on `x`; returns the name of its last value. */
function addNetwork(b: Builder, { nodes }: Graph, x: string): string {
  const names: string[] = [];
  for (const { index, op, attributes, inputs } of nodes) {
    const output = op === 'input' ? x : `value${index}`;
    const operator = OPERATORS[op] as (
      builder: Builder,
      inputs: readonly string[],
      output: string,
      attributes: unknown,
    ) => void;
    operator(
      b,
      inputs.map((each) => names[each.index]),
      output,
      attributes,
    );
    names[index] = output;
  }
  return names[nodes.length - 1];
}

function averageCrops(b: Builder, x: string, crops: number, classes: number): string {
  b.ints('shape.faces', [-1, crops, classes]);
  b.add('Reshape', [x, 'shape.faces'], 'logits.of_crops');
  return b.add('ReduceMean', ['logits.of_crops'], 'logits', { axes: [1], keepdims: 0 });
}
