import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import {
  decodeSafetensors,
  encodeSafetensors,
  readSafetensors,
  type StoredTensor,
  type TensorData,
  withSafetensors,
  writeSafetensors,
} from './safetensors.ts';
import { PIECE } from './safetensorsFormat.ts';

const EXAMPLE: Record<string, StoredTensor> = {
  flags: { dtype: 'U8', shape: [3], data: new Uint8Array([1, 2, 3]) },
  'conv1a.weight': { dtype: 'F32', shape: [2, 1, 2], data: new Float32Array([0.1, -2, 3e38, Number.NaN]) },
  half: { dtype: 'F16', shape: [3], data: new Float32Array([1.5, -0.25, 65504]) },
  step: { dtype: 'I64', shape: [], data: new BigInt64Array([-5n]) },
  wide: { dtype: 'F64', shape: [1, 2], data: new Float64Array([Math.PI, -0]) },
  count: { dtype: 'I32', shape: [2], data: new Int32Array([-1, 7]) },
  none: { dtype: 'F32', shape: [0, 4], data: new Float32Array(0) },
};

/** All of a tensor, and how many values each of its pieces had. */
function joined(pieces: Iterable<TensorData>): { values: (number | bigint)[]; lengths: number[] } {
  const copies: (number | bigint)[][] = [];
  for (const piece of pieces) copies.push([...piece]);
  return { values: copies.flat(), lengths: copies.map(({ length }) => length) };
}

function file(header: string | object, data = 0, length?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const start = Buffer.alloc(8);
  start.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([start, json, Buffer.alloc(data)]);
}
const f32 = (begin: unknown, end: unknown, shape: unknown = [1]) => ({
  dtype: 'F32',
  shape,
  data_offsets: [begin, end],
});

describe('round trip', () => {
  test('through memory', () => {
    const bytes = Buffer.concat(encodeSafetensors(EXAMPLE, { network: 'vgg', note: 'é"\\' }));
    const { tensors, metadata } = decodeSafetensors(bytes, 'a');
    expect(tensors).toEqual(EXAMPLE);
    expect(metadata).toEqual({ network: 'vgg', note: 'é"\\' });
  });

  test('the data starts on a multiple of eight and every tensor on one of its element size', () => {
    const chunks = encodeSafetensors(EXAMPLE);
    expect(chunks[0].length % 8).toBe(0);
    const header = JSON.parse(Buffer.from(chunks[0].subarray(8)).toString()) as Record<
      string,
      StoredTensor & { data_offsets: number[] }
    >;
    for (const { dtype, data_offsets } of Object.values(header)) {
      const bytes = { F64: 8, I64: 8, F32: 4, I32: 4, F16: 2, U8: 1 }[dtype as string] as number;
      expect(data_offsets[0] % bytes).toBe(0);
    }
  });

  test('encoding does not copy, decoding aligned bytes does not either', () => {
    const data = new Float32Array(new SharedArrayBuffer(16), 4, 2);
    const chunks = encodeSafetensors({ a: { dtype: 'F32', shape: [2], data } });
    expect(chunks[1].buffer).toBe(data.buffer);
    const bytes = new Uint8Array(Buffer.concat(chunks));
    expect(decodeSafetensors(bytes, 'a').tensors.a.data.buffer).toBe(bytes.buffer);
  });

  test('every misalignment of the bytes reads the same', () => {
    const bytes = Buffer.concat(encodeSafetensors(EXAMPLE));
    for (let shift = 0; shift < 8; shift++) {
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      expect(decodeSafetensors(moved, 'a').tensors).toEqual(EXAMPLE);
    }
  });

  test('through a file', () => {
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-st-'));
    const path = join(folder, 'a.safetensors');
    writeSafetensors(path, EXAMPLE);
    expect(readSafetensors(path)).toEqual({ tensors: EXAMPLE, metadata: {} });
    expect(() => readSafetensors(join(folder, 'b'))).toThrow(/cannot read .*b: there is no such file/);
    fs.rmSync(folder, { recursive: true });
  });

  test.each([1, 2, 3, 5, 7])('through a file whose writer left out the padding, %i bytes off', (off) => {
    // Some programs do: what is read from a file is a Buffer, whose slices are views.
    const chunks = encodeSafetensors(EXAMPLE);
    const header = Buffer.from(Buffer.from(chunks[0]).subarray(8).toString().trimEnd());
    const padding = Buffer.alloc((8 + off - (header.length % 8)) % 8, ' ');
    const start = Buffer.alloc(8);
    start.writeBigUInt64LE(BigInt(header.length + padding.length));
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-unpadded-'));
    const path = join(folder, 'a.safetensors');
    fs.writeFileSync(path, Buffer.concat([start, header, padding, ...chunks.slice(1)]));
    try {
      expect(readSafetensors(path).tensors).toEqual(EXAMPLE);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test.each(['F16', 'F32', 'F64'] as const)('a piece at a time: %s', (dtype) => {
    const numbers = Array.from({ length: 2 * PIECE + 3 }, (_, i) => (i % 2000) / 4);
    const data = dtype === 'F64' ? new Float64Array(numbers) : new Float32Array(numbers);
    const folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-pieces-'));
    const path = join(folder, 'a.safetensors');
    writeSafetensors(path, { ...EXAMPLE, data: { dtype, shape: [data.length], data } }, { a: 'b' });
    try {
      withSafetensors(path, (reader) => {
        const { lengths, values } = joined(reader.pieces('data'));
        expect(lengths).toEqual([PIECE, PIECE, 3]);
        expect(values).toEqual(numbers);
        for (const [name, tensor] of Object.entries(EXAMPLE)) {
          expect(joined(reader.pieces(name)).values).toEqual([...tensor.data]);
        }
        expect(reader.tensors.step).toEqual({ dtype: 'I64', shape: [] });
        expect(reader.metadata).toEqual({ a: 'b' });
        expect(() => [...reader.pieces('nobody')]).toThrow(RangeError);
      });
      fs.truncateSync(path, 1000);
      expect(() => withSafetensors(path, () => 0)).toThrow(/a\.safetensors is not a usable safetensors file/);
    } finally {
      fs.rmSync(folder, { recursive: true });
    }
  });

  test('a tensor called __proto__ stays a tensor', () => {
    const { tensors } = decodeSafetensors(
      file('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1),
      'a',
    );
    expect(Object.keys(tensors)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).dtype).toBeUndefined();
  });
});

test('a file laid out by hand from the description of the format', () => {
  const bytes = file(
    '{"b":{"dtype":"I16","shape":[2],"data_offsets":[4,8]},"a":{"data_offsets":[0,4],"shape":[],"dtype":"F32"}}  ',
    8,
  );
  bytes.set([0, 0, 0x80, 0x3f, 0xff, 0xff, 2, 0], bytes.length - 8);
  const { tensors } = decodeSafetensors(bytes, 'a');
  expect(tensors.a.data).toEqual(new Float32Array([1]));
  expect(tensors.b.data).toEqual(new Int16Array([-1, 2]));
});

test('an array that does not fit its shape or dtype is not written', () => {
  expect(() => encodeSafetensors({ a: { dtype: 'F32', shape: [3], data: new Float32Array(2) } })).toThrow(
    /Float32Array\(2\)/,
  );
  expect(() => encodeSafetensors({ a: { dtype: 'F64', shape: [2], data: new Float32Array(2) } })).toThrow(
    /F64/,
  );
});

describe('hostile files', () => {
  const MAX = Number.MAX_SAFE_INTEGER;
  test.each<[string, Uint8Array, RegExp]>([
    ['empty', new Uint8Array(0), /it has 0 bytes; expected at least 8/],
    ['header length of 2^64-1', file('{}', 0, 2n ** 64n - 1n), /a header of 18446744073709551615 bytes/],
    ['header over the limit', file('{}', 0, 100_000_001n), /100000000 at most/],
    ['header longer than the file', file('{}', 0, 50n), /a header of 50 bytes in a file of 10/],
    ['not JSON', file('hello'), /header cannot be read/],
    ['not UTF-8', file('{}').fill(0xff, 8), /header cannot be read/],
    ['unclosed string', file('{"a'), /a string is not closed/],
    ['a list', file('[]'), /its header is \[\]/],
    ['deep JSON', file('{"a":'.repeat(100_000)), /nested deeper than 3/],
    ['deep lists', file('['.repeat(10_000_000)), /nested deeper than 3/],
    ['a key twice', file('{"a":1,"\\u0061":1}'), /the key "a" appears twice/],
    ['dtype twice', file('{"a":{"dtype":"F32","dtype":"F64"}}'), /"dtype" appears twice/],
    ['metadata of numbers', file({ __metadata__: { a: 1 } }), /__metadata__ "a" is 1; expected a string/],
    ['metadata a list', file({ __metadata__: [] }), /__metadata__ is \[\]/],
    ['a tensor that is a number', file({ a: 3 }), /tensor "a" is 3/],
    [
      'unknown dtype',
      file({ a: { dtype: 'F8', shape: [], data_offsets: [0, 1] } }, 1),
      /dtype "F8"; expected one of F64/,
    ],
    [
      'dtype of the prototype',
      file({ a: { dtype: 'toString', shape: [], data_offsets: [0, 1] } }, 1),
      /dtype "toString"/,
    ],
    ['no offsets', file({ a: { dtype: 'F32', shape: [1] } }, 4), /data_offsets missing/],
    [
      'three offsets',
      file({ a: { dtype: 'F32', shape: [1], data_offsets: [0, 4, 8] } }, 4),
      /data_offsets \[0,4,8\]/,
    ],
    ['offsets swapped', file({ a: f32(4, 0) }, 4), /data_offsets \[4,0\]/],
    ['negative offset', file({ a: f32(-4, 0) }, 4), /data_offsets \[-4,0\]/],
    ['fractional offset', file({ a: f32(0, 4.5) }, 8), /data_offsets/],
    [
      'unsafe offset',
      file(`{"a":{"dtype":"U8","shape":[1],"data_offsets":[${MAX + 1},${MAX + 2}]}}`),
      /data_offsets/,
    ],
    ['offset as text', file({ a: f32('0', '4') }, 4), /data_offsets/],
    ['beyond the end', file({ a: f32(0, 4) }, 3), /ends at byte 4 of the data; expected 3 at most/],
    ['negative side', file({ a: f32(0, 4, [-1]) }, 4), /shape \[-1\]/],
    ['unsafe side', file({ a: f32(0, 4, [MAX + 1]) }, 4), /shape/],
    ['product that overflows', file({ a: f32(0, 4, [MAX, MAX]) }, 4), /a size a file can have/],
    [
      'shape against bytes',
      file({ a: f32(0, 4, [2]) }, 4),
      /tensor "a" has 4 bytes; expected 8 for F32 of shape \[2\]/,
    ],
    [
      'overlap',
      file({ a: f32(0, 8, [2]), b: f32(4, 8) }, 8),
      /"b" starts at byte 4, inside another; expected 8/,
    ],
    ['the same bytes twice', file({ a: f32(0, 4), b: f32(0, 4) }, 4), /inside another/],
    ['a hole', file({ a: f32(0, 4), b: f32(8, 12) }, 12), /"b" starts at byte 8, leaving a hole; expected 4/],
    ['a hole at the start', file({ a: f32(4, 8) }, 8), /leaving a hole; expected 0/],
    ['a name of a megabyte', file({ ['x'.repeat(1e6)]: 3 }), /tensor "xxx/],
    ['a shape of 100,000 sides', file({ a: f32(0, 4, Array(1e5).fill(2)) }, 4), /has shape \[2,2/],
    ['bytes left over', file({ a: f32(0, 4) }, 5), /5 bytes of data; expected the 4/],
  ])('%s', (_name, bytes, message) => {
    let error: unknown;
    try {
      decodeSafetensors(bytes, 'weights.safetensors');
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(FerError);
    expect((error as Error).message).toMatch(message);
    expect((error as Error).message).toMatch(/^weights\.safetensors /);
    expect((error as Error).message.length).toBeLessThan(400);
  });

  test('every truncation of a good file', () => {
    const bytes = Buffer.concat(encodeSafetensors(EXAMPLE));
    for (let n = 0; n < bytes.length; n++) {
      expect(() => decodeSafetensors(bytes.subarray(0, n), 'a'), `${n} bytes`).toThrow(FerError);
    }
  });
});
