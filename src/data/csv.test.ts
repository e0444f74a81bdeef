import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { officialRow, pattern, temporaryFolder } from '../../test/dataFiles.ts';
import { FerError } from '../errors.ts';
import { BadRowCollector } from './badRows.ts';
import { readCsv } from './csv.ts';
import { FER2013_LABELS } from './dataset.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

let files = 0;
function write(content: string | Uint8Array): string {
  const path = join(folder.path, `data${files++}.csv`);
  writeFileSync(path, content);
  return path;
}

const HEADER = 'emotion,pixels,Usage\n';
const GOOD = [
  officialRow(0, 3, 'Training'),
  officialRow(1, 6, 'PublicTest'),
  officialRow(2, 0, 'PrivateTest'),
];

async function failure(path: string): Promise<string> {
  const error = await readCsv(path).then(
    () => {
      throw new Error(`${path} was read without an error`);
    },
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(FerError);
  const { message } = error as FerError;
  expect(message).toContain(path);
  return message;
}

function expectGood(content: Awaited<ReturnType<typeof readCsv>>): void {
  expect(content.labels).toEqual(FER2013_LABELS);
  expect(content.size).toBe(48);
  expect([...content.targets]).toEqual([3, 6, 0]);
  expect(content.images.length).toBe(3 * 48 * 48);
  for (let i = 0; i < 3; i++) expect(content.images.subarray(i * 2304, (i + 1) * 2304)).toEqual(pattern(i));
  expect([...content.splits.Training]).toEqual([0]);
  expect([...content.splits.PublicTest]).toEqual([1]);
  expect([...content.splits.PrivateTest]).toEqual([2]);
}

describe('layouts', () => {
  test('official, with and without a last newline', async () => {
    expectGood(await readCsv(write(`${HEADER}${GOOD.join('\n')}\n`)));
    expectGood(await readCsv(write(`${HEADER}${GOOD.join('\n')}`)));
    expectGood(await readCsv(write(`${HEADER}${GOOD.join('\n')}\n\n\r\n`)));
  });

  test('CRLF and a byte order mark', async () => {
    expectGood(await readCsv(write(`\ufeff${HEADER}${GOOD.join('\n')}\n`.replaceAll('\n', '\r\n'))));
  });

  test('icml: other order, spaces in the names, quotes, CRLF, one column more', async () => {
    const rows = [
      `3, Training,"${pattern(0).join(' ')}",x`,
      `"6",PublicTest ,  ${pattern(1).join('  ')} ,`,
      `0," PrivateTest "," ${pattern(2).join(' ')} " ,"a, b"`,
    ];
    expectGood(await readCsv(write(`emotion, Usage," pixels ",note\r\n${rows.join('\r\n')}\r\n`)));
  });

  test('quotes within quotes, and commas, in other columns and in the header', async () => {
    const notes = ['"he said ""hi"", twice"', '""""""'];
    const rows = GOOD.map((row, i) => `${notes[i % 2]},${row}`);
    expectGood(await readCsv(write(`"a ""note"", or two",${HEADER}${rows.join('\n')}\n`)));
  });

  test('rows across chunks and blocks, with progress', async () => {
    const N = 2500;
    const rows = Array.from({ length: N }, (_, i) => officialRow(i, i % 7, 'Training'));
    const path = write(`${HEADER}${rows.join('\n')}\n`);
    const seen: [number, number][] = [];
    const content = await readCsv(path, { onProgress: (done, total) => seen.push([done, total]) });
    expect(content.targets.length).toBe(N);
    for (const i of [0, 1, 700, 2047, 2048, 2499]) {
      expect(content.targets[i]).toBe(i % 7);
      expect(content.images.subarray(i * 2304, (i + 1) * 2304)).toEqual(pattern(i));
    }
    const total = HEADER.length + rows.reduce((sum, row) => sum + row.length + 1, 0);
    expect(seen.length).toBeGreaterThan(2);
    expect(seen.at(-1)).toEqual([total, total]);
    for (let i = 1; i < seen.length; i++) expect(seen[i][0]).toBeGreaterThan(seen[i - 1][0]);
  });
});

describe('bad input names file, line, found and expected', () => {
  const withThird = (row: string): string => write(`${HEADER}${GOOD[0]}\n${GOOD[1]}\n${row}\n${GOOD[2]}\n`);
  const pixels = [...pattern(0)];
  const row = (values: readonly (number | string)[]): string => `3,${values.join(' ')},Training`;

  test.each([
    ['too few pixels', row(pixels.slice(1)), ['found 2303 pixels', 'expected 2304 (48 x 48)']],
    ['too many pixels', row([...pixels, 7]), ['found 2305 pixels', 'expected 2304']],
    ['no pixels', '3,,Training', ['found 0 pixels', 'expected 2304']],
    [
      'a value above 255',
      row(pixels.map((v, i) => (i === 10 ? 256 : v))),
      ['pixel 11 is "256"', 'whole number from 0 to 255'],
    ],
    ['a negative value', row([-1, ...pixels.slice(1)]), ['pixel 1 is "-1"', 'from 0 to 255']],
    [
      'a fraction',
      row(pixels.map((v, i) => (i === 2303 ? '1.5' : v))),
      ['pixel 2304 is "1.5"', 'whole number'],
    ],
    ['not a number', row(pixels.map((v, i) => (i === 4 ? 'abc' : v))), ['pixel 5 is "abc"', 'whole number']],
    ['an unknown emotion', officialRow(0, 7, 'Training'), ['emotion is "7"', '0 angry', '6 neutral']],
    ['a two-digit emotion', officialRow(0, 10, 'Training'), ['emotion is "10"', '0 angry']],
    ['an empty emotion', officialRow(0, '', 'Training'), ['emotion is ""', '0 angry']],
    ['an unknown Usage', officialRow(0, 1, 'Test'), ['Usage is "Test"', 'Training, PublicTest, PrivateTest']],
    ['a missing column', `3,${pixels.join(' ')}`, ['found 2 columns', 'expected 3']],
    ['a column too many', `${GOOD[0]},x`, ['found more than 3 columns', 'expected 3']],
    ['an open quote', `3,"${pixels.join(' ')},Training`, ['no closing quote']],
    ['an empty line', '', ['found an empty line', 'expected a row']],
  ])('%s', async (_, bad, parts) => {
    const message = await failure(withThird(bad));
    for (const part of ['line 4', ...parts]) expect(message).toContain(part);
  });

  test.each([
    ['emotion', 'pixels,Usage\n'],
    ['pixels', 'emotion,pixel,Usage\n'],
    ['Usage', 'emotion,pixels\n'],
  ])('no column %s', async (name, header) => {
    const message = await failure(write(header + GOOD[0]));
    expect(message).toContain(`line 1: no column "${name}"`);
    expect(message).toContain(`found "${header.trim()}"`);
    expect(message).toContain('expected a header that names emotion, pixels and Usage');
  });

  test('a column twice', async () => {
    expect(await failure(write('emotion,pixels,Usage,emotion\n'))).toContain(
      'line 1: more than one column "emotion"',
    );
  });

  test('empty file, header alone', async () => {
    expect(await failure(write(''))).toMatch(/found an empty file, expected fer2013\.csv/);
    expect(await failure(write(HEADER))).toMatch(/found no row after the header, expected/);
  });

  test('file cut inside a row', async () => {
    const whole = `${HEADER}${GOOD.join('\n')}`;
    for (const cut of [5, 13, 3000]) {
      const message = await failure(write(whole.slice(0, -cut)));
      expect(message).toContain('line 4');
      expect(message).toContain('expected');
      expect(message).toContain('seems to be cut');
    }
  });

  test('an archive, one endless line, a missing file', async () => {
    expect(await failure(write(Uint8Array.of(0x50, 0x4b, 3, 4, 9, 9)))).toMatch(
      /found a zip archive, expected a csv/,
    );
    expect(await failure(write(`${HEADER}${'1 '.repeat(3 << 20)}`))).toMatch(
      /line 2: found more than \d+ bytes/,
    );
    expect(await failure(join(folder.path, 'none.csv'))).toContain('cannot be opened');
  });
});

test('the collector lists bad rows up to its cap, counts all and keeps the good ones', async () => {
  const bad = (i: number): string => officialRow(i, 9, 'Training');
  const rows = [bad(0), GOOD[0], bad(1), GOOD[1], '', bad(2), bad(3), GOOD[2]];
  const path = write(`${HEADER}${rows.join('\n')}`);
  const badRows = new BadRowCollector(3);
  expectGood(await readCsv(path, { onBadRow: badRows.add }));
  expect(badRows.total).toBe(5);
  expect(badRows.shown.map(({ file, line }) => [file, line])).toEqual([2, 4, 6].map((line) => [path, line]));
  expect(badRows.shown[0].reason).toContain('emotion is "9"');
});
