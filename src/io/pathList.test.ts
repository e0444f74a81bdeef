import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { UsageError } from '../errors.ts';
import { pathList } from './pathList.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

test('paths are separated, but one that exists with the separator in its name is whole', () => {
  const path = join(folder.path, 'a,b.csv');
  expect(pathList(path, ',')).toEqual([join(folder.path, 'a'), 'b.csv']);
  writeFileSync(path, '');
  expect(pathList(path, ',')).toEqual([path]);
  expect(pathList(`${path},c`, ',')).toEqual([join(folder.path, 'a'), 'b.csv', 'c']);
  expect(pathList('', ',')).toEqual([]);
});

test.each(['+', '+b', 'a+', 'a++b'])('an empty one is refused: %s', (text) => {
  expect(() => pathList(text, '+')).toThrow(
    new UsageError(`"${text}": expected paths joined by +, found an empty one`),
  );
});
