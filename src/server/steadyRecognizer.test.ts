import { afterEach, expect, test, vi } from 'vitest';
import { FerError, PictureError, UsageError } from '../errors.ts';
import type { PhotoRecognizer, RecognizedFace } from '../recognize/types.ts';
import { SteadyRecognizer, Unavailable } from './steadyRecognizer.ts';

/** A recogniser that answers with its number, or fails with what it is told. */
class Fake {
  readonly model = {} as PhotoRecognizer<string>['model'];
  readonly device: string;
  readonly #number: number;
  problem: Error | undefined;
  closed = 0;

  constructor(number: number) {
    this.#number = number;
    this.device = `device ${number}`;
  }

  async recognize(picture: string): Promise<RecognizedFace[]> {
    if (this.problem) throw this.problem;
    if (picture === 'damaged') throw new PictureError('damaged');
    if (picture === 'option') throw new UsageError('option');
    if (picture === 'end') {
      this.problem = new FerError('ended');
      throw this.problem;
    }
    return [{ label: String(this.#number) } as RecognizedFace];
  }

  explain(): never {
    throw new Error('not asked for');
  }

  async close(): Promise<void> {
    this.closed++;
    this.problem ??= new FerError('closed');
  }
}

const loaded: Fake[] = [];
let failing = 0;
const open = () =>
  SteadyRecognizer.open<string>(async () => {
    if (failing-- > 0) throw new FerError('no memory');
    const fake = new Fake(loaded.length);
    loaded.push(fake);
    return fake as unknown as PhotoRecognizer<string>;
  });
const log = vi.spyOn(console, 'error').mockImplementation(() => {});
afterEach(() => {
  loaded.length = 0;
  failing = 0;
  log.mockClear();
});
const settled = () => new Promise((resolve) => setTimeout(resolve, 5));
const labelOf = async (steady: SteadyRecognizer<string>) => (await steady.recognize('face'))[0].label;

test('passes on what is wrong with a picture or an option, and stays', async () => {
  const steady = await open();
  await expect(steady.recognize('damaged')).rejects.toThrow(PictureError);
  await expect(steady.recognize('option')).rejects.toThrow(UsageError);
  expect(steady.problem).toBeUndefined();
  expect(await labelOf(steady)).toBe('0');
  expect(loaded).toHaveLength(1);
});

test('is loaded anew once it has ended, once for all that fail together', async () => {
  const steady = await open();
  const ends = [1, 2, 3].map(() => expect(steady.recognize('end')).rejects.toThrow(Unavailable));
  await Promise.all(ends);
  await settled();
  expect(steady.problem).toBeUndefined();
  expect(await labelOf(steady)).toBe('1');
  expect(loaded.map(({ closed }) => closed)).toEqual([1, 0]);
  expect(log.mock.calls.map(([line]) => String(line).slice(0, 23))).toEqual([
    'the network does not an',
    'the network answers aga',
  ]);
  expect(steady.device).toBe('device 1');
});

test('a probe finds that it has ended, and tries again where it could not be loaded', async () => {
  const steady = await open();
  loaded[0].problem = new FerError('ended');
  failing = 2;
  expect(steady.problem?.message).toBe('ended');
  await settled();
  await expect(steady.recognize('face')).rejects.toThrow(Unavailable);
  await settled();
  expect(steady.problem?.message).toBe('ended');
  await settled();
  expect(steady.problem).toBeUndefined();
  expect(await labelOf(steady)).toBe('1');
});

test('closes, and loads nothing after that', async () => {
  const steady = await open();
  loaded[0].problem = new FerError('ended');
  expect(steady.problem).toBeDefined();
  await steady.close();
  expect(loaded.map(({ closed }) => closed)).toEqual([1, 1]);
  expect(steady.problem).toBeDefined();
  await settled();
  expect(loaded).toHaveLength(2);
});
