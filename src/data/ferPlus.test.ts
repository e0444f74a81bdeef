import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { FER_PLUS_LABELS, majorityOf, readFerPlus, sharesOf } from './ferPlus.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());

test('labels by the names used everywhere', () => {
  expect(FER_PLUS_LABELS).toEqual([
    'neutral',
    'happy',
    'surprise',
    'sad',
    'angry',
    'disgust',
    'fear',
    'contempt',
  ]);
});

// neutral, happiness, surprise, sadness, anger, disgust, fear, contempt | unknown, NF
test.each<[string, number[], number | string]>([
  ['a clear case', [0, 10, 0, 0, 0, 0, 0, 0, 0, 0], 1],
  ['six of ten', [6, 0, 0, 4, 0, 0, 0, 0, 0, 0], 0],
  ['half is no majority', [5, 0, 0, 5, 0, 0, 0, 0, 0, 0], 'unclear'],
  ['single votes do not count', [0, 0, 4, 2, 1, 1, 1, 1, 0, 0], 2],
  ['only single votes', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 'unclear'],
  ['unknown', [2, 0, 0, 0, 0, 0, 0, 0, 8, 0], 'unknown'],
  ['no face', [0, 0, 0, 0, 0, 0, 0, 0, 0, 10], 'noFace'],
  ['contempt', [3, 0, 0, 0, 0, 0, 0, 7, 0, 0], 7],
])('majority: %s', (_, votes, expected) => {
  expect(majorityOf(votes)).toBe(expected);
});

test.each<[string, number[], number[] | string]>([
  ['one has three quarters', [8, 2, 0, 0, 0, 0, 0, 0, 0, 0], [8, 0, 0, 0, 0, 0, 0, 0]],
  ['until three quarters are there', [5, 0, 3, 2, 0, 0, 0, 0, 0, 0], [5, 0, 3, 0, 0, 0, 0, 0]],
  ['single votes do not count', [4, 0, 0, 1, 3, 2, 0, 0, 0, 0], [4, 0, 0, 0, 3, 0, 0, 0]],
  ['equals come together', [4, 0, 3, 3, 0, 0, 0, 0, 0, 0], [4, 0, 3, 3, 0, 0, 0, 0]],
  ['four that are level', [2, 2, 2, 2, 0, 0, 0, 0, 0, 0], 'unclear'],
  ['unknown in second place, half behind it', [5, 0, 0, 0, 0, 0, 0, 0, 5, 0], 'unclear'],
  ['unknown in second place, most before it', [6, 0, 0, 0, 0, 0, 0, 0, 4, 0], [6, 0, 0, 0, 0, 0, 0, 0]],
  ['unknown first', [4, 0, 0, 0, 0, 0, 0, 0, 6, 0], 'unknown'],
  ['no face first', [0, 0, 0, 3, 0, 0, 0, 0, 0, 7], 'noFace'],
  ['only single votes', [1, 1, 1, 1, 1, 1, 1, 1, 1, 1], 'unclear'],
])('shares: %s', (_, votes, expected) => {
  expect(sharesOf(votes)).toEqual(expected);
});

describe('fer2013new.csv', () => {
  const HEADER = 'Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF';
  const write = (...lines: string[]): string => {
    const file = join(folder.path, 'fer2013new.csv');
    writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
  };

  test('rows by split, in order, those without a name too', () => {
    const file = write(
      `\ufeff${HEADER}\r`,
      'Training,fer0000000.png,4,0,0,1,3,2,0,0,0,0\r',
      'PublicTest,fer0028638.png,0,0,0,0,0,0,0,0,1,9\r',
      'Training,,0,0,0,0,0,0,0,0,0,10\r',
    );
    expect(readFerPlus(file)).toEqual({
      Training: [
        [4, 0, 0, 1, 3, 2, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 0, 10],
      ],
      PublicTest: [[0, 0, 0, 0, 0, 0, 0, 0, 1, 9]],
      PrivateTest: [],
    });
  });

  test.each([
    ['another file', ['emotion,pixels,Usage', '0,1 2,Training'], /line 1: no column "Image name", "neutral"/],
    ['a column less', [HEADER, 'Training,a,4,0,0,1,3,2,0,0,0'], /line 2: 11 columns, expected 12/],
    ['no number', [HEADER, 'Training,a,4,0,0,x,3,2,0,0,0,0'], /line 2: sadness is "x", expected a number/],
    ['another split', [HEADER, 'Test,a,4,0,0,1,3,2,0,0,0,0'], /line 2: Usage is "Test"/],
  ])('%s is refused with its line', (_, lines, message) => {
    expect(() => readFerPlus(write(...lines))).toThrow(message);
  });
});
