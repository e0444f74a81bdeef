import { expect, test } from 'vitest';
import { cropsTable } from './predictTables.ts';

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
