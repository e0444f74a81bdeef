import { beforeAll, describe, expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import { loadFaceModels } from './loadModels.ts';
import { FaceNetwork } from './network.ts';
import { parseTflite, type TfliteGraph } from './tflite.ts';

let shortRange: Uint8Array;
let fullRange: Uint8Array;
beforeAll(async () => {
  ({ shortRange, fullRange } = await loadFaceModels());
});

describe("BlazeFace's models", () => {
  const counted = ({ operators }: TfliteGraph) => {
    const counts: Record<string, number> = {};
    for (const { op } of operators) counts[op] = (counts[op] ?? 0) + 1;
    return counts;
  };

  test('short range', () => {
    const graph = parseTflite(shortRange);
    expect(counted(graph)).toEqual({
      conv: 21,
      depthwise: 16,
      relu: 17,
      add: 16,
      pad: 11,
      maxPool: 3,
      reshape: 4,
      concat: 2,
    });
    expect(graph.inputs.map((i) => graph.tensors[i].shape)).toEqual([[1, 128, 128, 3]]);
    expect(graph.outputs.map((i) => graph.tensors[i])).toMatchObject([
      { name: 'regressors', shape: [1, 896, 16] },
      { name: 'classificators', shape: [1, 896, 1] },
    ]);
  });

  test('full range', () => {
    const graph = parseTflite(fullRange);
    expect(counted(graph)).toMatchObject({ conv: 49, depthwise: 40, resize: 3, maxPool: 4, add: 23 });
    expect(graph.inputs.map((i) => graph.tensors[i].shape)).toEqual([[1, 192, 192, 3]]);
  });

  test('constants are widened to 32 bits', () => {
    const graph = parseTflite(shortRange);
    const [{ inputs }] = graph.operators;
    const [, weights, bias] = inputs.map((i) => graph.tensors[i]);
    expect(weights.shape).toEqual([24, 5, 5, 3]);
    expect(weights.data).toHaveLength(24 * 75);
    expect(bias.data).toHaveLength(24);
    const values = [...(weights.data as Float32Array)];
    expect(values.every((value) => Number.isFinite(value) && Math.abs(value) < 20)).toBe(true);
    expect(Math.max(...values)).toBeGreaterThan(0.1);
  });
});

describe('a file that is no such model', () => {
  test.each([
    ['nothing', new Uint8Array(0)],
    ['text', new TextEncoder().encode('<html>not found</html>')],
    ['zeros', new Uint8Array(1000)],
  ])('%s', (_, bytes) => {
    expect(() => parseTflite(bytes, 'it')).toThrow(FerError);
    expect(() => parseTflite(bytes, 'it')).toThrow(/^it: no TFLite model that can be run here/);
  });

  test('one cut short, anywhere', () => {
    for (let share = 0.01; share < 1; share += 0.07) {
      const cut = shortRange.slice(0, Math.floor(share * shortRange.length));
      expect(() => new FaceNetwork(parseTflite(cut))).toThrow(FerError);
    }
  });

  test('an operator that the detectors do not have', () => {
    const graph = parseTflite(shortRange);
    const [first, ...rest] = graph.operators;
    const other = { ...graph, operators: [{ ...first, strideH: 3, strideW: 3 }, ...rest] } as TfliteGraph;
    expect(() => new FaceNetwork(other)).toThrow(/cannot be run here: conv of 1x128x128x3 and 24x5x5x3/);
  });
});

// Every change either leaves a model that runs, or is refused in our own words: no crash, no endless loop.
test('damaged bytes are refused or harmless', () => {
  let state = 7;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  // The tables lie at the start and the end of the file, the weights between them.
  const places = [...shortRange.keys()].filter((i) => i < 2000 || i > shortRange.length - 60_000);
  let refused = 0;
  for (let round = 0; round < 300; round++) {
    const bytes = shortRange.slice();
    for (let i = 0; i < 1 + (round % 8); i++) bytes[places[random(places.length)]] = random(256);
    try {
      const network = new FaceNetwork(parseTflite(bytes));
      network.input.fill(0);
      network.run();
    } catch (error) {
      expect(error).toBeInstanceOf(FerError);
      refused++;
    }
  }
  expect(refused).toBeGreaterThan(20);
  expect(refused).toBeLessThan(300);
});
