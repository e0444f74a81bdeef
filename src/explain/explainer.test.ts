import { describe, expect, it } from 'vitest';
import { expectSame } from '../../test/compare.ts';
import { madeUpModel, smallNetwork } from '../../test/models.ts';
import { defaultsOf } from '../config/option.ts';
import { hasEffect, METHOD_NEEDS, methodOptions } from '../config.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import { WasmBackend } from '../engine/backend/wasm.ts';
import { UsageError } from '../errors.ts';
import { Explainer, type Explanation, shownMap, targetIndex } from './explainer.ts';
import type { MethodSettings } from './method.ts';
import { METHOD_NAMES, METHODS } from './methods.ts';
import { Probe } from './probe.ts';

const SIZE = 12;
const AREA = SIZE * SIZE;
const backend = new ReferenceBackend();
const model = madeUpModel(backend, smallNetwork(8));
const faces = Uint8Array.from({ length: 3 * AREA }, (_, i) => (i * i * 31 + i * 7) % 256);
const FEW = { samples: 3, steps: 4, patch: 4, stride: 4 };
const explainer = new Explainer(backend, model, { methods: METHOD_NAMES, crops: 10, batch: 2, ...FEW });

describe.each(METHOD_NAMES)('%s', (name) => {
  it('looks at the settings that fer explain takes for it, and at no others', async () => {
    const seen = new Set<string>();
    const settings = new Proxy({ ...defaultsOf(methodOptions), ...FEW } as MethodSettings, {
      get(of, key) {
        seen.add(String(key));
        return of[key as keyof MethodSettings];
      },
    });
    const probe = new Probe(backend, model, { crops: 1, batch: 2 });
    const pixels = Float64Array.from(faces.subarray(0, AREA), (value) => value / 255);
    await METHODS[name].explain(probe, [{ pixels, target: 0, score: 0 }], settings);
    const keys = Object.keys(methodOptions).filter((key) => hasEffect(METHOD_NEEDS, { method: [name] }, key));
    expect([...seen].sort()).toEqual(keys.sort());
  });
});

describe('an explanation', () => {
  it('has label, scores and a map for each method, in the order asked for', async () => {
    const explanations = await explainer.explain(faces);
    const probe = new Probe(backend, model, { crops: 10, batch: 3 });
    const draw = (i: number) => Float64Array.from(faces.subarray(i * AREA, (i + 1) * AREA), (v) => v / 255);
    const logits = await probe.scores({ count: 3, draw });
    expect(explanations).toHaveLength(3);
    explanations.forEach(({ label, scores, target, logit, maps }, i) => {
      const row = [...logits.subarray(3 * i, 3 * i + 3)];
      expect(logit).toBeCloseTo(Math.max(...row), 12);
      expect(label).toBe(model.description.labels[row.indexOf(Math.max(...row))]);
      expect(target).toBe(label);
      expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 12);
      expect(scores[label]).toBe(Math.max(...Object.values(scores)));
      expect(maps.map(({ method }) => method)).toEqual(METHOD_NAMES);
      for (const { values } of maps) {
        expect(values).toBeInstanceOf(Float32Array);
        expect(values).toHaveLength(AREA);
        expect(new Set(values).size).toBeGreaterThan(4);
      }
      expect(Object.keys(maps[METHOD_NAMES.indexOf('integrated')].figures)).toContain('gap');
    });
  });

  it('is of the label asked for, by name or alias, for each face', async () => {
    const targets = ['happiness', undefined, 'neutral'];
    const asked = await explainer.explain(faces, { targets });
    const winning = await explainer.explain(faces);
    expect(asked.map(({ target }) => target)).toEqual(['happy', winning[1].label, 'neutral']);
    expect(asked.map(({ label }) => label)).toEqual(winning.map(({ label }) => label));
    const other = winning.findIndex(({ label }, i) => label !== asked[i].target);
    expect(other).toBeGreaterThanOrEqual(0);
    expect(asked[other].maps[0].values).not.toEqual(winning[other].maps[0].values);
    asked[1].maps.forEach(({ values }, m) => {
      expectSame(values, winning[1].maps[m].values, METHOD_NAMES[m]);
    });
  });

  it('is the same where several are asked for at once', async () => {
    // Its memory is shared by all programs, where that of `reference` is not.
    const shared = await WasmBackend.create({ threads: 1 });
    const methods = ['gradient', 'gradcam'] as const;
    const one = new Explainer(shared, madeUpModel(shared, smallNetwork(8)), { methods, crops: 1, batch: 2 });
    const explain = (i: number): Promise<Explanation[]> =>
      one.explain(faces.subarray(i * AREA, (i + 1) * AREA), { targets: [model.description.labels[i]] });
    const apart = [await explain(0), await explain(1), await explain(2)];
    const together = await Promise.all([0, 1, 2].map(explain));
    await shared.close();
    expect(together).toEqual(apart);
  });

  it.each([
    [{ crops: 5, batch: 2 }, 'crops is 5, expected 1 or 10'],
    [{ crops: 1, batch: 0 }, 'batch is 0, expected a whole number above 0'],
  ])('takes no %o', (options, message) => {
    const make = () => new Explainer(backend, model, { methods: ['gradient'], ...options } as never);
    expect(make).toThrow(new UsageError(message));
  });

  it('tells how far it is', async () => {
    const shares: number[] = [];
    await explainer.explain(faces, { onProgress: (share) => shares.push(share) });
    expect(shares).toEqual(METHOD_NAMES.map((_, i) => (i + 1) / METHOD_NAMES.length));
  });

  it('of nothing is nothing', async () => {
    expect(await explainer.explain(new Uint8Array())).toEqual([]);
  });
});

describe('what does not fit', () => {
  it('a label that the model does not know', async () => {
    await expect(explainer.explain(faces, { targets: ['hapy'] })).rejects.toThrow(
      'target=hapy: the model does not know it. Did you mean target=happy? It knows angry, happy, neutral.',
    );
    expect(() => targetIndex('disgust', ['angry', 'sad'])).toThrow(UsageError);
  });

  it('faces of another size', async () => {
    await expect(explainer.explain(new Uint8Array(48 * 48 + 1))).rejects.toThrow(/no whole number of 12x12/);
  });

  it('a patch larger than the faces', () => {
    const options = { methods: ['occlusion'], crops: 1, batch: 1, patch: 13 } as const;
    expect(() => new Explainer(backend, model, options)).toThrow(UsageError);
  });

  it('a setting that there is not, as a program may misspell it', () => {
    const options = { methods: ['occlusion'], crops: 1, batch: 1, strid: 2 } as const;
    expect(() => new Explainer(backend, model, options)).toThrow(/no setting strid\. Did you mean stride\?/);
  });
});

describe('a map as it is shown', () => {
  const values = Float32Array.of(-4, 1, 0.5, 3, -2);

  it('is the size of what has signs by chance', () => {
    expect([...shownMap({ method: 'gradient', values })]).toEqual(
      [1, 1 / 7, 0, 5 / 7, 3 / 7].map(Math.fround),
    );
  });

  it('is the part that speaks for the label where signs mean something', () => {
    const shown = shownMap({ method: 'occlusion', values });
    expect([...shown]).toEqual([0, 1 / 3, 1 / 6, 1, 0].map(Math.fround));
  });

  it('can be capped, so that one pixel does not darken the rest', () => {
    const many = Float32Array.from({ length: 101 }, (_, i) => (i === 50 ? 1e6 : i));
    const shown = shownMap({ method: 'gradient', values: many }, 0.99);
    expect([shown[50], shown[0], shown[25], shown[100]]).toEqual([1, 0, 0.25, 1]);
  });

  it('is 0 where all is the same', () => {
    for (const method of METHOD_NAMES) {
      expect(METHODS[method].title).not.toBe('');
      expect([...shownMap({ method, values: new Float32Array(4).fill(2) })]).toEqual([0, 0, 0, 0]);
    }
  });
});
