import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { crc32, deflateSync } from 'node:zlib';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { FerError } from '../src/errors.ts';
import { overlap } from '../src/face/detection.ts';
import type { Box } from '../src/image/image.ts';
import { PictureRecognizer } from '../src/recognize/pictureRecognizer.ts';
import { fer } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { cli } from './process.ts';
import { readSample, SAMPLES } from './samplePhotos.ts';
import { faces, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => `${folder.path}/${names.join('/')}`;
const model = `model=${at('runs', 'a')}`;
// One look at the whole photograph: enough for these, and many times faster.
const quick = 'smallest=0.08';

interface Row {
  file: string;
  faces?: {
    box: Box;
    keypoints: Record<string, { x: number; y: number }> | null;
    faceScore: number;
    label: string;
    scores: Record<string, number>;
  }[];
  annotated?: string;
  error?: string;
}

async function predict(...args: string[]): Promise<{ code: number; rows: Row[]; stderr: string }> {
  const speed = args.includes('faces=none') ? [] : [quick];
  const { code, stdout, stderr } = await fer('predict', 'json=true', ...speed, model, ...args);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return { code, rows: JSON.parse(stdout), stderr };
}

/** The first photograph, half as large. */
const small = (): Sharp => sharp(readSample(SAMPLES[0].name)).resize(960, 640);
const write = async (name: string, picture: Sharp): Promise<string> => {
  const file = at(name);
  await picture.toFile(file);
  return file;
};

let photo: string;
let boxes: Box[];
beforeAll(async () => {
  await trainTiny({ runs: at('runs'), n_epochs: 1 }, { dataset: faces() });
  photo = await write('photo.jpg', small().jpeg({ quality: 92 }));
  const { rows } = await predict(photo);
  boxes = rows[0].faces?.map(({ box }) => box) ?? [];
  expect(boxes).toHaveLength(3);
});

/** The photograph's faces at their places, whatever became of it. */
function expectFaces(row: Row, scale = 1): void {
  expect(row.faces).toHaveLength(boxes.length);
  for (const { x, y, width, height } of boxes) {
    const box = { x: x * scale, y: y * scale, width: width * scale, height: height * scale };
    expect(Math.max(...(row.faces ?? []).map((face) => overlap(face.box, box)))).toBeGreaterThan(0.75);
  }
}

test('every face of the sample photographs is found, and told', async () => {
  for (const { path, faces: count } of SAMPLES) {
    const { code, rows } = await predict(path);
    expect(code).toBe(0);
    expect(rows[0].faces, path).toHaveLength(count);
    for (const { box, keypoints, faceScore, label, scores } of rows[0].faces ?? []) {
      expect(box.width).toBeGreaterThan(100);
      // The nose lies within the face, the person's right eye left of the left one.
      const { nose, rightEye, leftEye } = keypoints ?? {};
      expect(Math.abs(nose.x - box.x - box.width / 2)).toBeLessThan(box.width / 2);
      expect(Math.abs(nose.y - box.y - box.height / 2)).toBeLessThan(box.height / 2);
      expect(rightEye.x).toBeLessThan(leftEye.x);
      for (const number of [...Object.values(box), nose.x, nose.y]) {
        expect(number).toBe(Math.round(10 * number) / 10);
      }
      expect(faceScore).toBeGreaterThan(0.7);
      expect(Object.values(scores).reduce((a, b) => a + b)).toBeCloseTo(1, 6);
      expect(scores[label]).toBe(Math.max(...Object.values(scores)));
    }
  }
});

test('max_faces= keeps the most certain ones', async () => {
  const [all, two] = [await predict(photo), await predict(photo, 'max_faces=2')];
  const found = all.rows[0].faces ?? [];
  expect(found.length).toBeGreaterThan(2);
  expect(two.rows[0].faces?.map(({ box }) => box)).toEqual(found.slice(0, 2).map(({ box }) => box));
  expect((await predict(photo, 'max_faces=all')).rows).toEqual(all.rows);
});

test('min_score= leaves out what the detector is less sure of', async () => {
  const scores = (await predict(photo)).rows[0].faces?.map(({ faceScore }) => faceScore) ?? [];
  const between = (scores[0] + scores[scores.length - 1]) / 2;
  const sure = await predict(photo, `min_score=${between}`);
  expect(sure.rows[0].faces?.map(({ faceScore }) => faceScore)).toEqual(
    scores.filter((score) => score >= between),
  );
  expect((await predict(photo, 'min_score=1')).rows[0].faces).toEqual([]);
});

test('smallest= looks for smaller faces', async () => {
  const background = { create: { width: 1600, height: 1200, channels: 3, background: '#678' } } as const;
  const input = await small().resize(320).toBuffer();
  const far = await write('far.png', sharp(background).composite([{ input, left: 700, top: 500 }]));
  const faces = async (smallest: number): Promise<unknown[]> => {
    const { stdout } = await fer('predict', 'json=true', model, `smallest=${smallest}`, far);
    return JSON.parse(stdout)[0].faces;
  };
  expect((await faces(0.08)).length).toBeLessThan(boxes.length);
  expect(await faces(0.02)).toHaveLength(boxes.length);
});

test('as a table, a line a face; a picture without one is told and the others go on', async () => {
  const empty = await write(
    'empty.png',
    sharp({ create: { width: 300, height: 200, channels: 3, background: '#678' } }),
  );
  const { code, stdout, stderr } = await fer('predict', model, quick, empty, photo);
  expect(code).toBe(0);
  expect(stderr).toBe(`${empty}: no face found; faces=none takes a picture as a face crop\n`);
  const lines = stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(/^file +face +label +angry .*neutral +\(%\)$/);
  expect(lines[1]).toMatch(/empty\.png +no face found$/);
  expect(lines).toHaveLength(2 + boxes.length);
  for (const line of lines.slice(2)) {
    expect(line).toMatch(/photo\.jpg +\d+,\d+ \d+x\d+ +[a-z]+ +(\d+\.\d +){6}\d+\.\d$/);
  }
});

test('annotate= writes the photograph with boxes, under a name of its own', async () => {
  mkdirSync(at('own'), { recursive: true });
  writeFileSync(at('own', 'photo.jpg'), readFileSync(photo));
  const { code, rows } = await predict(at('own', 'photo.jpg'), photo, `annotate=${at('own')}`);
  expect(code).toBe(0);
  expect(rows.map(({ annotated }) => annotated)).toEqual([
    at('own', 'photo.faces.jpg'),
    at('own', 'photo-2.faces.jpg'),
  ]);
  expect(readFileSync(at('own', 'photo.jpg'))).toEqual(readFileSync(photo));
  const [before, after] = await Promise.all(
    [photo, at('own', 'photo.faces.jpg')].map((file) => sharp(file).raw().toBuffer()),
  );
  expect(after).toHaveLength(before.length);
  const change = (x: number, y: number): number => {
    const i = 3 * (Math.round(y) * 960 + Math.round(x));
    return Math.max(...[0, 1, 2].map((c) => Math.abs(after[i + c] - before[i + c])));
  };
  for (const { x, y, width, height } of boxes) {
    const line = Array.from({ length: 20 }, (_, i) => change(x, y + height * (0.1 + 0.04 * i)));
    expect(line.filter((amount) => amount > 25).length).toBeGreaterThan(15);
    expect(change(x + width / 2, y + height / 2)).toBeLessThan(25);
  }
});

test('a picture as small as FER2013 is a face crop; faces=none makes one of any', async () => {
  const crop = await write(
    'crop.png',
    sharp(photo).extract({ left: 200, top: 190, width: 110, height: 110 }).resize(48, 48),
  );
  const [auto, none] = [await predict(crop), await predict(crop, 'faces=none')];
  const [face] = auto.rows[0].faces ?? [];
  expect(face).toMatchObject({ box: { x: 0, y: 0, width: 48, height: 48 }, keypoints: null, faceScore: 1 });
  const { label, scores } = none.rows[0] as unknown as typeof face;
  expect({ label: face.label, scores: face.scores }).toEqual({ label, scores });
  expect(none.rows[0].faces).toBeUndefined();
});

describe('every kind of picture', () => {
  test.each<[string, (photo: Sharp) => Sharp]>([
    ['webp', (p) => p.webp()],
    ['png of 16 bits', (p) => p.toColourspace('rgb16').png()],
    ['grey png with alpha', (p) => p.greyscale().ensureAlpha().toColourspace('b-w').png()],
    ['jpeg in CMYK', (p) => p.toColourspace('cmyk').jpeg({ quality: 95 })],
    ['progressive jpeg', (p) => p.jpeg({ progressive: true })],
  ])('%s', async (kind, make) => {
    const file = await write(`kind ${kind}`, make(small()).withMetadata());
    const { rows, code } = await predict(file);
    expect({ code, error: rows[0].error }).toEqual({ code: 0, error: undefined });
    expectFaces(rows[0]);
  });

  test.each([2, 3, 4, 5, 6, 7, 8] as const)('turned by EXIF, orientation %i', async (orientation) => {
    // What a camera held that way would have stored: turned, then mirrored.
    const [angle, mirrored] = (
      {
        2: [0, true],
        3: [180, false],
        4: [180, true],
        5: [90, true],
        6: [-90, false],
        7: [-90, true],
        8: [90, false],
      } as const
    )[orientation] as readonly [number, boolean];
    const turned = await sharp(photo).rotate(angle).png().toBuffer();
    const stored = sharp(turned).flop(mirrored).withMetadata({ orientation });
    const file = await write(`turned${orientation}.jpg`, stored.jpeg({ quality: 95 }));
    const { rows } = await predict(file);
    expectFaces(rows[0]);
  });

  test('one larger than is held in memory: boxes are in its own pixels', async () => {
    const file = await write('large.jpg', sharp(readSample(SAMPLES[0].name)).resize(4800, 3200).jpeg());
    expectFaces((await predict(file)).rows[0], 5);
  });

  test('an animated WebP: its first frame', async () => {
    const frames = await Promise.all([small().png().toBuffer(), small().negate().png().toBuffer()]);
    const file = await write(
      'moving.webp',
      sharp(frames, { join: { animated: true } }).webp({ quality: 90 }),
    );
    expect((await sharp(file).metadata()).pages).toBe(2);
    expectFaces((await predict(file)).rows[0]);
  });
});

/** A PNG of `side` x `side` black pixels, a bit each, in few bytes. */
function bomb(side: number): Buffer {
  const chunk = (type: string, data: Buffer): Buffer => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(data.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set([1, 0, 0, 0, 0], 8);
  const rows = deflateSync(Buffer.alloc(side * (1 + Math.ceil(side / 8))), { level: 9 });
  return Buffer.concat([
    Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'),
    chunk('IHDR', header),
    chunk('IDAT', rows),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

describe('what is refused', () => {
  test('each with its reason, and the others go on', async () => {
    writeFileSync(at('bomb.png'), bomb(30_000));
    writeFileSync(at('cut.jpg'), readFileSync(photo).subarray(0, 20_000));
    writeFileSync(at('text.jpg'), 'no picture');
    await sharp({ create: { width: 9, height: 9, channels: 3, background: '#123' } })
      .gif()
      .toFile(at('moving.gif'));
    const names = ['bomb.png', 'cut.jpg', 'text.jpg', 'moving.gif', 'none.jpg'].map((name) => at(name));
    const { code, rows, stderr } = await predict(...names, photo);
    expect(code).toBe(1);
    const errors = Object.fromEntries(rows.map(({ file, error }) => [file, error]));
    expect(errors[names[0]]).toBe(`${names[0]}: it has more than 100 million pixels: make it smaller`);
    expect(errors[names[1]]).toMatch(/cut\.jpg: the picture cannot be decoded/);
    expect(errors[names[2]]).toMatch(/expected a JPEG, PNG or WebP picture, found neither of them$/);
    expect(errors[names[3]]).toMatch(/expected a JPEG, PNG or WebP picture, found a GIF$/);
    expect(errors[names[4]]).toMatch(/there is no such file/);
    expect(stderr.trimEnd().split('\n')).toHaveLength(5);
    expectFaces(rows.find(({ file }) => file === photo) as Row);
  });

  test('an error that is not of the picture ends the work, and what was found until then is told', async () => {
    const recognize = PictureRecognizer.prototype.recognize;
    let calls = 0;
    vi.spyOn(PictureRecognizer.prototype, 'recognize').mockImplementation(function (
      this: PictureRecognizer,
      ...args
    ) {
      if (++calls > 1) throw new FerError('the GPU is gone');
      return recognize.apply(this, args);
    });
    const others = ['b.jpg', 'c.jpg'].map((name) => at(name));
    for (const other of others) writeFileSync(other, readFileSync(photo));
    const { code, rows, stderr } = await predict(photo, ...others);
    vi.restoreAllMocks();
    expect({ code, calls, stderr }).toEqual({ code: 1, calls: 2, stderr: 'the GPU is gone\n' });
    expect(rows).toHaveLength(1);
    expectFaces(rows[0]);
  });

  test('an annotated picture that cannot be written, and the others go on', async () => {
    mkdirSync(at('half', 'photo.faces.jpg'), { recursive: true });
    const other = at('other.jpg');
    writeFileSync(other, readFileSync(photo));
    const { code, rows } = await predict(photo, other, `annotate=${at('half')}`);
    expect(code).toBe(1);
    expect(rows[0].error).toMatch(/cannot write .*photo\.faces\.jpg/);
    expect(rows[0].annotated).toBeUndefined();
    for (const row of rows) expectFaces(row);
  });

  test('a folder that cannot be made for the annotated pictures', async () => {
    writeFileSync(at('taken'), '');
    const { code, stderr } = await fer('predict', model, photo, `annotate=${at('taken')}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot make the folder .*taken/);
  });
});

// 30,000 x 30,000 pixels are 2.7 GB in RGB; 10,000 x 9,999 are read, and shrunk on the way.
test.each([
  ['a PNG', 'huge.png', async () => bomb(9999)],
  [
    'a JPEG that is turned',
    'huge.jpg',
    () =>
      sharp({ create: { width: 9999, height: 5000, channels: 3, background: '#777' } })
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toBuffer(),
  ],
])('large pictures stay in bounded memory: %s', async (_, name, make) => {
  writeFileSync(at(name), await make());
  const program = `
    import { existsSync, readFileSync } from 'node:fs';
    import { readPhoto } from ${JSON.stringify(new URL('../dist/image/read.js', import.meta.url).href)};
    const { image } = await readPhoto(${JSON.stringify(at(name))});
    // On Linux maxRSS begins with what the process that started this one has; VmHWM is this one's own.
    const status = '/proc/self/status';
    const own = existsSync(status) && /VmHWM:\\s+(\\d+) kB/.exec(readFileSync(status, 'utf8'));
    const peak = own ? Number(own[1]) : process.resourceUsage().maxRSS;
    console.log(JSON.stringify({ side: Math.max(image.width, image.height), peak }));
  `;
  writeFileSync(at('huge.mjs'), program);
  const { spawnSync } = await import('node:child_process');
  const { stdout, stderr } = spawnSync(process.execPath, [at('huge.mjs')], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { side, peak } = JSON.parse(stdout);
  expect(side).toBe(3072);
  expect(peak / 1024).toBeLessThan(300);
});

test('the program itself, as it is installed', async () => {
  expect(existsSync(new URL('../dist/cli.js', import.meta.url))).toBe(true);
  const { code, stdout } = await cli('predict', photo, model, quick, 'json=true');
  expect(code).toBe(0);
  expectFaces(JSON.parse(stdout)[0]);
});
