import { describe, expect, test } from 'vitest';
import { Ensemble, type Judged } from './ensemble.ts';
import { softmax } from './metrics.ts';

/** A network that answers the logits it is made of, whatever it sees. */
function network(rows: readonly (readonly number[])[], labels = ['sad', 'happy'], imageSize = 2): Judged {
  const description = { network: 'vgg' as const, width: 1, drop: 0, labels, imageSize, inputSize: imageSize };
  return {
    description,
    async logits(faces, onBatch) {
      expect(faces).toHaveLength(rows.length * imageSize ** 2);
      rows.forEach((_, i) => {
        onBatch?.(i + 1);
      });
      return Float32Array.from(rows.flat());
    },
  };
}

describe('several networks together', () => {
  test('answer the mean of their scores', async () => {
    const a = [
      [2, -1],
      [0.5, 0.25],
    ];
    const b = [
      [-3, 1],
      [80, -80],
    ];
    const done: number[] = [];
    const ensemble = new Ensemble([network(a), network(b)], ['a', 'b']);
    const logits = await ensemble.logits(new Uint8Array(8), (count) => done.push(count));
    for (const i of [0, 1]) {
      const [first, second] = [softmax(a[i]), softmax(b[i])];
      softmax(logits.subarray(2 * i, 2 * i + 2)).forEach((score, l) => {
        expect(score).toBeCloseTo((first[l] + second[l]) / 2, 6);
      });
    }
    expect(done).toEqual([0.5, 1, 1.5, 2]);
  });

  test('one alone answers as it would', async () => {
    const logits = await new Ensemble([network([[2, -1]])], ['a']).logits(new Uint8Array(4));
    expect(softmax(logits)[0]).toBeCloseTo(softmax([2, -1])[0], 6);
  });

  test('labels are matched by name', async () => {
    const members = [network([[1, 0]]), network([[0, 1]], ['happy', 'sad'])];
    const logits = await new Ensemble(members, ['a', 'b']).logits(new Uint8Array(4));
    expect(softmax(logits)[0]).toBeCloseTo(softmax([1, 0])[0], 6);
  });

  test('a score of zero everywhere stays finite', async () => {
    const logits = await new Ensemble([network([[2000, -2000]])], ['a']).logits(new Uint8Array(4));
    expect(logits.every(Number.isFinite)).toBe(true);
    const [first, second] = softmax(logits);
    expect(first).toBe(1);
    expect(second).toBeLessThan(1e-300);
  });

  test('of other labels or images are refused', () => {
    const first = network([[1, 0]]);
    expect(() => new Ensemble([first, network([[1, 0]], ['sad', 'calm'])], ['runs/a', 'runs/b'])).toThrow(
      'runs/b knows sad, calm, runs/a knows sad, happy: such networks cannot answer together',
    );
    expect(() => new Ensemble([first, network([[1, 0]], ['sad', 'happy'], 3)], ['a', 'b'])).toThrow(
      /b takes images of 3 pixels, a of 2/,
    );
  });
});
