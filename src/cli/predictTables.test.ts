import { expect, test } from 'vitest';
import { cropsTable, photosTable } from './predictTables.ts';

test('a table of very many pictures', () => {
  const answer = { label: 'sad', scores: { sad: 0.75, happy: 0.25 } };
  const files = Array.from({ length: 200_000 }, (_, i) => `${i}.png`);
  const lines = cropsTable(
    files.map((file) => ({ file, ...answer })),
    ['sad', 'happy'],
  ).split('\n');
  expect(lines).toHaveLength(200_001);
  expect(lines[0]).toBe('file        label    sad  happy   (%)');
  expect(lines[100_001]).toBe('100000.png  sad     75.0   25.0');
});

test('a name with a line feed has one line', () => {
  const failed = { file: 'b\nc.png', error: 'damaged' };
  const text = cropsTable([failed, { file: 'a.png', label: 'sad', scores: { sad: 1 } }], ['sad']);
  expect(text.split('\n').slice(1)).toEqual(['b c.png  unreadable', 'a.png    sad  100.0']);
});

test('faces are told where their annotated picture could not be written', () => {
  const face = { box: { x: 1, y: 2, width: 3, height: 4 }, keypoints: null, faceScore: 1 };
  const faces = [{ ...face, label: 'sad', scores: { sad: 1 } }];
  expect(photosTable([{ file: 'a.png', faces, error: 'the disk is full' }], ['sad'])).toMatch(
    /\na\.png {2}1,2 3x4 {2}sad .*100\.0$/,
  );
});
