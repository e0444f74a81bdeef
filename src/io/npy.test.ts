import { describe, expect, it } from 'vitest';
import { encodeNpy } from './npy.ts';

/** Reads format 1.0 as NumPy's documentation describes it. */
function parse(file: Buffer): { shape: number[]; values: Float32Array; start: number } {
  const bytes = new Uint8Array(file);
  expect([...bytes.subarray(0, 8)]).toEqual([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0]);
  const start = 10 + bytes[8] + 256 * bytes[9];
  const header = new TextDecoder('latin1').decode(bytes.subarray(10, start));
  const found = /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(([\d, ]*)\), \} *\n$/.exec(header);
  if (!found) throw new Error(`header ${JSON.stringify(header)}`);
  const shape = found[1].split(',').filter((side) => side.trim() !== '');
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  const values = Float32Array.from({ length: view.byteLength / 4 }, (_, i) => view.getFloat32(4 * i, true));
  return { shape: shape.map(Number), values, start };
}

describe('npy', () => {
  it.each([[[48, 48]], [[7]], [[2, 3, 4]], [[]], [[0, 5]]])('holds an array of shape [%s]', (shape) => {
    const count = shape.reduce((product, side) => product * side, 1);
    const values = Float32Array.from({ length: count }, (_, i) => Math.sin(i) * 10 ** ((i % 9) - 4));
    const parsed = parse(encodeNpy(shape, values));
    expect(parsed.start % 64).toBe(0);
    expect(parsed.shape).toEqual(shape);
    expect(parsed.values).toEqual(values);
  });

  it('writes a one-tuple as Python does', () => {
    expect(encodeNpy([7], new Float32Array(7)).toString('latin1')).toContain("'shape': (7,), }");
  });

  it('keeps values that are not finite', () => {
    const values = Float32Array.of(Number.NaN, Number.POSITIVE_INFINITY, -0);
    expect(parse(encodeNpy([3], values)).values).toEqual(values);
  });

  it('refuses a shape of another size', () => {
    expect(() => encodeNpy([2, 2], new Float32Array(3))).toThrow('3 values for the shape [2,2]');
  });
});
