import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Candidate, closeBackends, openBackends } from '../../test/backends.ts';
import { expectClose, largest } from '../../test/compare.ts';
import { madeUpModel, randomFaces, smallNetwork } from '../../test/models.ts';
import { ReferenceBackend } from '../engine/backend/reference.ts';
import type { Backend } from '../engine/backend.ts';
import type { LoadedModel } from '../nn/model.ts';
import { vgg } from '../nn/vgg.ts';
import { coverage } from './crops.ts';
import { Probe } from './probe.ts';

const SIZE = 12;
const SIDE = 8;

async function gradientOf(probe: Probe, face: Float64Array, target: number) {
  let found: { gradient: Float64Array; score: number } = { gradient: new Float64Array(), score: Number.NaN };
  const faces = { count: 1, draw: () => face, target: () => target };
  await probe.gradients(faces, (_, gradient, score) => {
    found = { gradient, score };
  });
  return found;
}

/** The slope of a score by some pixels. */
async function slopes(probe: Probe, face: Float64Array, target: number, pixels: readonly number[]) {
  const step = 1e-6;
  const scores = await probe.scores({
    count: 2 * pixels.length,
    draw: (i) =>
      face.map((value, p) => (p === pixels[i >> 1] ? value + (i % 2 === 0 ? step : -step) : value)),
  });
  const at = (i: number): number => scores[i * probe.labels + target];
  return pixels.map((_, i) => (at(2 * i) - at(2 * i + 1)) / (2 * step));
}

describe.each([1, 10] as const)('in float64, with %i crops', (crops) => {
  const backend = new ReferenceBackend();
  const model = madeUpModel(backend, smallNetwork(SIDE));
  const probe = new Probe(backend, model, { crops, batch: 7 });
  const [face] = randomFaces(1, SIZE);
  const all = Array.from({ length: SIZE * SIZE }, (_, p) => p);

  it('every pixel’s gradient is the slope of the averaged logit', async () => {
    for (const target of [0, 1, 2]) {
      const { gradient } = await gradientOf(probe, face, target);
      expect(largest(gradient)).toBeGreaterThan(1e-3);
      expectClose(gradient, await slopes(probe, face, target, all), { eps: 1e-8 }, `label ${target}`);
    }
  });

  it('pixels that no crop sees have none', async () => {
    const { gradient } = await gradientOf(probe, face, 0);
    const seen = coverage(probe.crops);
    const unseen = all.filter((p) => seen[p] === 0);
    expect(unseen).toHaveLength(crops === 1 ? SIZE ** 2 - SIDE ** 2 : 0);
    for (const p of unseen) expect(gradient[p]).toBe(0);
  });

  it('a face alone and a face among others have the same', async () => {
    const faces = randomFaces(9, SIZE);
    const together: Float64Array[] = [];
    const scores: number[] = [];
    const asked = { count: 9, draw: (i: number) => faces[i], target: (i: number) => i % 3 };
    await probe.gradients(asked, (i, gradient, score) => {
      together[i] = gradient;
      scores[i] = score;
    });
    const rows = await probe.scores(asked);
    for (const i of [0, 6, 7, 8]) {
      const alone = await gradientOf(probe, faces[i], i % 3);
      expectClose(together[i], alone.gradient, { eps: 1e-12 }, `face ${i}`);
      expect(scores[i]).toBeCloseTo(alone.score, 12);
      expect(rows[3 * i + (i % 3)]).toBeCloseTo(alone.score, 12);
    }
  });
});

it('ten crops: the gradient is the scatter sum of the crops’ own, to the last bits', async () => {
  const backend = new ReferenceBackend();
  const model = madeUpModel(backend, smallNetwork(SIDE));
  const [face] = randomFaces(1, SIZE);
  const { gradient } = await gradientOf(new Probe(backend, model, { crops: 10, batch: 1 }), face, 1);

  const small = { ...model, description: { ...model.description, imageSize: SIDE } };
  const single = new Probe(backend, small, { crops: 1, batch: 1 });
  const slack = SIZE - SIDE;
  const expected = new Float64Array(SIZE * SIZE);
  for (const mirror of [false, true]) {
    for (const [left, top] of [
      [0, 0],
      [slack, 0],
      [0, slack],
      [slack, slack],
      [slack / 2, slack / 2],
    ]) {
      const place = (x: number, y: number) => (top + y) * SIZE + left + (mirror ? SIDE - 1 - x : x);
      const crop = Float64Array.from(
        { length: SIDE ** 2 },
        (_, i) => face[place(i % SIDE, Math.floor(i / SIDE))],
      );
      const { gradient: own } = await gradientOf(single, crop, 1);
      own.forEach((value, i) => {
        expected[place(i % SIDE, Math.floor(i / SIDE))] += value / 10;
      });
    }
  }
  expectClose(gradient, expected, { eps: 1e-13 }, 'scatter sum');
});

it('the network of the paper, narrow, in evaluation mode', { timeout: 120_000 }, async () => {
  const backend = new ReferenceBackend();
  const made = madeUpModel(backend, (graph, classes) => vgg.build(graph, { width: 8, drop: 0.5, classes }), {
    imageSize: 48,
    inputSize: 40,
  });
  const probe = new Probe(backend, made, { crops: 1, batch: 2 });
  const [face] = randomFaces(1, 48);
  const { gradient } = await gradientOf(probe, face, 2);
  const some = [4 * 48 + 4, 20 * 48 + 31, 24 * 48 + 24, 43 * 48 + 43];
  const expected = await slopes(probe, face, 2, some);
  const bound = { eps: 1e-6, scale: largest(gradient) };
  expectClose(
    some.map((p) => gradient[p]),
    expected,
    bound,
    'vgg',
  );
});

describe('on the fast backends', () => {
  let candidates: Candidate[] = [];
  beforeAll(async () => {
    candidates = await openBackends({ threads: [1, 2] });
  });
  afterAll(() => closeBackends(candidates));

  const results = async (backend: Backend) => {
    const model: LoadedModel = madeUpModel(backend, smallNetwork(SIDE));
    const probe = new Probe(backend, model, { crops: 10, batch: 2 });
    const faces = randomFaces(3, SIZE);
    const asked = { count: 3, draw: (i: number) => faces[i], target: (i: number) => i };
    const found: Record<string, number[]> = { scores: [...(await probe.scores(asked))] };
    found.gradients = [];
    await probe.gradients(asked, (_, gradient) => found.gradients.push(...gradient));
    found.values = [];
    found.inner = [];
    await probe.inner(model.graph.nodes[5], asked, (_, { value, gradient }) => {
      found.values.push(...value);
      found.inner.push(...gradient);
    });
    return found;
  };

  it('scores, gradients and inner values are those of float64', async () => {
    const expected = await results(new ReferenceBackend());
    expect(expected.inner).toHaveLength(3 * 10 * 4 * 4 * 8);
    for (const { family, backend } of candidates) {
      const actual = await results(backend);
      for (const [what, values] of Object.entries(expected))
        expectClose(actual[what], values, { growth: 100 }, `${what} on ${family}`);
    }
  });
});
