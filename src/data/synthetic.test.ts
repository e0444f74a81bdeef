import { describe, expect, test } from 'vitest';
import { UsageError } from '../errors.ts';
import { FER2013_LABELS, SPLITS } from './dataset.ts';
import { Random } from './synthetic/random.ts';
import { drawFace, synthetic } from './synthetic.ts';

const AREA = 48 * 48;

describe('dataset', () => {
  test('balanced classes, splits 80 : 10 : 10', () => {
    const { splits, targets, images, labels, size } = synthetic({ n: 700 });
    expect(SPLITS.map((split) => splits[split].length)).toEqual([560, 70, 70]);
    expect(labels).toEqual(FER2013_LABELS);
    expect(images.length).toBe(700 * size * size);
    for (const split of SPLITS) {
      const counts = new Array(7).fill(0);
      for (const i of splits[split]) counts[targets[i]]++;
      expect(new Set(counts).size).toBe(1);
    }
  });

  test('the same seed gives the same bits, another seed others', () => {
    const one = synthetic({ n: 40, seed: 1 });
    expect(synthetic({ n: 40, seed: 1 })).toEqual(one);
    const hashes = [0, 2, -1, 2 ** 32 + 1].map((seed) => synthetic({ n: 40, seed }).hash);
    expect(new Set([one.hash, ...hashes]).size).toBe(5);
  });

  test('pinned bits: every machine draws these', () => {
    expect(synthetic({ n: 100, seed: 7 }).hash).toBe(
      '38b2b97640d92e69792aad2c96a9c84223b2254be09930dac3c05e48c90acc46',
    );
  });

  test('a smaller dataset is the beginning of a larger one, and no face occurs twice', () => {
    const small = synthetic({ counts: { Training: 10, PublicTest: 5 } });
    const large = synthetic({ counts: { Training: 30, PublicTest: 20, PrivateTest: 20 } });
    const face = ({ images }: typeof small, i: number): string =>
      images.subarray(i * AREA, (i + 1) * AREA).join();
    for (const split of ['Training', 'PublicTest'] as const) {
      for (const [j, i] of small.splits[split].entries()) {
        expect(face(small, i)).toBe(face(large, large.splits[split][j]));
      }
    }
    expect(new Set(Array.from(large.targets, (_, i) => face(large, i))).size).toBe(70);
  });

  test('progress and bad counts', () => {
    const progress: number[][] = [];
    synthetic({ n: 300, onProgress: (...step) => progress.push(step) });
    expect(progress).toEqual([
      [250, 300],
      [300, 300],
    ]);
    for (const options of [{ n: 0 }, { n: 1.5 }, { n: 1e9 }, { counts: { Training: -1 } }, { seed: 0.5 }]) {
      expect(() => synthetic(options)).toThrow(UsageError);
    }
  });
});

describe('faces', () => {
  test('use the grey range, and each expression draws another face of the same person', () => {
    for (let seed = 0; seed < 20; seed++) {
      const faces = FER2013_LABELS.map((label) => drawFace(label, seed));
      expect(new Set(faces.map((face) => face.join())).size).toBe(7);
      for (const face of faces) {
        expect(face.length).toBe(AREA);
        expect(Math.max(...face) - Math.min(...face)).toBeGreaterThan(40);
      }
    }
  });

  test('are learnable: softmax regression on 24 x 24 pixels is far above chance', () => {
    const data = synthetic({ counts: { Training: 1400, PublicTest: 350 }, seed: 3 });
    const features = Array.from(data.targets, (_, i) =>
      halfSize(data.images.subarray(i * AREA, (i + 1) * AREA)),
    );
    const weights = FER2013_LABELS.map(() => new Float64Array(features[0].length));
    const logits = (x: Float64Array): number[] =>
      weights.map((w) => w.reduce((sum, value, j) => sum + value * x[j], 0));
    for (let epoch = 0; epoch < 5; epoch++) {
      for (const i of data.splits.Training) {
        const exps = logits(features[i]).map(Math.exp);
        const total = exps.reduce((a, b) => a + b);
        weights.forEach((w, k) => {
          const gradient = exps[k] / total - (k === data.targets[i] ? 1 : 0);
          for (let j = 0; j < w.length; j++) w[j] -= 0.003 * gradient * features[i][j];
        });
      }
    }
    const right = data.splits.PublicTest.filter((i) => {
      const scores = logits(features[i]);
      return scores.indexOf(Math.max(...scores)) === data.targets[i];
    });
    const accuracy = right.length / data.splits.PublicTest.length;
    expect(accuracy).toBeGreaterThan(0.5);
    expect(accuracy).toBeLessThan(0.95);
  });
});

/** 24 x 24 block means with zero mean and unit variance, and a constant. */
function halfSize(face: Uint8Array): Float64Array {
  const x = new Float64Array(24 * 24 + 1);
  for (let p = 0; p < AREA; p++) x[Math.floor(p / 96) * 24 + ((p % 48) >> 1)] += face[p] / 4;
  const pixels = x.subarray(0, 24 * 24);
  const mean = pixels.reduce((a, b) => a + b) / pixels.length;
  const deviation = Math.sqrt(pixels.reduce((sum, v) => sum + (v - mean) ** 2, 0) / pixels.length);
  for (let j = 0; j < pixels.length; j++) pixels[j] = (pixels[j] - mean) / deviation;
  x[24 * 24] = 1;
  return x;
}

test('Random is uniform, stays in range and does not repeat', () => {
  const random = new Random(1);
  const bins = new Array(10).fill(0);
  const seen = new Set<number>();
  for (let i = 0; i < 20_000; i++) {
    const value = random.uniform(0, 10);
    bins[Math.floor(value)]++;
    seen.add(value);
  }
  expect(seen.size).toBeGreaterThan(19_900);
  for (const count of bins) expect(Math.abs(count - 2000)).toBeLessThan(200);
  expect(bins).toHaveLength(10);
});
