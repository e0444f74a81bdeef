import fs, { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { mcnemar } from '../src/evaluate/mcnemar.ts';
import type { Metrics } from '../src/evaluate/metrics.ts';
import { pValue } from '../src/report/format.ts';
import { fer, must } from './commands.ts';
import { temporaryFolder } from './dataFiles.ts';
import { attribute, type Element, elements, placedTexts, textOf } from './svg.ts';

const folder = temporaryFolder();
const at = (...names: string[]): string => join(folder.path, ...names);
const DATA = 'synthetic:150';
const TRAIN = [`data=${DATA}`, `runs=${folder.path}`, 'width=8', 'bs=16', 'threads=2', 'curves=false'];
const SEEN = [...TRAIN, 'eval_crops=1'];
const JUDGE = [`data=${DATA}`, 'crops=1', 'split=Training', 'threads=2'];
const QUICK = [...JUDGE, 'resamples=200', 'faces=1', 'mistakes=3'];
const PLAIN = [...JUDGE, 'resamples=200', 'faces=0', 'mistakes=3'];
/** Of several runs: no faces are shown. */
const SEVERAL = [...JUDGE, 'resamples=200'];

const evaluate = async (run: string): Promise<Metrics> =>
  JSON.parse(await must('evaluate', `model=${run}`, ...JUDGE, 'json=true'));

beforeAll(async () => {
  vi.stubEnv('FER_CACHE', at('cache'));
  await must('train', 'name=one', 'n_epochs=10', 'lr=0.03', 'warmup=0', 'augment=false', 'seed=5', ...SEEN);
  await must('train', 'name=other', 'n_epochs=2', 'lr=0.01', 'val=none', ...TRAIN);
});
afterAll(() => {
  vi.unstubAllEnvs();
  folder.remove();
});

/** The text of every cell, rows of cells; non-breaking spaces made plain. */
function cells(table: Element): string[][] {
  const plain = (cell: Element): string => textOf(cell).replaceAll('\u00a0', ' ');
  return elements(table, 'tr').map((row) =>
    elements(row, ({ tagName }) => tagName === 'td' || tagName === 'th').map(plain),
  );
}
const section = (page: string, id: string): Element =>
  elements(page, (element) => element.tagName === 'section' && attribute(element, 'id') === id)[0];
const tableIn = (page: string, id: string, n = 0): string[][] =>
  cells(elements(section(page, id), 'table')[n]);
const percent = (share: number): string => `${(100 * share).toFixed(2)} %`;

/** What holds for every page: complete in itself, valid, and readable without seeing it. */
function checkPage(page: string): void {
  expect(page.startsWith('<!DOCTYPE html>\n<html lang="en">')).toBe(true);
  expect(elements(page, 'title').length).toBeGreaterThan(0);
  for (const tag of ['script', 'link', 'iframe', 'object', 'base']) expect(elements(page, tag)).toEqual([]);
  for (const element of elements(page, () => true)) {
    for (const { name, value } of element.attrs) {
      if (name === 'src') expect(value).toMatch(/^data:image\/webp;base64,/);
      if (name === 'href' || name === 'xlink:href') expect(value).toMatch(/^#/);
      expect(name).not.toMatch(/^on/);
    }
  }
  expect(page.replaceAll('http://www.w3.org/', '').match(/https?:\/\/.{0,40}/)).toBeNull();
  for (const [, url] of page.matchAll(/url\(([^)]{0,30})/g)) expect(url).toMatch(/^data:font\/woff2;base64,/);
  const ids = elements(page, () => true).flatMap((element) => attribute(element, 'id') ?? []);
  expect(new Set(ids).size).toBe(ids.length);
  for (const link of elements(page, 'a')) expect(ids).toContain(attribute(link, 'href')?.slice(1));
  for (const image of elements(page, 'img')) expect(attribute(image, 'alt')).toMatch(/\w+ .*\w/);
  for (const svg of elements(page, 'svg')) {
    expect(attribute(svg, 'role')).toBe('img');
    expect(attribute(svg, 'aria-label')).toMatch(/\w/);
    expect(textOf(elements(svg, 'desc')[0])).toMatch(/\w/);
  }
  for (const head of elements(page, 'th')) expect(attribute(head, 'scope')).toMatch(/^(row|col)$/);
  const levels = elements(page, ({ tagName }) => /^h[1-6]$/.test(tagName)).map(({ tagName }) =>
    Number(tagName[1]),
  );
  expect(levels.filter((level) => level === 1)).toHaveLength(1);
  levels.forEach((level, i) => {
    expect(level).toBeLessThanOrEqual((levels[i - 1] ?? 0) + 1);
  });
  // The font's bytes may spell anything.
  const written = page.replaceAll(/base64,[A-Za-z0-9+/=]+/g, '');
  expect(written.match(/.{30}(undefined|NaN|\[object).{30}/)).toBeNull();
}

describe('the report of a run', () => {
  let page: string;
  let result: { file: string; runs: { metrics: Metrics; calibration: { ece: number }; intervals: never }[] };
  let metrics: Metrics;
  beforeAll(async () => {
    result = JSON.parse(await must('report', at('one'), ...QUICK, 'json=true'));
    page = readFileSync(at('one', 'report.html'), 'utf8');
    metrics = await evaluate(at('one'));
  });

  test('is one file that needs nothing else', () => {
    expect(result.file).toBe(at('one', 'report.html'));
    checkPage(page);
    expect(statSync(result.file).size).toBeLessThan(1_000_000);
  });

  test('has the figures of evaluate', () => {
    const { imagesPerSecond: _, ...expected } = metrics;
    expect(result.runs[0].metrics).toMatchObject(expected);
    const { ece } = result.runs[0].calibration;
    const rows = tableIn(page, 'figures').slice(1);
    expect(rows.map(([name, figure]) => [name, figure])).toEqual([
      ['Accuracy', percent(metrics.accuracy)],
      ['Balanced accuracy', percent(metrics.balancedAccuracy)],
      ['Macro F1', percent(metrics.macro.f1)],
      ['Top-2 accuracy', percent(metrics.top2)],
      ["Cohen's kappa", metrics.cohenKappa.toFixed(4)],
      ['Matthews correlation', metrics.matthews.toFixed(4)],
      ['Loss', metrics.loss.toFixed(4)],
      ['Calibration error', percent(ece)],
    ]);
    const [low, high] = rows[0][2].split(' – ').map(Number);
    expect(low).toBeLessThan(100 * metrics.accuracy);
    expect(high).toBeGreaterThan(100 * metrics.accuracy);
    const tiles = elements(page, (element) => attribute(element, 'class') === 'tiles');
    expect(textOf(tiles[0])).toContain(`Accuracy${percent(metrics.accuracy)}`.replace(' %', '\u00a0%'));
  });

  test('has the confusion matrix of evaluate', () => {
    const [head, ...rows] = tableIn(page, 'confusion');
    expect(head).toEqual(['', ...metrics.labels]);
    const shares = metrics.confusionNormalized;
    expect(rows).toEqual(
      metrics.labels.map((label, r) => [
        label,
        ...metrics.confusion[r].map((count, c) => `${(100 * shares[r][c]).toFixed(1)}${count}`),
      ]),
    );
  });

  test('has the classes of evaluate, in the table and in the bars', () => {
    const rows = tableIn(page, 'classes').slice(1);
    expect(rows.map(([label, images]) => [label, Number(images)])).toEqual(
      metrics.perClass.map(({ label, support }) => [label, support]),
    );
    const keys = ['recall', 'precision', 'f1'] as const;
    rows.forEach((row, c) => {
      keys.forEach((key, k) => {
        expect(row[2 + k].startsWith(percent(metrics.perClass[c][key]))).toBe(true);
      });
    });
    const charts = elements(section(page, 'classes'), 'svg');
    keys.forEach((key, k) => {
      const shown = placedTexts(charts[k]).filter(({ text }) => /^\d+\.\d$/.test(text));
      expect(shown.sort((a, b) => a.y - b.y).map(({ text }) => text)).toEqual(
        metrics.perClass.map((each) => (100 * each[key]).toFixed(1)),
      );
      const group = elements(charts[k], (element) =>
        /\bmark-rect role-mark\b/.test(attribute(element, 'class') ?? ''),
      )[0];
      const widths = elements(group, 'path').map((bar) => /h([\d.]+)v/.exec(attribute(bar, 'd') ?? '')?.[1]);
      const full = elements(charts[k], 'path')
        .map((path) => /^M0,0h(\d+)v[\d.]+h-\1Z/.exec(attribute(path, 'd') ?? '')?.[1])
        .find((width) => Number(width) > 0);
      widths.forEach((width, c) => {
        expect(Number(width) / Number(full)).toBeCloseTo(metrics.perClass[c][key], 2);
      });
      expect(widths).toHaveLength(metrics.labels.length);
    });
  });

  test('has the curves, the speed and the settings of the run', () => {
    const history = readFileSync(at('one', 'history.csv'), 'utf8').trim().split('\n').slice(1);
    const best = Math.max(...history.map((line) => Number(line.split(',')[5])));
    const text = textOf(section(page, 'curves')).replaceAll('\u00a0', ' ');
    expect(text).toContain(`10 epochs. The best validation accuracy, ${percent(best)} on PublicTest`);
    expect(elements(section(page, 'curves'), 'svg')).toHaveLength(3);
    const settings = Object.fromEntries(
      elements(section(page, 'settings'), 'table').flatMap((table) => cells(table)),
    );
    expect(settings).toMatchObject({
      name: 'one',
      data: DATA,
      n_epochs: '10',
      lr: '0.03',
      seed: '5',
      val: 'PublicTest',
    });
    const changed = elements(
      section(page, 'settings'),
      (element) => attribute(element, 'class') === 'changed',
    );
    const names = changed.map((row) => cells({ ...row, childNodes: [row] } as Element)[0][0]);
    expect(names).toEqual(expect.arrayContaining(['width', 'augment', 'seed']));
    expect(names).not.toContain('momentum');
    expect(textOf(section(page, 'speed'))).toContain('Images trained a second');
  });

  test('shows the surest mistakes and a row for each expression, with maps', async () => {
    const out = at('evaluation');
    await must('evaluate', `model=${at('one')}`, ...JUDGE, `out=${out}`);
    const [, ...rows] = readFileSync(join(out, 'predictions.csv'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(','));
    const wrong = rows
      .filter(([, , , correct]) => correct === '0')
      .map(([image, target, prediction, , ...scores]) => ({
        image,
        target,
        prediction,
        sure: Math.max(...scores.map(Number)),
      }))
      .sort((a, b) => b.sure - a.sure)
      .slice(0, 3);
    const shown = elements(section(page, 'mistakes'), 'figure');
    expect(shown).toHaveLength(3);
    shown.forEach((figure, i) => {
      const { image, target, prediction, sure } = wrong[i];
      const caption = textOf(elements(figure, 'figcaption')[0]).replaceAll('\u00a0', ' ');
      expect(caption).toBe(`${prediction} ${(100 * sure).toFixed(1)} %target: ${target}image ${image}`);
      expect(elements(figure, 'img')).toHaveLength(2);
    });
    const gallery = section(page, 'saliency');
    expect(elements(gallery, 'h3').map(textOf)).toEqual(metrics.labels);
    expect(elements(gallery, 'figure')).toHaveLength(metrics.labels.length);
    expect(elements(gallery, 'img')).toHaveLength(3 * metrics.labels.length);
  });

  test('warns that the network knows these images', () => {
    const warnings = elements(page, (element) => attribute(element, 'class') === 'warning');
    expect(warnings.map(textOf).join()).toContain('learned from Training');
  });

  test('is the same but for the clock when it is made again, and without maps where none are asked for', async () => {
    await must('report', at('one'), ...QUICK, `out=${at('again.html')}`);
    const again = readFileSync(at('again.html'), 'utf8');
    for (const id of ['figures', 'classes', 'confusion', 'calibration', 'mistakes', 'saliency'])
      expect(elements(section(again, id), () => true)).toHaveLength(
        elements(section(page, id), () => true).length,
      );
    expect(tableIn(again, 'figures')).toEqual(tableIn(page, 'figures'));
    await must('report', at('one'), ...PLAIN, `out=${at('plain.html')}`);
    const plain = readFileSync(at('plain.html'), 'utf8');
    checkPage(plain);
    expect(section(plain, 'saliency')).toBeUndefined();
    expect(elements(section(plain, 'mistakes'), 'img')).toHaveLength(3);
  });
});

describe('a run that was no single training of these settings', () => {
  const settingsOf = async (run: string): Promise<Record<string, string>> => {
    const out = at('told.html');
    await must('report', run, ...PLAIN, `out=${out}`);
    const page = readFileSync(out, 'utf8');
    checkPage(page);
    return Object.fromEntries(elements(section(page, 'settings'), 'table').flatMap((table) => cells(table)));
  };

  test('says what changed on the way, and who taught it', async () => {
    await must('train', 'name=changed', 'n_epochs=2', 'lr=0.01', 'val=none', 'save_freq=1', ...TRAIN);
    const again = [`data=${DATA}`, `runs=${folder.path}`, 'name=changed', 'threads=2'];
    await must('train', 'resume=true', 'n_epochs=3', 'lr=0.005', ...again);
    await must('train', 'restore_epoch=3', `teacher=${at('one')}`, 'n_epochs=4', ...again);
    const file = at('changed', 'config.json');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    record.changes[1].program = { version: '9.9.9', git: null };
    writeFileSync(file, JSON.stringify(record));
    const settings = await settingsOf(at('changed'));
    expect(settings).toMatchObject({
      lr: '0.01; 0.005 from epoch 3 on',
      n_epochs: '2; 3 from epoch 3 on; 4 from epoch 4 on',
      teacher: `–; ${at('one')} from epoch 4 on`,
      bs: '16',
      'from epoch 3 on': 'n_epochs 2 → 3; lr 0.01 → 0.005',
      'taught by': at('one', 'best.safetensors'),
    });
    expect(settings['from epoch 4 on']).toMatch(
      /^back to the weights of epoch 3; .*teacher – → .*; fer 9\.9\.9$/,
    );

    const out = at('changed and other.html');
    await must('report', at('changed'), at('other'), ...SEVERAL, `out=${out}`);
    const rows = tableIn(readFileSync(out, 'utf8'), 'settings');
    expect(rows.find(([key]) => key === 'lr')).toEqual(['lr', '0.01; 0.005 from epoch 3 on', '0.01']);
  });

  test('says which networks it is the mean of', async () => {
    const where = [`runs=${folder.path}`, `data=${DATA}`, 'threads=2'];
    await must('average', at('one'), at('other'), 'name=mean', ...where);
    const settings = await settingsOf(at('mean'));
    const models = ['one', 'other'].map((name) =>
      expect.stringMatching(`/${name}/(best|last)\\.safetensors$`),
    );
    expect(settings['mean of'].split(', ')).toEqual(models);
    expect(settings['batch-norm statistics']).toBe(`Training of ${DATA} (crop, flip)`);
  });
});

test('the seed is that of the bootstrap: the drawn faces stay the same', async () => {
  const reported = async (seed: number) => {
    const args = ['report', at('one'), ...PLAIN, `seed=${seed}`, `out=${at('seed.html')}`, 'json=true'];
    const { metrics, intervals } = JSON.parse(await must(...args)).runs[0];
    const { imagesPerSecond: _, ...figures } = metrics;
    return { figures, intervals };
  };
  const [first, second] = [await reported(0), await reported(1)];
  expect(second.figures).toEqual(first.figures);
  expect(second.intervals).not.toEqual(first.intervals);
});

describe('the report of several runs', () => {
  test('has the figures of each, and the test between them', async () => {
    const out = at('both.html');
    const found = JSON.parse(
      await must('report', at('one'), at('other'), ...SEVERAL, `out=${out}`, 'json=true'),
    );
    const page = readFileSync(out, 'utf8');
    checkPage(page);
    const metrics = [await evaluate(at('one')), await evaluate(at('other'))];
    const [head, ...rows] = tableIn(page, 'figures');
    expect(head).toEqual(['', 'one', 'other']);
    expect(rows[0].slice(1).map((cell) => cell.split('%')[0])).toEqual(
      metrics.map(({ accuracy }) => percent(accuracy).slice(0, -1)),
    );
    for (const [n, { confusion }] of metrics.entries()) {
      const counts = tableIn(page, 'confusion', n)
        .slice(1)
        .map((row) => row.slice(1).map((cell) => cell.split('.')[1].slice(1)));
      expect(counts).toEqual(confusion.map((row) => row.map(String)));
    }
    const right = await Promise.all(
      ['one', 'other'].map(async (name) => {
        const place = at(`${name}-evaluation`);
        await must('evaluate', `model=${at(name)}`, ...JUDGE, `out=${place}`);
        return readFileSync(join(place, 'predictions.csv'), 'utf8')
          .trim()
          .split('\n')
          .slice(1)
          .map((line) => line.split(',')[3] === '1');
      }),
    );
    const only = (a: boolean[], b: boolean[]): number => a.filter((yes, n) => yes && !b[n]).length;
    const [pair] = tableIn(page, 'pairs').slice(1);
    expect(pair.slice(3, 5)).toEqual([String(only(right[0], right[1])), String(only(right[1], right[0]))]);
    const difference = 100 * (metrics[0].accuracy - metrics[1].accuracy);
    expect(Number(pair[1].replace('−', '-'))).toBeCloseTo(difference, 1);
    const { interval, ...figures } = found.pairs[0];
    expect(figures.difference).toBeCloseTo(difference / 100, 12);
    expect(figures).toMatchObject({ first: 'one', second: 'other', ...mcnemar(right[0], right[1]) });
    expect(figures.corrected).toBe(figures.p);
    expect(interval.low).toBeLessThanOrEqual(figures.difference);
    expect(interval.high).toBeGreaterThanOrEqual(figures.difference);
    const settings = tableIn(page, 'settings').map(([key]) => key);
    expect(settings).toEqual(['', 'val', 'augment', 'eval_crops', 'n_epochs', 'lr', 'seed', 'warmup']);
  });

  test('on a terminal p is corrected where there are several pairs, as on the page', async () => {
    cpSync(at('one'), at('third'), { recursive: true });
    const out = at('three.html');
    const text = await must('report', at('one'), at('other'), at('third'), ...SEVERAL, `out=${out}`);
    const told = [...text.matchAll(/^(\S+) against (\S+): .*, p (\S+) \(corrected for 3 pairs\)$/gm)];
    const rows = tableIn(readFileSync(out, 'utf8'), 'pairs').slice(1);
    expect(told.map(([, first, second]) => `${first} − ${second}`)).toEqual(rows.map(([pair]) => pair));
    told.forEach(([, , , p], i) => {
      expect(pValue(Number(p)).replaceAll('\u00a0', ' ')).toBe(rows[i][6]);
    });
    expect(rows.some((row) => row[5] !== row[6])).toBe(true);
    const two = await must('report', at('one'), at('other'), ...SEVERAL, `out=${out}`);
    expect(two).toMatch(/ gets right, p \S+$/m);
  });

  test('a run has one colour, and its name, in every chart, though the first was not validated', async () => {
    const out = at('colours.html');
    await must('report', at('other'), at('one'), ...SEVERAL, `out=${out}`);
    const page = readFileSync(out, 'utf8');
    const charts = (id: string): Element[] => elements(section(page, id), 'svg');
    const colours = (chart: Element, mark: string, key: string): string[] => {
      const own = elements(chart, (each) =>
        (attribute(each, 'class') ?? '').includes(`mark-${mark} role-mark`),
      );
      const found = own.flatMap((group) => elements(group, 'path')).map((path) => attribute(path, key) ?? '');
      return [...new Set(found)];
    };
    const [first, second] = ['var(--chart-series-0)', 'var(--chart-series-1)'];
    const [accuracy, loss, training] = charts('curves');
    for (const chart of [accuracy, loss]) {
      expect(colours(chart, 'line', 'stroke')).toEqual([second]);
      expect(placedTexts(chart).map(({ text }) => text)).toContain('one');
    }
    expect(colours(training, 'line', 'stroke')).toEqual([first, second]);
    for (const chart of charts('classes')) expect(colours(chart, 'symbol', 'fill')).toEqual([first, second]);
  });
});

describe('text is text', () => {
  test('names and sources become no markup', async () => {
    // An equals sign would make it a setting.
    const nasty = `<b onclick>"x'&`;
    const run = at('nasty', nasty);
    mkdirSync(at('nasty'));
    cpSync(at('one'), run, { recursive: true });
    const record = JSON.parse(readFileSync(join(run, 'config.json'), 'utf8'));
    record.data.source = record.train.data = `${nasty}</style></script>`;
    writeFileSync(join(run, 'config.json'), JSON.stringify(record));
    await must('report', run, ...PLAIN);
    const page = readFileSync(join(run, 'report.html'), 'utf8');
    checkPage(page);
    expect(elements(page, 'h1').map(textOf)).toEqual([nasty]);
    expect(textOf(section(page, 'settings'))).toContain(`${nasty}</style></script>`);
  });
});

describe('bad input', () => {
  const refusal = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await fer('report', ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).not.toContain('bug');
    return stderr.trim();
  };
  const copy = (name: string): string => {
    cpSync(at('one'), at(name), { recursive: true });
    return at(name);
  };

  test.each([
    ['missing', (run: string) => rmSync(join(run, 'history.csv'))],
    ['damaged', (run: string) => writeFileSync(join(run, 'history.csv'), 'epoch,lr\n1,x\n')],
    ['empty', (run: string) => writeFileSync(join(run, 'history.csv'), '')],
  ])('a history that is %s', async (name, damage) => {
    const run = copy(name);
    damage(run);
    const message = await refusal(run, ...QUICK);
    expect(message).toContain(`${run} has no history`);
    expect(message).toContain(`fer evaluate model=${run}`);
  });

  test('weights instead of a run, no run, the same run twice', async () => {
    expect(await refusal(at('one', 'best.safetensors'), ...QUICK)).toContain('is a file');
    expect(await refusal(at('nowhere'), ...QUICK)).toContain(`there is no run at ${at('nowhere')}`);
    expect(await refusal(at('one'), `${at('one')}/`, ...SEVERAL)).toContain('named twice');
    expect(await refusal(at('cache'), ...QUICK)).toMatch(/config\.json is missing|no run at/);
  });

  test('a model of another size of image', async () => {
    const run = copy('large');
    const file = join(run, 'config.json');
    const record = JSON.parse(readFileSync(file, 'utf8'));
    record.model.imageSize = 64;
    writeFileSync(file, JSON.stringify(record));
    expect(await refusal(run, ...QUICK)).toBe(`${DATA} has images of 48x48, the model was trained on 64x64`);
    // Found before the first network is run.
    expect(await refusal(at('one'), run, ...SEVERAL)).toContain('the model was trained on 64x64');
  });

  test('an empty split', async () => {
    const faces = at('faces', 'train', 'happy');
    mkdirSync(faces, { recursive: true });
    const { default: sharp } = await import('sharp');
    for (const n of [1, 2, 3]) {
      const pixels = Uint8Array.from({ length: 48 * 48 }, (_, i) => (i * n) % 256);
      await sharp(pixels, { raw: { width: 48, height: 48, channels: 1 } })
        .png()
        .toFile(join(faces, `${n}.png`));
    }
    expect(await refusal(at('one'), `data=${at('faces')}`, 'split=PrivateTest')).toContain(
      'has no image in PrivateTest (Training 3, PublicTest 0, PrivateTest 0): choose another split=',
    );
  });

  test('out= in a new folder, in none, and the name of a folder: figures are told before they can be lost', async () => {
    const out = at('new', 'folder', 'page.html');
    await must('report', at('one'), ...PLAIN, `out=${out}`);
    expect(readFileSync(out, 'utf8')).toContain('<!DOCTYPE html>');
    writeFileSync(at('file'), '');
    expect(await refusal(at('one'), ...PLAIN, `out=${at('file', 'page.html')}`)).toMatch(
      /^cannot make the folder .*file: /,
    );
    expect(await refusal(at('one'), ...PLAIN, `out=${at('new')}`)).toMatch(
      /new is a folder, where a file is/,
    );
    const write = vi.spyOn(fs, 'writeSync').mockImplementation(() => {
      throw Object.assign(new Error('no room'), { code: 'ENOSPC' });
    });
    const full = await fer('report', at('one'), ...PLAIN, `out=${at('new', 'full.html')}`);
    write.mockRestore();
    expect(full).toMatchObject({ code: 1, stderr: expect.stringMatching(/^cannot write .*full\.html: /) });
    expect(full.stdout).toMatch(/^one {2}\d+\.\d\d % \(/);
  });

  test('nothing is left half-written', () => {
    expect(readdirSync(at('one')).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
