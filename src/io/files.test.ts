import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FerError } from '../errors.ts';
import {
  fileSha256,
  makeFileFolder,
  makeFolder,
  readFileBytes,
  readInPlaces,
  removeStaleTemporaries,
  writeChunksAtomic,
  writeFileAtomic,
} from './files.ts';
import { pieces } from './pieces.ts';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-files-'));
});
afterEach(() => {
  vi.restoreAllMocks();
  fs.rmSync(folder, { recursive: true, force: true });
});

const failWith = (code: string) => () => {
  throw Object.assign(new Error(`${code}: made up`), { code });
};

describe('writeFileAtomic', () => {
  test('writes text and replaces what was there', () => {
    const path = join(folder, 'a.txt');
    writeFileAtomic(path, 'één');
    writeFileAtomic(path, 'two');
    expect(fs.readFileSync(path, 'utf8')).toBe('two');
    expect(fs.readdirSync(folder)).toEqual(['a.txt']);
  });

  test('writes chunks in order, views and shared memory included', () => {
    const path = join(folder, 'a.bin');
    const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(7);
    writeChunksAtomic(path, [new Uint8Array([1, 2, 3]).subarray(1), new Uint8Array(0), shared.subarray(6)]);
    expect([...fs.readFileSync(path)]).toEqual([2, 3, 7, 7]);
  });

  test('goes on after a short write', () => {
    const write = fs.writeSync;
    vi.spyOn(fs, 'writeSync').mockImplementation(((file: number, data: Uint8Array, at: number, n: number) =>
      write(file, data, at, Math.min(n, 3))) as typeof fs.writeSync);
    writeFileAtomic(join(folder, 'a'), '0123456789');
    expect(fs.readFileSync(join(folder, 'a'), 'utf8')).toBe('0123456789');
  });

  test.each([
    ['writeSync', 'ENOSPC', /disk is full/],
    ['fsyncSync', 'EIO', /input\/output/],
    ['openSync', 'EACCES', /permission denied/],
    ['openSync', 'EROFS', /read-only/],
    ['renameSync', 'EPERM', /not permitted/],
  ] as const)('%s failing with %s leaves the old file and no temporary', (name, code, remedy) => {
    const path = join(folder, 'a.txt');
    writeFileAtomic(path, 'old');
    vi.spyOn(fs, name).mockImplementation(failWith(code));
    let error: unknown;
    try {
      writeFileAtomic(path, 'new');
    } catch (caught) {
      error = caught;
    }
    vi.restoreAllMocks();
    expect(error).toBeInstanceOf(FerError);
    expect((error as Error).message).toMatch(remedy);
    expect((error as Error).message).toContain(path);
    expect(fs.readFileSync(path, 'utf8')).toBe('old');
    expect(fs.readdirSync(folder)).toEqual(['a.txt']);
  });

  test('a name as long as the file system takes', () => {
    for (const name of ['a'.repeat(255), 'ä'.repeat(127)]) {
      writeFileAtomic(join(folder, name), name);
      expect(fs.readFileSync(join(folder, name), 'utf8')).toBe(name);
    }
    expect(fs.readdirSync(folder)).toHaveLength(2);
  });

  test.skipIf(process.platform === 'win32')('a link stays, and the file it leads to is replaced', () => {
    for (const inner of ['real', 'far']) fs.mkdirSync(join(folder, inner));
    const file = join(folder, 'real', 'a.txt');
    const [direct, twice] = [join(folder, 'direct'), join(folder, 'far', 'twice')];
    fs.symlinkSync(join('real', 'a.txt'), direct);
    fs.symlinkSync(join('..', 'direct'), twice);
    for (const [i, path] of [direct, twice, direct].entries()) {
      // The first time the file is not there yet.
      writeFileAtomic(path, `text ${i}`);
      expect(fs.readFileSync(file, 'utf8')).toBe(`text ${i}`);
    }
    expect(fs.readlinkSync(direct)).toBe(join('real', 'a.txt'));
    expect(fs.readlinkSync(twice)).toBe(join('..', 'direct'));
    expect(fs.readdirSync(join(folder, 'real'))).toEqual(['a.txt']);
  });

  test.skipIf(process.platform === 'win32')('a link that leads nowhere or to a folder is told', () => {
    const [loop, inner] = [join(folder, 'loop'), join(folder, 'inner')];
    fs.symlinkSync('loop', loop);
    fs.mkdirSync(join(folder, 'b'));
    fs.symlinkSync('b', inner);
    expect(() => writeFileAtomic(loop, '')).toThrow(/cannot write .*loop: ELOOP/);
    expect(() => writeFileAtomic(inner, '')).toThrow(/inner: it is a folder/);
    expect(fs.readlinkSync(inner)).toBe('b');
    expect(() => makeFileFolder(loop)).toThrow(FerError);
    expect(() => makeFileFolder(inner)).toThrow(/inner is a folder, where a file is to be written/);
  });

  test.skipIf(process.platform === 'win32')('a pipe is written to in place, through a link too', async () => {
    const [pipe, link] = [join(folder, 'pipe'), join(folder, 'link')];
    execFileSync('mkfifo', [pipe]);
    fs.symlinkSync('pipe', link);
    for (const path of [pipe, link]) {
      const reader = spawn('cat', [pipe], { timeout: 20_000 });
      let read = '';
      reader.stdout.on('data', (data) => {
        read += data;
      });
      writeFileAtomic(path, `through ${path}`);
      await once(reader, 'close');
      expect(read).toBe(`through ${path}`);
    }
    expect(fs.lstatSync(pipe).isFIFO()).toBe(true);
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect(fs.readdirSync(folder).sort()).toEqual(['link', 'pipe']);
  });

  test('a missing folder is named', () => {
    expect(() => writeFileAtomic(join(folder, 'no', 'a'), '')).toThrow(
      /no\/a: there is no such file or folder/,
    );
  });
});

describe('readFileBytes', () => {
  test('names the file it cannot read', () => {
    expect(() => readFileBytes(join(folder, 'gone'))).toThrow(FerError);
    for (const most of [undefined, 10]) {
      expect(() => readFileBytes(folder, most)).toThrow(/^cannot read .*: it is a folder/);
    }
  });

  test('reads a large file in pieces into one array, after short reads too', () => {
    const path = join(folder, 'a');
    const bytes = Uint8Array.from({ length: 100 }, (_, i) => i);
    fs.writeFileSync(path, bytes);
    const lengths: number[] = [];
    const read = fs.readSync;
    vi.spyOn(fs, 'readSync').mockImplementation(((
      file: number,
      to: Uint8Array,
      at: number,
      n: number,
      from: number,
    ) => {
      lengths.push(n);
      return read(file, to, at, Math.min(n, 25), from);
    }) as typeof fs.readSync);
    const found = readFileBytes(path, 30);
    expect(found).toEqual(Buffer.from(bytes));
    expect([found.byteOffset, found.buffer.byteLength]).toEqual([0, 100]);
    expect(lengths).toEqual([30, 30, 30, 25]);
  });

  test('says so where a file becomes shorter, or is larger than memory', () => {
    const path = join(folder, 'a');
    fs.writeFileSync(path, 'abcdef');
    vi.spyOn(fs, 'readSync').mockReturnValue(0);
    expect(() => readFileBytes(path, 3)).toThrow(/a: it became shorter meanwhile/);
    vi.spyOn(fs, 'fstatSync').mockReturnValue({ size: 2 ** 52 } as fs.Stats);
    expect(() => readFileBytes(path)).toThrow(/a: it has 4194304\.0 GiB, more than fits into memory$/);
  });
});

describe('reading here and there', () => {
  test('gives the bytes of the file that was opened, also where another takes its name', () => {
    const path = join(folder, 'a');
    fs.writeFileSync(path, 'abcdef');
    const read = readInPlaces(path, (source) => {
      writeFileAtomic(path, 'other bytes');
      const places: [number, number][] = [
        [4, 2],
        [0, 3],
        [6, 0],
        [0, source.length],
      ];
      return places.map(([at, length]) => Buffer.from(source.read(at, length)).toString());
    });
    expect(read).toEqual(['ef', 'abc', '', 'abcdef']);
  });

  test('closes the file, and tells what cannot be read', () => {
    const path = join(folder, 'a');
    fs.writeFileSync(path, 'abc');
    const close = vi.spyOn(fs, 'closeSync');
    expect(() => readInPlaces(path, ({ read }) => read(1, 3))).toThrow(/a: it became shorter meanwhile/);
    const mistake = () => {
      throw new TypeError('mine');
    };
    expect(() => readInPlaces(path, mistake)).toThrow(TypeError);
    expect(close).toHaveBeenCalledTimes(2);
    expect(() => readInPlaces(join(folder, 'b'), () => 0)).toThrow(/cannot read .*b: there is no such file/);
    expect(() => readInPlaces(folder, ({ read }) => read(0, 1))).toThrow(/it is a folder/);
  });
});

test('a folder is made, or the reason is told', () => {
  const deep = join(folder, 'a', 'b');
  makeFolder(deep);
  makeFolder(deep);
  expect(fs.existsSync(deep)).toBe(true);
  fs.writeFileSync(join(folder, 'file'), '');
  expect(() => makeFolder(join(folder, 'file', 'c'))).toThrow(FerError);
  expect(() => makeFolder(join(folder, 'file'))).toThrow(/cannot make the folder .*file/);
});

test('pieces cover all bytes once, and a hash of them is that of the whole', () => {
  const bytes = Uint8Array.from({ length: 10 }, (_, i) => i);
  expect([...pieces(bytes, 4)].map((piece) => [...piece])).toEqual([
    [0, 1, 2, 3],
    [4, 5, 6, 7],
    [8, 9],
  ]);
  expect([...pieces(new Uint8Array(0), 4)]).toEqual([]);
  fs.writeFileSync(join(folder, 'abc'), 'abc');
  expect(fileSha256(join(folder, 'abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('removeStaleTemporaries takes only the leftovers of dead processes', () => {
  const dead = '.last.safetensors.999999999.0123abcd.tmp';
  const alive = `.last.safetensors.${process.pid}.0123abcd.tmp`;
  for (const name of [dead, alive, '.hidden.tmp', 'last.safetensors'])
    fs.writeFileSync(join(folder, name), '');
  expect(removeStaleTemporaries(folder)).toEqual([dead]);
  expect(fs.readdirSync(folder).sort()).toEqual(['.hidden.tmp', alive, 'last.safetensors'].sort());
  expect(removeStaleTemporaries(join(folder, 'no'))).toEqual([]);
});
