import { openAsBlob, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import { FerError, PictureError, UsageError } from '../src/errors.ts';
import { Recognizer } from '../src/evaluate/recognizer.ts';
import { Explainer } from '../src/explain/explainer.ts';
import {
  type ExplainOptions,
  loadRecognizer,
  type NodePicture,
  type PhotoRecognizer,
  type RecognizedFace,
} from '../src/index.ts';
import { readModel } from '../src/nn/model.ts';
import { start } from './process.ts';
import { ran } from './ran.ts';
import { drawnFace, FACES_IN_PHOTO, facePng, smallPhoto, type TinyModel, tinyModel } from './tinyModel.ts';

let tiny: TinyModel;
let fer: PhotoRecognizer<NodePicture>;
let photo: Buffer;

beforeAll(async () => {
  tiny = await tinyModel();
  fer = await loadRecognizer({ model: tiny.model, threads: 2 });
  photo = await smallPhoto(960);
  ran(`library: ${fer.device}`);
});
afterAll(() => fer?.close());

const fail = (): never => {
  throw new Error('no keypoints');
};
const sumOf = ({ scores }: RecognizedFace): number => Object.values(scores).reduce((a, b) => a + b);

describe('a picture that is one face', () => {
  const none = { faces: 'none' } as const;

  test('is answered as the network answers its pixels, whatever it comes as', async () => {
    const backend = await WasmBackend.create({ threads: 2 });
    const recognizer = new Recognizer(backend, readModel(tiny.model), { crops: 10, batch: 1 });
    const { size } = tiny.dataset;
    for (const i of [0, 1, 2]) {
      const gray = drawnFace(tiny.dataset, i);
      const png = await facePng(tiny.dataset, i);
      writeFileSync(tiny.at('face.png'), png);
      const rgb = Uint8Array.from({ length: 3 * gray.length }, (_, at) => gray[Math.floor(at / 3)]);
      const rgba = Uint8ClampedArray.from({ length: 4 * gray.length }, (_, at) =>
        at % 4 === 3 ? 255 : gray[at >> 2],
      );
      const pictures: NodePicture[] = [
        tiny.at('face.png'),
        png,
        Uint8Array.from(png),
        pathToFileURL(tiny.at('face.png')),
        new Uint8Array(png).buffer,
        new Blob([new Uint8Array(png)]),
        new File([new Uint8Array(png)], 'face.png'),
        await openAsBlob(tiny.at('face.png')),
        { width: size, height: size, data: gray },
        { width: size, height: size, data: rgb },
        { width: size, height: size, data: rgba },
      ];
      const [expected] = await recognizer.recognize(gray);
      for (const picture of pictures) {
        const [face, ...others] = await fer.recognize(picture, none);
        expect(others).toEqual([]);
        expect([...face.crop]).toEqual([...gray]);
        expect(face.label).toBe(expected.label);
        for (const [label, score] of Object.entries(expected.scores)) {
          expect(face.scores[label]).toBeCloseTo(score, 6);
        }
        expect(face.faceScore).toBe(1);
        expect(face.box).toEqual({ x: 0, y: 0, width: size, height: size });
      }
    }
    await backend.close();
  });

  test('its largest centred square is looked at, turned as EXIF says', async () => {
    const wide = await sharp(photo).resize(300, 200, { fit: 'fill' }).toBuffer();
    const turned = await sharp(wide).withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
    const [face] = await fer.recognize(wide, none);
    expect(face.box).toEqual({ x: 50, y: 0, width: 200, height: 200 });
    const [other] = await fer.recognize(turned, none);
    expect(other.box).toEqual({ x: 0, y: 50, width: 200, height: 200 });
    // A quarter turn to the right: what was at the left is at the top.
    const differences = Array.from(face.crop, (_, at) => {
      const [row, column] = [Math.floor(at / 48), at % 48];
      return Math.abs(other.crop[at] - face.crop[(47 - column) * 48 + row]);
    });
    expect(differences.reduce((a, b) => a + b) / differences.length).toBeLessThan(2);
  });

  test('transparent parts are mid-grey', async () => {
    const data = new Uint8Array(4 * 48 * 48);
    const [face] = await fer.recognize({ width: 48, height: 48, data }, none);
    expect(new Set(face.crop)).toEqual(new Set([128]));
  });
});

describe('a photo', () => {
  // Its faces are no smaller, and one look is enough for them.
  const large = { smallest: 1 / 16 } as const;

  test('has its faces found, several photos at once as well', async () => {
    const png = await facePng(tiny.dataset, 0);
    const faces = await fer.recognize(photo, large);
    expect(faces).toHaveLength(FACES_IN_PHOTO);
    for (const face of faces) {
      expect(Object.keys(face.scores)).toEqual(tiny.dataset.labels);
      expect(sumOf(face)).toBeCloseTo(1, 6);
      expect(face.scores[face.label]).toBe(Math.max(...Object.values(face.scores)));
      expect(face.crop).toHaveLength(48 * 48);
      expect(face.faceScore).toBeGreaterThan(0.5);
      const { rightEye, leftEye, nose, mouth } = face.keypoints ?? fail();
      expect(rightEye.x).toBeLessThan(leftEye.x);
      expect([rightEye.y < nose.y, leftEye.y < nose.y, nose.y < mouth.y]).toEqual([true, true, true]);
      const inside = [rightEye, leftEye, nose, mouth].map(
        ({ x, y }) =>
          x > face.box.x &&
          x < face.box.x + face.box.width &&
          y > face.box.y &&
          y < face.box.y + face.box.height,
      );
      expect(inside).toEqual([true, true, true, true]);
    }
    // From left to right, where people see them in this photo.
    const centres = faces.map(({ box }) => (box.x + box.width / 2) / 960).sort();
    [0.27, 0.49, 0.81].forEach((place, i) => {
      expect(Math.abs(centres[i] - place)).toBeLessThan(0.04);
    });
    const [one, two] = await fer.recognize([photo, png], { ...large, crops: 10 });
    expect(one.map(({ box, label }) => ({ box, label }))).toEqual(
      faces.map(({ box, label }) => ({ box, label })),
    );
    one.forEach(({ scores }, i) => {
      for (const [label, score] of Object.entries(scores))
        expect(score).toBeCloseTo(faces[i].scores[label], 5);
    });
    // A picture that small is taken as one face.
    expect(two).toHaveLength(1);
    expect(two[0].faceScore).toBe(1);
    expect(two[0].keypoints).toBeNull();
  });

  test('without a face gives none, and an empty list of pictures gives an empty list', async () => {
    const plain = { width: 96, height: 96, data: new Uint8Array(96 * 96).fill(90) };
    expect(await fer.recognize(plain)).toEqual([]);
    expect(await fer.recognize([])).toEqual([]);
  });

  test('many at once are answered in their order, as each alone', async () => {
    const faces = Array.from({ length: 20 }, (_, i) => drawnFace(tiny.dataset, i));
    const pictures = faces.map((data) => ({ width: 48, height: 48, data }));
    const all = await fer.recognize(pictures);
    expect(all.map(([{ crop }]) => [...crop])).toEqual(faces.map((face) => [...face]));
    const alone = await Promise.all(pictures.map((picture) => fer.recognize(picture)));
    expect(all.map(([{ label }]) => label)).toEqual(alone.map(([{ label }]) => label));
  });

  test('only the best faces where so few are asked for', async () => {
    const all = await fer.recognize(photo, large);
    const [best] = await fer.recognize(photo, { ...large, maxFaces: 1 });
    expect(best.box).toEqual(all[0].box);
    expect(await fer.recognize(photo, { ...large, minScore: 1 })).toEqual([]);
  });
});

describe('explain', () => {
  test('says what the Explainer says', async () => {
    const gray = drawnFace(tiny.dataset, 3);
    const [face] = await fer.recognize({ width: 48, height: 48, data: gray }, { faces: 'none' });
    const shares: number[] = [];
    const explanation = await fer.explain(face, {
      methods: ['gradient', 'gradcam'],
      target: 'joy',
      onProgress: (share) => shares.push(share),
    });
    expect(shares).toEqual([0.5, 1]);
    const backend = await WasmBackend.create({ threads: 2 });
    const explainer = new Explainer(backend, readModel(tiny.model), {
      methods: ['gradient', 'gradcam'],
      crops: 10,
      batch: 6,
    });
    const [expected] = await explainer.explain(gray, { targets: ['happy'] });
    await backend.close();
    expect(explanation).toEqual(expected);
    // Of the crop alone, with settings of its own.
    const options = { methods: ['occlusion'], crops: 1, settings: { patch: 16, stride: 16 } } as const;
    const { maps, target } = await fer.explain(face.crop, options);
    expect(target).toBe(face.label);
    expect(maps[0].values).toHaveLength(48 * 48);
    // What is undefined is as if it were not there.
    const settings = { ...options.settings, baseline: undefined };
    expect(await fer.explain(face.crop, { ...options, crops: undefined, settings })).toEqual(
      await fer.explain(face.crop, { ...options, crops: 10 }),
    );
  });

  test.each([
    ['a label that it does not know', { target: 'bored' }, /does not know/],
    ['a patch larger than the face', { methods: ['occlusion'], settings: { patch: 99 } }, /patch/],
    [
      'a stride that goes nowhere',
      { methods: ['occlusion'], settings: { stride: 0 } },
      /stride is 0: .* >= 1/,
    ],
    ['a setting that is none', { settings: { strides: 2 } }, /no setting strides\..*stride/],
    ['a method that there is not', { methods: ['grad'] }, /no method grad\..*gradcam/],
    ['crops between one and ten', { crops: 3 }, /crops is 3, expected 1 or 10/],
  ] as [string, ExplainOptions, RegExp][])('refuses %s', async (_, options, message) => {
    const crop = drawnFace(tiny.dataset, 0);
    await expect(fer.explain(crop, options)).rejects.toThrow(UsageError);
    await expect(fer.explain(crop, options)).rejects.toThrow(message);
  });

  test('refuses what is no crop', async () => {
    await expect(fer.explain(new Uint8Array(5))).rejects.toThrow(/5 pixels: expected 48x48/);
  });
});

describe('what cannot be done is said', () => {
  const cut = (): Buffer => photo.subarray(0, 2000);
  test.each([
    ['a text', () => Buffer.from('hello, this is no picture'), /expected a JPEG, PNG or WebP/],
    ['nothing', () => new Uint8Array(0), /found an empty file/],
    ['a picture that is cut short', cut, /damaged or cut short/],
    ['a path that is not there', () => '/nowhere/face.jpg', /nowhere\/face\.jpg/],
    ['pixels that are too few', () => ({ width: 9, height: 9, data: new Uint8Array(9) }), /9 bytes for 9x9/],
    [
      'pixels that are no bytes',
      () => ({ width: 1, height: 1, data: new Float32Array(1) }) as unknown as NodePicture,
      /data is an object of Float32Array, expected a Uint8Array/,
    ],
    ['an address', () => 'https://pictures.example/a.jpg', /a\.jpg is no file: fetch it, and give its bytes/],
    ['a URL', () => new URL('https://pictures.example/a.jpg'), /a\.jpg is no file: fetch it/],
    ['a URL of no path', () => new URL('file:///a%2fb.jpg'), /file:\/\/\/a%2fb\.jpg cannot be read: /],
    ['a Blob of no picture', () => new Blob(['hello']), /expected a JPEG, PNG or WebP/],
    ['an object', () => ({}) as NodePicture, /found an object of Object/],
    ['undefined', () => undefined as unknown as NodePicture, /found undefined/],
  ])('%s', async (_, picture, message) => {
    await expect(fer.recognize(picture())).rejects.toThrow(PictureError);
    await expect(fer.recognize(picture())).rejects.toThrow(message);
  });

  test('a file that is gone by then', async () => {
    writeFileSync(tiny.at('gone.png'), await facePng(tiny.dataset, 0));
    const file = await openAsBlob(tiny.at('gone.png'));
    rmSync(tiny.at('gone.png'));
    await expect(fer.recognize(file)).rejects.toThrow(PictureError);
    await expect(fer.recognize(file)).rejects.toThrow(/the file cannot be read: /);
  });

  test('one of many pictures', async () => {
    const faces = Array.from({ length: 20 }, (_, i) => drawnFace(tiny.dataset, i));
    const pictures: NodePicture[] = faces.map((data) => ({ width: 48, height: 48, data }));
    pictures[9] = Buffer.from('no picture');
    await expect(fer.recognize(pictures)).rejects.toThrow(/expected a JPEG, PNG or WebP/);
    expect(fer.problem).toBeUndefined();
  });

  test('a bomb of pixels, before it is unpacked', async () => {
    const create = { width: 10_001, height: 10_000, channels: 3, background: '#777' } as const;
    const bomb = await sharp({ create, limitInputPixels: false })
      .png({ compressionLevel: 1, palette: false })
      .toBuffer();
    await expect(fer.recognize(bomb)).rejects.toThrow(/more than 100 million pixels/);
  });

  test.each([
    [{ crops: 3 }, /crops is 3/],
    [{ faces: 'some' }, /faces is "some"/],
    [{ minScore: 0 }, /minScore is 0/],
    [{ maxFaces: 0.5 }, /maxFaces is 0.5/],
  ])('%o', async (options, message) => {
    await expect(fer.recognize(photo, options as object)).rejects.toThrow(message);
  });

  test.each([
    [{ crops: 5 }, /crops is 5, expected 1 or 10/],
    [{ faces: 'x' }, /faces is "x"/],
    [{ minScore: 7 }, /minScore is 7/],
    [{ smallest: 0 }, /smallest is 0/],
  ])('%o, already where it is loaded', async (options, message) => {
    const loaded = loadRecognizer({ model: tiny.model, threads: 1, ...(options as object) });
    await expect(loaded).rejects.toThrow(UsageError);
    await expect(loaded).rejects.toThrow(message);
  });

  test('a model that is not there, or is none', async () => {
    await expect(loadRecognizer({ model: tiny.at('none') })).rejects.toThrow(/no model at/);
    await expect(loadRecognizer({ model: tiny.at('runs') })).rejects.toThrow(/config\.json is missing/);
  });

  test('a model that turns out damaged in the thread', async () => {
    const folder = tiny.at('damaged');
    const { mkdirSync, copyFileSync } = await import('node:fs');
    mkdirSync(folder);
    copyFileSync(`${tiny.model}/config.json`, `${folder}/config.json`);
    writeFileSync(
      `${folder}/best.safetensors`,
      readFileSync(`${tiny.model}/best.safetensors`).subarray(0, 500),
    );
    await expect(loadRecognizer({ model: folder })).rejects.toThrow(FerError);
  });
});

test('close fails what is under way, and what comes after', async () => {
  const other = await loadRecognizer({ model: tiny.model, threads: 1, faces: 'none' });
  await expect(other.recognize(photo, { faces: 'auto' })).rejects.toThrow(/loaded with it/);
  const under = other.recognize(photo);
  const failed = expect(under).rejects.toThrow(/closed/);
  await other.close();
  await failed;
  await expect(other.recognize(photo)).rejects.toThrow(/closed/);
  expect(other.problem?.message).toMatch(/closed/);
  await other.close();
});

test('a thread that dies is told as an error of its own, with its cause', async () => {
  const posting = vi.spyOn(Worker.prototype, 'postMessage');
  const other = await loadRecognizer({ model: tiny.model, threads: 1, faces: 'none' });
  const [worker] = posting.mock.contexts as Worker[];
  posting.mockRestore();
  const under = other.recognize(photo).catch((error: unknown) => error);
  const cause = new Error('out of memory');
  worker.emit('error', cause);
  expect(await under).toEqual(new FerError("the recognizer's thread failed: out of memory"));
  expect(other.problem).toBeInstanceOf(FerError);
  expect(other.problem?.cause).toBe(cause);
  await expect(other.recognize(photo)).rejects.toBe(other.problem);
  await other.close();
});

test('a program that has its answer ends, though it closes nothing', async () => {
  writeFileSync(tiny.at('photo.jpg'), photo);
  const library = new URL('../dist/index.js', import.meta.url).href;
  const program = `
    const { loadRecognizer } = await import(${JSON.stringify(library)});
    const fer = await loadRecognizer({ model: ${JSON.stringify(tiny.model)}, faces: 'none' });
    console.log((await fer.recognize(${JSON.stringify(tiny.at('photo.jpg'))}))[0].label);
  `;
  const { code, stdout } = await start(process.execPath, ['--input-type=module', '-e', program]).ended;
  expect(code).toBe(0);
  expect(tiny.dataset.labels).toContain(stdout.trim());
});
