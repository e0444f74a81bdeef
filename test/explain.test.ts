import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ReferenceBackend } from '../src/engine/backend/reference.ts';
import { Explainer } from '../src/explain/explainer.ts';
import { METHOD_NAMES } from '../src/explain/methods.ts';
import { readGrayImage } from '../src/image/read.ts';
import { readModel } from '../src/nn/model.ts';
import { fer } from './commands.ts';
import { largest } from './compare.ts';
import { temporaryFolder } from './dataFiles.ts';
import { faces, trainTiny } from './training.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const at = (...names: string[]): string => join(folder.path, ...names);
const model = `model=${at('runs', 'a')}`;

interface Row {
  file: string;
  error?: string;
  label: string;
  scores: Record<string, number>;
  target: string;
  logit: number;
  png: string;
  svg: string;
  maps: { method: string; npy: string; gap?: number; difference?: number; sum?: number }[];
}

async function explain(...args: string[]): Promise<{ code: number; rows: Row[]; stderr: string }> {
  const { code, stdout, stderr } = await fer('explain', 'json=true', model, ...args);
  expect(stdout.trimEnd().split('\n')).toHaveLength(1);
  return { code, rows: JSON.parse(stdout), stderr };
}

/** The values of a raw map, by the format's description. */
function readMap(file: string): { shape: string; values: Float32Array } {
  const bytes = readFileSync(file);
  const start = 10 + bytes.readUInt16LE(8);
  const [, shape] =
    /'<f4', 'fortran_order': False, 'shape': \(([^)]*)\)/.exec(bytes.toString('latin1', 10, start)) ?? [];
  return { shape, values: new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer) };
}

const dataset = faces({ Training: 60 });
const PLAIN = ['crops=1'];
const QUICK = [...PLAIN, 'samples=4', 'steps=8'];
const picture = (i: number) => {
  const pixels = dataset.images.subarray(i * 2304, (i + 1) * 2304);
  return sharp(pixels, { raw: { width: 48, height: 48, channels: 1 } });
};

beforeAll(async () => {
  await trainTiny({ runs: at('runs'), n_epochs: 6, lr: 0.02, augment: false }, { dataset });
  mkdirSync(at('pictures', 'more'), { recursive: true });
  await picture(0).png().toFile(at('pictures', 'one.png'));
  await picture(1).resize(200, 200).toColourspace('srgb').jpeg().toFile(at('pictures', 'two.JPG'));
  await picture(2)
    .png()
    .toFile(at('pictures', 'more', 'one.png'));
  writeFileSync(at('broken.jpg'), Buffer.from([0xff, 0xd8, 0xff, 0xe0, 0, 16]));
});

describe('explained pictures', () => {
  test('every method: pictures, raw maps and figures of each', async () => {
    const out = at('all', 'of', 'it');
    const { code, rows, stderr } = await explain(
      at('pictures'),
      `out=${out}`,
      `method=${METHOD_NAMES.join('+')}`,
      ...QUICK,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const names = ['one', 'one-2', 'two'];
    expect(readdirSync(out).sort()).toEqual(
      names
        .flatMap((name) => [
          ...METHOD_NAMES.map((m) => `${name}.${m}.npy`),
          `${name}.saliency.png`,
          `${name}.saliency.svg`,
        ])
        .sort(),
    );
    expect(rows.map(({ file }) => file)).toEqual(
      [join('more', 'one.png'), 'one.png', 'two.JPG'].map((name) => at('pictures', name)),
    );
    const { rows: predicted } = await (async () => {
      const { stdout } = await fer('predict', 'json=true', 'faces=none', model, at('pictures'), 'crops=1');
      return { rows: JSON.parse(stdout) as Row[] };
    })();
    for (const [i, { label, scores, target, maps, png, svg }] of rows.entries()) {
      expect(label).toBe(predicted[i].label);
      expect(target).toBe(label);
      for (const [name, score] of Object.entries(scores))
        expect(score).toBeCloseTo(predicted[i].scores[name], 5);
      expect(maps.map(({ method }) => method)).toEqual(METHOD_NAMES);
      for (const { npy, method, difference, sum } of maps) {
        const { shape, values } = readMap(npy);
        expect(shape).toBe('48, 48');
        expect(largest(values), method).toBeGreaterThan(0);
        if (method !== 'integrated') continue;
        const total = values.reduce((all, value) => all + value, 0);
        expect(total).toBeCloseTo(sum as number, 4);
        expect(Math.abs(total / (difference as number) - 1)).toBeLessThan(0.02);
      }
      const { format, width, height } = await sharp(png).metadata();
      expect(format).toBe('png');
      const [, svgWidth, svgHeight] =
        /width="([\d.]+)" height="([\d.]+)"/.exec(readFileSync(svg, 'utf8')) ?? [];
      expect([width, height]).toEqual([2 * Number(svgWidth), 2 * Number(svgHeight)]);
    }
  });

  test('no picture is written over, and what was drawn is no face the next time', async () => {
    const here = at('here');
    mkdirSync(here);
    for (const name of ['one.jpg', 'one.png']) copyFileSync(at('pictures', 'one.png'), join(here, name));
    const before = readFileSync(join(here, 'one.png'));
    for (let time = 0; time < 2; time++) {
      const { code, rows } = await explain(here, `out=${here}`, 'method=gradient', ...PLAIN);
      expect(code).toBe(0);
      expect(rows.map(({ file }) => file)).toEqual([join(here, 'one.jpg'), join(here, 'one.png')]);
    }
    expect(readFileSync(join(here, 'one.png'))).toEqual(before);
    expect(readFileSync(join(here, 'one.jpg'))).toEqual(before);
  });

  test('the maps are those of the reference backend, ten crops', async () => {
    const methods = ['gradient', 'gradcam', 'occlusion'] as const;
    const file = at('pictures', 'one.png');
    const { rows } = await explain(
      file,
      `out=${at('ten')}`,
      `method=${methods.join('+')}`,
      'patch=24',
      'stride=24',
    );
    const explainer = new Explainer(new ReferenceBackend(), readModel(at('runs', 'a')), {
      methods,
      crops: 10,
      batch: 1,
      patch: 24,
      stride: 24,
    });
    const [expected] = await explainer.explain(await readGrayImage(file));
    expect(rows[0].logit).toBeCloseTo(expected.logit, 4);
    for (const [m, { npy, method }] of rows[0].maps.entries()) {
      const { values } = readMap(npy);
      // A fall is the difference of two logits, and each of them is rounded by its own size.
      const of = method === 'occlusion' ? Math.abs(expected.logit) : 0;
      const scale = Math.max(largest(expected.maps[m].values), of);
      const worst = Math.max(...values.map((v, p) => Math.abs(v - expected.maps[m].values[p])));
      expect(worst / scale, method).toBeLessThan(1e-3);
    }
  });

  test('another label, by an alias', async () => {
    const { rows } = await explain(
      at('pictures'),
      `out=${at('target')}`,
      'method=gradient',
      'target=Joy',
      ...PLAIN,
    );
    expect(rows.map(({ target }) => target)).toEqual(['happy', 'happy', 'happy']);
    expect(readFileSync(rows.find(({ label }) => label !== 'happy')?.svg as string, 'utf8')).toContain(
      'explained: happy',
    );
  });

  test('as a table, in the dark theme', async () => {
    const { code, stdout } = await fer(
      'explain',
      model,
      at('pictures'),
      `out=${at('table')}`,
      'theme=dark',
      'method=gradient',
      ...PLAIN,
    );
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^file +label +\(%\) {2}explained +picture$/);
    expect(lines).toHaveLength(4);
    expect(lines[2]).toMatch(/one\.png +[a-z]+ +\d+\.\d {2}[a-z]+ +.*one-2\.saliency\.png$/);
    expect(readFileSync(at('table', 'one.saliency.svg'), 'utf8')).toContain('#14181d');
  });

  test('integrated gradients that do not add up are said to', async () => {
    const { rows, stderr } = await explain(
      at('pictures'),
      `out=${at('coarse')}`,
      'method=integrated',
      'crops=1',
      'steps=1',
      'baseline=black',
    );
    const incomplete = rows.filter(({ maps }) => (maps[0].gap ?? 0) > 0.02).map(({ file }) => file);
    const named = stderr
      .split('\n')
      .filter((line) => /integrated gradients miss \d+\.\d % of a score difference/.test(line));
    expect(incomplete).not.toEqual([]);
    expect(named.map((line) => line.split(': ')[0])).toEqual(incomplete);
  });
});

describe('what cannot be explained', () => {
  test('a bad picture is reported and the others go on', async () => {
    const { code, rows, stderr } = await explain(
      at('broken.jpg'),
      at('pictures'),
      at('none.jpg'),
      `out=${at('some')}`,
      'method=gradient',
      ...PLAIN,
    );
    expect(code).toBe(1);
    expect(rows).toHaveLength(5);
    const bad = rows.filter(({ error }) => error !== undefined).map(({ file }) => file);
    expect(bad.sort()).toEqual([at('broken.jpg'), at('none.jpg')]);
    expect(stderr).toMatch(/none\.jpg: there is no such file/);
    expect(stderr).toMatch(/broken\.jpg: the picture cannot be decoded/);
    expect(readdirSync(at('some')).filter((name) => name.endsWith('.png'))).toEqual([
      'one-2.saliency.png',
      'one.saliency.png',
      'two.saliency.png',
    ]);
  });

  test('maps that cannot be written cost the other pictures nothing', async () => {
    const out = at('half');
    mkdirSync(join(out, 'one.saliency.svg'), { recursive: true });
    const args = [
      at('pictures', 'one.png'),
      at('pictures', 'two.JPG'),
      `out=${out}`,
      'method=gradient',
      ...PLAIN,
    ];
    const { code, rows, stderr } = await explain(...args);
    expect(code).toBe(1);
    const error = `cannot write ${join(out, 'one.saliency.svg')}: it is a folder, not a file`;
    expect(stderr).toContain(error);
    expect(rows[0]).toEqual({ file: at('pictures', 'one.png'), error: expect.stringContaining(error) });
    expect(existsSync(rows[1].png)).toBe(true);
  });

  test.each([
    [
      'a label the model does not know',
      'target=hapy',
      2,
      /target=hapy: the model does not know it\. Did you mean target=happy\?/,
    ],
    [
      'a method that does not exist',
      'method=gradient+gradcamm',
      2,
      /method must be one or more of gradient, smoothgrad/,
    ],
    ['a patch larger than the faces', 'patch=49', 2, /patch=49: the faces of this model are 48x48/],
    ['places that leave gaps', 'stride=9', 2, /stride=9 leaves pixels between patches of 8/],
  ])('%s', async (_, setting, expected, message) => {
    const out = at('refused');
    const { code, stdout, stderr } = await fer('explain', model, at('pictures'), `out=${out}`, setting);
    expect({ code, stdout }).toEqual({ code: expected, stdout: '' });
    expect(stderr).toMatch(message);
    expect(existsSync(out)).toBe(false);
  });

  test('a folder that cannot be made', async () => {
    writeFileSync(at('file'), '');
    const { code, stderr } = await fer('explain', model, at('pictures'), `out=${at('file', 'x')}`);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot make the folder .*file/);
  });

  test('a model whose weights are of another width, or whose faces are smaller than its crops', async () => {
    for (const [name, change, message] of [
      ['wide', { width: 16 }, /conv1a\.weight.* is \[8,1,3,3\], this network needs \[16,1,3,3\]/],
      ['small', { imageSize: 32 }, /"imageSize" is 32, expected 40 at least/],
    ] as const) {
      const config = JSON.parse(readFileSync(at('runs', 'a', 'config.json'), 'utf8'));
      Object.assign(config.model, change);
      mkdirSync(at(name));
      writeFileSync(at(name, 'config.json'), JSON.stringify(config));
      writeFileSync(at(name, 'best.safetensors'), readFileSync(at('runs', 'a', 'best.safetensors')));
      const { code, stderr } = await fer(
        'explain',
        `model=${at(name)}`,
        at('pictures'),
        `out=${at('other')}`,
      );
      expect(code).toBe(1);
      expect(stderr).toMatch(message);
    }
  });

  test('a model of larger faces explains them at its size', async () => {
    const config = JSON.parse(readFileSync(at('runs', 'a', 'config.json'), 'utf8'));
    config.model.imageSize = 56;
    mkdirSync(at('large'));
    writeFileSync(at('large', 'config.json'), JSON.stringify(config));
    writeFileSync(at('large', 'best.safetensors'), readFileSync(at('runs', 'a', 'best.safetensors')));
    const { code, stdout } = await fer(
      'explain',
      'json=true',
      `model=${at('large')}`,
      at('pictures', 'one.png'),
      `out=${at('large', 'out')}`,
    );
    expect(code).toBe(0);
    expect(readMap(JSON.parse(stdout)[0].maps[0].npy)).toMatchObject({ shape: '56, 56' });
  });
});
