// A model's weights as float16, in pieces of at most 15 MiB: `cat model.f16.safetensors.* > model.safetensors` puts
// them together, and every verb reads that.
//
//     node lab/gpu/half.mjs best.safetensors FOLDER
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeSafetensors, readSafetensors } from '../../dist/io/safetensors.js';

const PIECE = 15 * 2 ** 20;
const [file, folder] = process.argv.slice(2);
const { tensors, metadata } = readSafetensors(file);
const halves = Object.fromEntries(
  Object.entries(tensors).map(([name, one]) => [name, one.dtype === 'F32' ? { ...one, dtype: 'F16' } : one]),
);
const bytes = Buffer.concat(encodeSafetensors(halves, metadata));
for (let at = 0, piece = 0; at < bytes.length; at += PIECE, piece++) {
  const name = join(folder, `model.f16.safetensors.${String(piece).padStart(3, '0')}`);
  writeFileSync(name, bytes.subarray(at, at + PIECE));
  console.log(name);
}
