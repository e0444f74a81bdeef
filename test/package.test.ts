// By the package's own name: what its users get, types and all.

import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  type Explanation,
  loadRecognizer,
  type NodePicture,
  type PhotoRecognizer,
  type RecognizedFace,
} from 'fer';
import type { BrowserPicture, loadRecognizer as loadInBrowser } from 'fer/browser';
import { afterAll, describe, expect, expectTypeOf, test } from 'vitest';
import { temporaryFolder } from './dataFiles.ts';

describe('types', () => {
  test('of the library', () => {
    expectTypeOf(loadRecognizer).returns.resolves.toEqualTypeOf<PhotoRecognizer<NodePicture>>();
    expectTypeOf(loadRecognizer).parameter(0).toBeNullable();
    type Fer = PhotoRecognizer<NodePicture>;
    const one = (fer: Fer) => fer.recognize('photo.jpg', { crops: 1 });
    const several = (fer: Fer) => fer.recognize(['photo.jpg', new Uint8Array(3)]);
    const why = async (fer: Fer) =>
      fer.explain((await one(fer))[0], { methods: ['gradcam'], target: 'happy' });
    expectTypeOf(one).returns.resolves.toEqualTypeOf<RecognizedFace[]>();
    expectTypeOf(several).returns.resolves.toEqualTypeOf<RecognizedFace[][]>();
    expectTypeOf(why).returns.resolves.toEqualTypeOf<Explanation>();
    expectTypeOf<RecognizedFace['scores']>().toEqualTypeOf<Readonly<Record<string, number>>>();
    expectTypeOf<RecognizedFace['faceScore']>().toEqualTypeOf<number>();
    expectTypeOf<ImageData>().toExtend<NodePicture>();
    expectTypeOf<Buffer | ArrayBuffer | Blob | File | URL>().toExtend<NodePicture>();
    // @ts-expect-error 5 is no number of crops
    const wrong = (fer: Fer) => fer.recognize('photo.jpg', { crops: 5 });
    // @ts-expect-error a number is no picture
    const number = (fer: Fer) => fer.recognize(5);
    expect([wrong, number]).toHaveLength(2);
  });

  test('of the browser: the same, but for the pictures', () => {
    expectTypeOf<typeof loadInBrowser>().returns.resolves.toEqualTypeOf<PhotoRecognizer<BrowserPicture>>();
    expectTypeOf<
      Blob | ArrayBuffer | URL | HTMLVideoElement | HTMLImageElement | ImageData | string
    >().toExtend<BrowserPicture>();
    // @ts-expect-error 5 is no picture
    const number = (fer: PhotoRecognizer<BrowserPicture>) => fer.recognize(5);
    expect(number).toBeDefined();
  });
});

describe('the declarations of the built package', () => {
  const folder = temporaryFolder();
  afterAll(() => folder.remove());
  const root = fileURLToPath(new URL('..', import.meta.url));
  mkdirSync(join(folder.path, 'node_modules'));
  symlinkSync(root, join(folder.path, 'node_modules/fer'));
  writeFileSync(join(folder.path, 'package.json'), '{ "type": "module" }');

  /** Checks programs by their files' names as a project that has installed the package does, declarations included. */
  const check = (programs: Readonly<Record<string, string>>, ...types: string[]): void => {
    for (const [name, code] of Object.entries(programs)) writeFileSync(join(folder.path, name), code);
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', ...types];
    const done = spawnSync(process.execPath, [tsc, ...options, ...Object.keys(programs)], {
      cwd: folder.path,
      encoding: 'utf8',
    });
    expect(done.stdout + done.stderr).toBe('');
    expect(done.status).toBe(0);
  };
  const program = (from: string, picture: string) => `import { loadRecognizer } from '${from}';
    export async function labels(): Promise<string[]> {
      const fer = await loadRecognizer({ crops: 1 });
      const faces = await fer.recognize(${picture});
      await fer.close();
      return faces.map(({ label }) => label);
    }`;

  test('are whole in Node, which has no types of a page, and so are the programs of the documentation', () => {
    const documents = ['README.md', 'docs/library.md'].map((name) => readFileSync(join(root, name), 'utf8'));
    const shown = documents.flatMap((text) =>
      [...text.matchAll(/```js\n(.*?)```/gs)].map(([, code]) => code),
    );
    expect(shown.length).toBeGreaterThan(4);
    const programs = Object.fromEntries(shown.map((code, i) => [`shown${i}.ts`, code]));
    const typeRoots = join(root, 'node_modules/@types');
    check(
      { ...programs, 'node.ts': program('fer', `'photo.jpg'`) },
      ...['--lib', 'es2022', '--types', 'node', '--typeRoots', typeRoots],
    );
  });

  test('are whole in a page, which has no types of Node', () => {
    check({ 'browser.ts': program('fer/browser', 'new Blob()') }, ...['--lib', 'es2022,dom', '--types', '']);
  });
});

test('the library exports these names, which programs rely on', async () => {
  expect(Object.keys(await import('fer')).sort()).toEqual(
    [
      'DeviceError',
      'Explainer',
      'FACE_SIZE',
      'FER2013_LABELS',
      'FaceDetector',
      'FerError',
      'Interrupted',
      'METHODS',
      'METHOD_NAMES',
      'PictureError',
      'Recognizer',
      'SPLITS',
      'UsageError',
      'computeMetrics',
      'createBackend',
      'cropFace',
      'drawFace',
      'listImages',
      'loadDataset',
      'loadFaceModels',
      'loadRecognizer',
      'metricsText',
      'prepareTraining',
      'readGrayImage',
      'readModel',
      'readPhoto',
      'saliencyPanel',
      'shownMap',
      'synthetic',
      'train',
    ].sort(),
  );
});

describe('the browser library', () => {
  test('names what the documentation names', async () => {
    const library = await import('fer/browser');
    expect(Object.keys(library).sort()).toEqual(
      [
        'DeviceError',
        'FerError',
        'METHOD_NAMES',
        'PictureError',
        'UsageError',
        'colorOf',
        'loadRecognizer',
        'shownMap',
      ].sort(),
    );
  });

  test('leaves out of a bundle what is not used', async () => {
    const { rolldown } = await import('rolldown');
    const bundled = async (code: string): Promise<string> => {
      const bundle = await rolldown({
        input: 'entry',
        platform: 'browser',
        plugins: [
          {
            name: 'entry',
            resolveId: (id) => (id === 'entry' ? new URL('../entry.js', import.meta.url).pathname : null),
            load: (id) => (id.endsWith('/entry.js') ? code : null),
          },
        ],
      });
      const { output } = await bundle.generate({ format: 'esm' });
      await bundle.close();
      return output.map((chunk) => ('code' in chunk ? chunk.code : '')).join('');
    };
    const whole = await bundled(`export { loadRecognizer } from 'fer/browser';`);
    const part = await bundled(`export { FerError } from 'fer/browser';`);
    expect(whole).toContain('new Worker(new URL(');
    expect(part).not.toContain('new Worker');
    expect(part.length).toBeLessThan(whole.length / 10);
    expect(await bundled(`import 'fer/browser';`)).toMatch(/^\s*$/);
  });

  test('asks for nothing of Node', () => {
    for (const name of ['index', 'worker']) {
      const code = readFileSync(new URL(`../dist/browser/${name}.js`, import.meta.url), 'utf8');
      expect(code).not.toMatch(/(?:from|import\()\s*["'](?:node:|[a-z@])/);
    }
  });
});
