import { describe, expect, it } from 'vitest';
import { randomFaces } from '../../test/models.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { call, STEP } from '../engine/kernels.ts';
import { tensor } from '../engine/tensor.ts';
import { addCrops, averageCrops, type Crops, coverage, cutCrops } from './crops.ts';

const TEN: Crops = { size: 48, side: 40, count: 10 };
const ONE: Crops = { size: 48, side: 40, count: 1 };

function cut(face: Float64Array, crops: Crops): Float64Array {
  const out = new Float64Array(crops.count * crops.side ** 2);
  cutCrops(face, crops, out);
  return out;
}

const dot = (a: Float64Array, b: Float64Array): number => a.reduce((sum, value, i) => sum + value * b[i], 0);

describe.each([
  ['ten crops', TEN],
  ['one crop', ONE],
  ['crops as large as the face', { size: 6, side: 6, count: 10 } as Crops],
  ['an odd margin', { size: 11, side: 8, count: 10 } as Crops],
])('%s', (_, crops) => {
  it('are those that prediction cuts', async () => {
    const { size, side, count } = crops;
    const bytes = Uint8Array.from({ length: size * size }, (_, i) => (i * 37) % 256);
    const images = tensor('images', [1, size, size], 'u8', 'persistent');
    const order = tensor('order', [1], 'i32', 'persistent');
    const step = tensor('step', [STEP.length], 'i32', 'persistent');
    const out = tensor('out', [count, side, side, 1], 'f32', 'persistent');
    const backend = new ReferenceBackend();
    backend.write(images, bytes);
    const operands = { images, order, out, step, size, crops: count, draws: [] } as const;
    backend.run(backend.compile([call('augment', operands)]));
    expect(
      cut(
        Float64Array.from(bytes, (v) => v / 255),
        crops,
      ),
    ).toEqual(await backend.read(out));
  });

  it('are added back by the transpose of cutting', () => {
    const [face] = randomFaces(1, crops.size);
    const parts = randomFaces(crops.count, crops.side, 5).flatMap((part) => [...part]);
    const added = new Float64Array(crops.size ** 2);
    addCrops(parts, crops, added);
    expect(dot(added, face)).toBeCloseTo(dot(Float64Array.from(parts), cut(face, crops)), 8);
  });

  it('give the face back where it is seen, when they are averaged', () => {
    const [face] = randomFaces(1, crops.size);
    const seen = coverage(crops);
    const back = averageCrops(cut(face, crops), crops);
    for (let p = 0; p < face.length; p++) expect(back[p]).toBeCloseTo(seen[p] > 0 ? face[p] : 0, 12);
  });
});

it('see the middle ten times and a corner twice', () => {
  const seen = coverage(TEN);
  expect([seen[0], seen[47], seen[24], seen[24 * 48 + 24]]).toEqual([2, 2, 4, 10]);
  expect(seen.reduce((a, b) => a + b)).toBe(10 * 40 * 40);
  expect(coverage(ONE).filter((times) => times === 0)).toHaveLength(48 * 48 - 40 * 40);
});
