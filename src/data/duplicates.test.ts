import { expect, test } from 'vitest';
import { splitIndices } from './dataset.ts';
import { findDuplicates, trainingImages } from './duplicates.ts';

/** Images of four pixels, of which the grey value is the first one's only. */
function content(rows: readonly [split: number, grey: number, label: number][]) {
  const images = new Uint8Array(4 * rows.length);
  for (const [i, [, grey]] of rows.entries()) images[4 * i] = grey;
  return {
    labels: ['sad', 'happy', 'neutral'],
    size: 2,
    images,
    targets: Uint8Array.from(rows, ([, , label]) => label),
    splits: splitIndices(rows.map(([split]) => split)),
  };
}

test('images of the same pixels, within a split and in Training', () => {
  const faces = content([
    // Before the training images they are in.
    [1, 7, 0],
    [2, 7, 2],
    [0, 7, 0],
    [0, 7, 1],
    [0, 8, 1],
    [0, 9, 1],
    [0, 7, 1],
    [1, 7, 1],
    [1, 8, 2],
    [1, 1, 0],
    [2, 1, 0],
    [2, 9, 1],
  ]);
  expect(trainingImages(faces, 'PublicTest')).toEqual([true, true, true, false]);
  expect(trainingImages(faces, 'PrivateTest')).toEqual([true, false, true]);
  const found = findDuplicates(faces);
  expect(found).toEqual({
    Training: { repeated: 2, inTraining: 0, otherLabel: 0 },
    PublicTest: { repeated: 1, inTraining: 3, otherLabel: 1 },
    PrivateTest: { repeated: 0, inTraining: 2, otherLabel: 1 },
  });
});

test('one pixel makes another image, and splits may be empty', () => {
  const none = { repeated: 0, inTraining: 0, otherLabel: 0 };
  const found = findDuplicates(
    content([
      [1, 7, 0],
      [1, 6, 0],
    ]),
  );
  expect(found).toEqual({ Training: none, PublicTest: none, PrivateTest: none });
});
