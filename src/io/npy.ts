/** NumPy's magic string and version 1.0. */
const MAGIC = Buffer.from('\x93NUMPY\x01\x00', 'latin1');
/** Where the header's length stands: 16 bits, little-endian. */
const LENGTH_BYTES = 2;
/** The values start at a multiple of so many bytes, so that they can be mapped into memory. */
const ALIGN = 64;

/**
 * A file for `numpy.load`: format 1.0, little-endian float32, row-major.
 * Source: numpy.lib.format (NEP 1).
 *
 * @param values as many as the product of `shape`
 * @throws RangeError if they are not
 */
export function encodeNpy(shape: readonly number[], values: Float32Array): Buffer {
  const count = shape.reduce((product, side) => product * side, 1);
  if (values.length !== count) throw new RangeError(`${values.length} values for the shape [${shape}]`);
  // A tuple of one needs its comma.
  const tuple = shape.length === 1 ? `${shape[0]},` : shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const before = MAGIC.length + LENGTH_BYTES;
  const start = Math.ceil((before + text.length + 1) / ALIGN) * ALIGN;
  const file = Buffer.alloc(start + 4 * count, ' ');
  MAGIC.copy(file);
  file.writeUInt16LE(start - before, MAGIC.length);
  file.write(text, before, 'latin1');
  file.write('\n', start - 1, 'latin1');
  values.forEach((value, i) => {
    file.writeFloatLE(value, start + 4 * i);
  });
  return file;
}
