import fs from 'node:fs';
import os from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { FerError } from '../errors.ts';
import { listImages } from './list.ts';

let folder: string;
const at = (...names: string[]) => join(folder, ...names);
beforeAll(() => {
  folder = fs.mkdtempSync(join(os.tmpdir(), 'fer-list-'));
  for (const name of ['b', 'a/deep', 'empty', '.hidden']) fs.mkdirSync(at(name), { recursive: true });
  for (const name of [
    'z.JPG',
    'a.webp',
    'notes.txt',
    'b/2.png',
    'b/10.jpeg',
    'a/deep/x.jpg',
    '.hidden/h.png',
    '._a.webp',
  ]) {
    fs.writeFileSync(at(name), '');
  }
  fs.symlinkSync(folder, at('b', 'loop'));
});
afterAll(() => fs.rmSync(folder, { recursive: true }));

test('a folder stands for its pictures, sorted, links followed once, hidden ones skipped', () => {
  expect(listImages([folder])).toEqual(
    [['a', 'deep', 'x.jpg'], ['a.webp'], ['b', '10.jpeg'], ['b', '2.png'], ['z.JPG']].map((names) =>
      at(...names),
    ),
  );
});

test('files stand for themselves, in the order given, each once', () => {
  const given = [at('notes.txt'), at('z.JPG'), at('a'), at('z.JPG'), at('a', 'deep')];
  expect(listImages(given)).toEqual([at('notes.txt'), at('z.JPG'), at('a', 'deep', 'x.jpg')]);
});

test('nothing to find is an error', () => {
  expect(() => listImages([at('empty')])).toThrow(FerError);
  expect(() => listImages([at('empty')])).toThrow(/empty: expected .* found none/);
  expect(() => listImages([at('gone.png')])).toThrow(/cannot read .*gone\.png: there is no such file/);
});

test('links that lead in a circle or nowhere are files, for whoever reads them to report', () => {
  const odd = at('odd');
  fs.mkdirSync(odd);
  fs.symlinkSync('self.png', join(odd, 'self.png'));
  fs.symlinkSync('circle', join(odd, 'circle'));
  fs.symlinkSync('nowhere', join(odd, 'broken.png'));
  fs.writeFileSync(join(odd, 'x.png'), '');
  expect(listImages([odd])).toEqual(['broken.png', 'self.png', 'x.png'].map((name) => join(odd, name)));
  fs.rmSync(odd, { recursive: true });
});

test('what was drawn of a face is none itself, unless it is named', () => {
  const drawn = at('drawn');
  fs.mkdirSync(drawn);
  for (const name of ['a.png', 'a.saliency.png', 'a.faces.jpg']) fs.writeFileSync(join(drawn, name), '');
  expect(listImages([drawn])).toEqual([join(drawn, 'a.png')]);
  expect(listImages([join(drawn, 'a.faces.jpg')])).toEqual([join(drawn, 'a.faces.jpg')]);
  fs.rmSync(drawn, { recursive: true });
});
