/**
 * ONNX models as bytes. Numbers of fields and types are those of `onnx.proto3`
 * (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3); only the messages that a network needs are here.
 */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';

/** Element types: `TensorProto.DataType`. */
export const ELEMENT = { float: 1, uint8: 2, int64: 7, float16: 10 } as const;
export type Element = keyof typeof ELEMENT;

/** A side is a number, or a name where it is open: the batch. */
export type Side = number | string;

export interface OnnxValue {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly Side[];
  readonly about?: string;
  /** A standard meaning, such as `IMAGE`. */
  readonly denotation?: string;
}

export interface OnnxTensor {
  readonly name: string;
  readonly element: Element;
  readonly shape: readonly number[];
  /** Little-endian. */
  readonly bytes: Uint8Array;
}

/** A whole number, text, several whole numbers, or a float: a number alone would not tell. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly output: string;
  readonly attributes?: Readonly<Record<string, OnnxAttribute>>;
}

export interface OnnxModel {
  readonly name: string;
  readonly about: string;
  readonly version: string;
  readonly irVersion: number;
  /** Version of the operators of the default domain. */
  readonly opset: number;
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxTensor[];
  readonly nodes: readonly OnnxNode[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** `AttributeProto.AttributeType`. */
const ATTRIBUTE = { float: 1, int: 2, string: 3, ints: 7 } as const;

/** A `ModelProto`. */
export function encodeModel(model: OnnxModel): Uint8Array<ArrayBuffer> {
  const w = new BinaryWriter();
  int(w, 1, model.irVersion);
  text(w, 2, 'fer');
  text(w, 3, model.version);
  text(w, 6, model.about);
  message(w, 7, () => graph(w, model));
  message(w, 8, () => {
    text(w, 1, '');
    int(w, 2, model.opset);
  });
  for (const [key, value] of Object.entries(model.metadata)) {
    message(w, 14, () => {
      text(w, 1, key);
      text(w, 2, value);
    });
  }
  return w.finish();
}

/** A `GraphProto`. */
function graph(w: BinaryWriter, { name, nodes, initializers, inputs, outputs }: OnnxModel): void {
  for (const each of nodes) message(w, 1, () => node(w, each));
  text(w, 2, name);
  for (const each of initializers) message(w, 5, () => tensor(w, each));
  for (const each of inputs) message(w, 11, () => value(w, each));
  for (const each of outputs) message(w, 12, () => value(w, each));
}

/** A `NodeProto`, named after its only output. */
function node(w: BinaryWriter, { op, inputs, output, attributes = {} }: OnnxNode): void {
  for (const each of inputs) text(w, 1, each);
  text(w, 2, output);
  text(w, 3, output);
  text(w, 4, op);
  for (const [name, of] of Object.entries(attributes)) {
    message(w, 5, () => {
      text(w, 1, name);
      attribute(w, of);
    });
  }
}

/** The value of an `AttributeProto`, and which kind it is. */
function attribute(w: BinaryWriter, of: OnnxAttribute): void {
  if (typeof of === 'number') {
    int(w, 3, of);
    int(w, 20, ATTRIBUTE.int);
  } else if (typeof of === 'string') {
    text(w, 4, of);
    int(w, 20, ATTRIBUTE.string);
  } else if ('float' in of) {
    w.tag(2, WireType.Bit32).float(of.float);
    int(w, 20, ATTRIBUTE.float);
  } else {
    for (const each of of) int(w, 8, each);
    int(w, 20, ATTRIBUTE.ints);
  }
}

/** A `TensorProto`. */
function tensor(w: BinaryWriter, { name, element, shape, bytes }: OnnxTensor): void {
  for (const side of shape) int(w, 1, side);
  int(w, 2, ELEMENT[element]);
  text(w, 8, name);
  w.tag(9, WireType.LengthDelimited).bytes(bytes);
}

/** A `ValueInfoProto` with its `TypeProto`. */
function value(w: BinaryWriter, { name, element, shape, about, denotation }: OnnxValue): void {
  text(w, 1, name);
  message(w, 2, () => {
    message(w, 1, () => {
      int(w, 1, ELEMENT[element]);
      message(w, 2, () => {
        for (const side of shape) {
          message(w, 1, () => (typeof side === 'number' ? int(w, 1, side) : text(w, 2, side)));
        }
      });
    });
    if (denotation !== undefined) text(w, 6, denotation);
  });
  if (about !== undefined) text(w, 3, about);
}

function message(w: BinaryWriter, field: number, write: () => void): void {
  w.tag(field, WireType.LengthDelimited).fork();
  write();
  w.join();
}

function text(w: BinaryWriter, field: number, of: string): void {
  w.tag(field, WireType.LengthDelimited).string(of);
}

/** A 64-bit integer, or one of a kind that is written the same way. */
function int(w: BinaryWriter, field: number, of: number): void {
  w.tag(field, WireType.Varint).int64(of);
}
