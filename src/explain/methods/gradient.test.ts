import { describe, expect, it } from 'vitest';
import { expectClose, expectSame, largest } from '../../../test/compare.ts';
import { linearNetwork, madeUpModel, randomFaces, smallNetwork } from '../../../test/models.ts';
import { defaultsOf } from '../../config/option.ts';
import { methodOptions } from '../../config.ts';
import { ReferenceBackend } from '../../engine/backend/reference.ts';
import { addCrops } from '../crops.ts';
import type { Subject } from '../method.ts';
import { Probe } from '../probe.ts';
import { gradient } from './gradient.ts';
import { smoothGrad } from './smoothGrad.ts';

const SETTINGS = { ...defaultsOf(methodOptions), samples: 6 };
const backend = new ReferenceBackend();
const faces = randomFaces(3, 12);
const subjects: Subject[] = faces.map((pixels, i) => ({ pixels, target: i, score: 0 }));
const small = new Probe(backend, madeUpModel(backend, smallNetwork(8)), { crops: 10, batch: 4 });

async function valuesOf(found: Promise<{ values: Float64Array }[]>): Promise<Float64Array[]> {
  return (await found).map(({ values }) => values);
}

describe('gradient', () => {
  it('of a linear network is its weights, summed over the crops', async () => {
    const model = madeUpModel(backend, linearNetwork(8));
    const probe = new Probe(backend, model, { crops: 10, batch: 2 });
    const weights = await backend.read(model.parameters.value('out.weight'));
    const maps = await valuesOf(gradient.explain(probe, subjects, SETTINGS));
    expect(maps).toHaveLength(3);
    for (const [label, map] of maps.entries()) {
      const one = Array.from(weights.subarray(label * 64, (label + 1) * 64), (weight) => weight / 10);
      const expected = new Float64Array(144);
      addCrops(Array.from({ length: 10 }, () => one).flat(), probe.crops, expected);
      expectClose(map, expected, { eps: 1e-14 }, `label ${label}`);
    }
  });
});

describe('smoothgrad', () => {
  const plain = () => valuesOf(gradient.explain(small, subjects, SETTINGS));
  const smooth = (changes: Partial<typeof SETTINGS> = {}, of: readonly Subject[] = subjects) =>
    valuesOf(smoothGrad.explain(small, of, { ...SETTINGS, ...changes }));

  it('without noise is the gradient', async () => {
    const expected = await plain();
    for (const [i, map] of (await smooth({ noise: 0 })).entries())
      expectClose(map, expected[i], { eps: 1e-13 }, `face ${i}`);
  });

  it('is another for another seed, and the same for the same', async () => {
    const [first, again, other] = [await smooth(), await smooth(), await smooth({ seed: 1 })];
    first.forEach((map, i) => {
      expectSame(again[i], map, `face ${i}`);
      expect(largest(map.map((value, p) => value - other[i][p]))).toBeGreaterThan(1e-3 * largest(map));
    });
  });

  it('of a face does not depend on the faces beside it', async () => {
    const together = await smooth();
    const [alone] = await smooth({}, [subjects[2]]);
    expectClose(alone, together[2], { eps: 1e-13 }, 'third face');
  });

  it('settles as samples are added', async () => {
    const distance = (a: Float64Array, b: Float64Array): number =>
      Math.sqrt(a.reduce((sum, value, p) => sum + (value - b[p]) ** 2, 0));
    const [[few], [fewOther]] = [await smooth({ samples: 4 }), await smooth({ samples: 4, seed: 9 })];
    const [[many], [manyOther]] = [await smooth({ samples: 64 }), await smooth({ samples: 64, seed: 9 })];
    // Independent errors shrink with the square root: by 4 here.
    expect(distance(many, manyOther)).toBeLessThan(distance(few, fewOther) / 2);
  });

  it('takes noise of the width asked for', async () => {
    // One sample of a face with the range 0.5, on a network whose gradient tells the input: none does, so
    // the pixels are caught on their way to the probe.
    const pixels = faces[0].map((value) => 0.25 + value / 2);
    const range = Math.max(...pixels) - Math.min(...pixels);
    const drawn: number[] = [];
    const spy = {
      gradients: async (of: { count: number; draw(i: number): ArrayLike<number> }) => {
        for (let i = 0; i < of.count; i++) drawn.push(...Array.from(of.draw(i), (v, p) => v - pixels[p]));
      },
    } as unknown as Probe;
    const settings = { ...SETTINGS, samples: 50, noise: 0.2 };
    await smoothGrad.explain(spy, [{ pixels, target: 0, score: 0 }], settings);
    const mean = drawn.reduce((a, b) => a + b) / drawn.length;
    const deviation = Math.sqrt(drawn.reduce((sum, v) => sum + (v - mean) ** 2, 0) / drawn.length);
    expect(drawn).toHaveLength(50 * 144);
    expect(Math.abs(mean)).toBeLessThan(0.05 * range);
    expect(deviation / range).toBeCloseTo(0.2, 2);
  });
});
