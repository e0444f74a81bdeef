import { describe, expect, test } from 'vitest';
import { attribute, elements, placedTexts } from '../../test/svg.ts';
import { asked, resultOf } from '../../test/trials.ts';
import { type Chart, renderSvg } from '../charts/renderSvg.ts';
import { PALETTES } from '../charts/theme.ts';
import type { TrialResult } from './result.ts';
import type { Configuration } from './search.ts';
import { studyChart } from './studyChart.ts';

/** Where the labels of a heat map stand, in the groups of its axes. */
const LABELS_X = -6;
const LABELS_Y = 15;
/** Of the axes that lines go through. */
const HEIGHT = 280;

type Settings = Configuration['settings'];

/** The figure of a study in which each configuration has this accuracy (with the first seed; others are like it). */
function chartOf(
  args: string[],
  accuracy: (settings: Settings, seed: number) => number,
  { test = false, epochs = () => 2 }: { test?: boolean; epochs?: (settings: Settings) => number } = {},
) {
  const { study, space } = asked('n_epochs=2', ...args);
  const results = new Map<string, TrialResult>();
  for (const trial of study.configurations.flatMap(({ trials }) => trials)) {
    const value = accuracy(trial.settings, trial.settings.seed);
    const judged = test ? { split: 'PrivateTest' as const, accuracy: value / 2, images: 10 } : null;
    const accuracies = [value / 3, value].slice(-epochs(trial.settings));
    results.set(trial.hash, resultOf(trial, accuracies, { test: judged }));
  }
  return studyChart(study.record(results, []), space);
}

async function draw(chart: Chart | undefined) {
  const svg = await renderSvg(chart as Chart);
  // The halo of a text is a text too.
  const texts = placedTexts(svg.replace(/<text\b[^>]* stroke="[^>]*>[^<]*<\/text>/g, '')).map(
    ({ text }) => text,
  );
  return { svg, texts };
}

/** Figures of a heat map, each with the labels under it and beside it: `30.0 at 0.1 sgd`. */
async function cellsOf(chart: Chart | undefined): Promise<string[]> {
  const texts = placedTexts(await renderSvg(chart as Chart));
  const labels = texts.filter(({ size }) => size === 12);
  const near = (a: number, b: number): boolean => Math.abs(a - b) < 2;
  return texts
    .filter(({ size }) => size === 14)
    .map(({ text, x, y }) => {
      const under = labels.find((label) => label.y === LABELS_Y && near(label.x, x));
      const beside = labels.find((label) => label.x === LABELS_X && near(label.y, y));
      return `${text} at ${under?.text} ${beside?.text}`;
    })
    .sort();
}

const rank = (names: readonly string[], name: string): number => 0.1 + 0.05 * names.indexOf(name);

test('optimizers: a bar for each with each rate, the best to the left', async () => {
  const names = ['adadelta', 'sgd', 'adagrad', 'asgd', 'adam', 'adam_amsgrad', 'sgd_nesterov'];
  const chart = chartOf(
    ['study=optimizers'],
    ({ optimizer, scheduler }) => rank(names, optimizer) + (scheduler === 'plateau' ? 0.01 : 0),
  );
  const { texts } = await draw(chart);
  expect(chart?.title).toBe('Optimizers, with constant and with decaying learning rate');
  expect(texts.filter((text) => /^\d+\.\d$/.test(text)).sort()).toEqual(
    names.flatMap((name) => [0, 0.01].map((more) => (100 * (rank(names, name) + more)).toFixed(1))).sort(),
  );
  expect(texts).toEqual(expect.arrayContaining(['constant', 'plateau']));
  const order = [...names].reverse();
  const places = order.map((name) => chart?.description.indexOf(` ${name} constant`) ?? -1);
  expect(places).toEqual([...places].sort((a, b) => a - b));
  expect(chart?.description).toContain('sgd_nesterov constant 40.00 %, plateau 41.00 %');
});

test('schedules: validation and test beside each other', async () => {
  const chart = chartOf(['study=schedulers', 'seeds=2'], (_, seed) => 0.4 + 0.1 * seed, { test: true });
  const { texts } = await draw(chart);
  expect(chart?.title).toBe('Learning-rate schedules');
  expect(texts.filter((text) => text === '45.0')).toHaveLength(6);
  expect(texts.filter((text) => text === '22.5')).toHaveLength(6);
  expect(texts.join(' ')).toContain('mean of 2 seeds');
  expect(texts).toEqual(expect.arrayContaining(['validation', 'test']));
});

test('schedules without a test split: validation alone', async () => {
  const { texts } = await draw(chartOf(['study=schedulers'], () => 0.4));
  expect(texts).not.toContain('test');
  expect(texts.filter((text) => text === '40.0')).toHaveLength(6);
});

test('one number: bars in its own order', async () => {
  const chart = chartOf(['lr=0.1,0.001,0.01'], ({ lr }) => lr);
  expect(chart?.description).toBe('Bars: 0.001 0.10 %; 0.01 1.00 %; 0.1 10.00 %.');
  await draw(chart);
});

test('one range: a point for each draw', async () => {
  const chart = chartOf(['search=random', 'trials=12', 'lr=1e-4..1e-1'], ({ lr }) => lr * 9);
  const { svg } = await draw(chart);
  expect(chart?.description).toMatch(/^Validation accuracy of 12 values of lr; the best is/);
  expect(elements(svg, 'path').filter((each) => /A/.test(attribute(each, 'd') ?? ''))).toHaveLength(12);
});

test('one range: accuracies that lie close together have labels of their own', async () => {
  const args = ['search=random', 'trials=12', 'drop=0..0.5'];
  for (const spread of [0.004, 0.02, 0.4]) {
    const { texts } = await draw(chartOf(args, ({ drop }) => 0.5 + spread * drop));
    const labels = texts.filter((text) => text.endsWith('%'));
    expect(new Set(labels).size, `${labels}`).toBe(labels.length);
    expect(labels.length).toBeGreaterThan(1);
  }
});

test('two numbers: a heat map, rows and columns ascending', async () => {
  const chart = chartOf(['lr=0.1,0.001,0.01', 'bs=64,32'], ({ lr, bs }) => lr + bs / 1000);
  const { svg } = await draw(chart);
  const cells = placedTexts(svg).filter(({ size }) => size === 14);
  const grid = [...new Set(cells.map(({ y }) => y))]
    .sort((a, b) => a - b)
    .map((y) =>
      cells
        .filter((cell) => cell.y === y)
        .sort((a, b) => a.x - b.x)
        .map(({ text }) => text),
    );
  expect(grid).toEqual([
    ['3.3', '4.2', '13.2'],
    ['6.5', '7.4', '16.4'],
  ]);
});

test('the ready-made grid: a heat map for each weight decay', async () => {
  const { texts } = await draw(chartOf(['study=grid'], ({ lr }) => lr));
  expect(texts).toEqual(expect.arrayContaining(['weight_decay 0.0001', 'weight_decay 0.0005']));
  expect(texts.filter((text) => text === '10.0')).toHaveLength(6);
});

describe('many settings: a line for each configuration', () => {
  const args = ['search=random', 'trials=9', 'lr=1e-4..1e-1', 'drop=0..0.5', 'optimizer=sgd_nesterov,adam'];
  test('through all of them to its accuracy', async () => {
    const chart = chartOf([...args, 'momentum=0.5..0.9'], ({ lr }) => lr);
    const { texts, svg } = await draw(chart);
    for (const name of ['lr', 'drop', 'optimizer', 'momentum', 'accuracy']) expect(texts).toContain(name);
    expect(texts).toEqual(expect.arrayContaining(['sgd_nesterov', 'adam', '0.1', '0.0001', '0.0032']));
    expect(
      elements(svg, (each) => attribute(each, 'stroke-width') === '3' && each.tagName === 'path'),
    ).toHaveLength(1);
    expect(chart?.description).toContain('9 configurations of');
  });
});

describe('values that are not those of the command line', () => {
  test('auto is what it came to: a bar', () => {
    const chart = chartOf(['lr=auto,0.1', 'optimizer=adam'], ({ lr }) => lr);
    expect(chart?.description).toBe('Bars: 0.001 0.10 %; 0.1 10.00 %.');
  });

  test('auto is another for each: in its cell', async () => {
    const chart = chartOf(['lr=auto,0.01', 'optimizer=sgd,adam'], ({ lr }) => lr * 9);
    expect(await cellsOf(chart)).toEqual([
      '0.9 at 0.001 adam',
      '9.0 at 0.01 adam',
      '9.0 at 0.01 sgd',
      '90.0 at 0.1 sgd',
    ]);
  });

  test('what one configuration does not use has a column of its own', async () => {
    const momenta = ['optimizer=sgd,sgd_nesterov', 'momentum=0.8,0.9'];
    const chart = chartOf(momenta, ({ optimizer, momentum }) => (optimizer === 'sgd' ? 0.5 : momentum));
    expect(await cellsOf(chart)).toEqual([
      '50.0 at – sgd',
      '80.0 at 0.8 sgd_nesterov',
      '90.0 at 0.9 sgd_nesterov',
    ]);
  });

  test('what no configuration uses is no axis', () => {
    // Of so few draws none has Nesterov's.
    const drawn = [
      'search=random',
      'trials=2',
      'momentum=0.8,0.9',
      'optimizer=adam,sgd,sgd_nesterov',
      'seed=4',
    ];
    const bars = chartOf(drawn, () => 0.4);
    expect(bars?.description).toBe('Bars: adam 40.00 %; sgd 40.00 %.');
  });

  test.each([
    [
      ['lr=auto,0.1', 'bs=32,64', 'momentum=0.8,0.9'],
      ['0.001', '0.04', '0.1', '–', '0.8', '0.9'],
    ],
    [
      ['search=random', 'trials=9', 'lr=1e-4..1e-1', 'momentum=0.5..0.9'],
      ['0.1', '–', '0.5', '0.9'],
    ],
  ])('%j: no line leaves its axes', async (args, labels) => {
    const chart = chartOf([...args, 'optimizer=sgd,sgd_nesterov,adam', 'drop=0,0.5'], ({ lr }) => lr);
    const { svg, texts } = await draw(chart);
    expect(texts).toEqual(expect.arrayContaining(labels));
    const lines = elements(
      svg,
      (each) => each.tagName === 'path' && /^[23]$/.test(attribute(each, 'stroke-width') ?? ''),
    );
    expect(lines.length).toBeGreaterThan(8);
    for (const line of lines) {
      const heights = (attribute(line, 'd')?.match(/-?[\d.]+/g) ?? [])
        .filter((_, i) => i % 2 === 1)
        .map(Number);
      expect(Math.min(...heights)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...heights)).toBeLessThanOrEqual(HEIGHT);
    }
  });
});

test('what everything was made with', async () => {
  const { texts } = await draw(
    chartOf(['lr=0.1,0.01', 'width=16', 'limit=4000', 'eval_crops=1'], ({ lr }) => lr),
  );
  const text = texts.join(' ');
  for (const fact of ['best of 2 epochs', '(PublicTest)', 'limit=4000', 'width=16', 'eval_crops=1'])
    expect(text).toContain(fact);
});

test('names the epochs that were trained, where halving left some behind', async () => {
  const args = ['search=asha', 'trials=6', 'lr=1e-4..1e-1', 'min_epochs=1'];
  const epochs = ({ lr }: Settings): number => (lr > 0.01 ? 2 : 1);
  const { texts } = await draw(chartOf(args, ({ lr }) => lr, { epochs }));
  expect(texts.join(' ')).toContain('best of 1 to 2 epochs');
});

describe('a configuration of which seeds are lost', () => {
  const lossy = (args: string[], isLost: (settings: Settings) => boolean) => {
    const { study, space } = asked('n_epochs=2', 'seeds=3', ...args);
    const results = new Map<string, TrialResult>();
    for (const trial of study.configurations.flatMap(({ trials }) => trials)) {
      const { settings } = trial;
      const lost = isLost(settings) && settings.seed > 0;
      const accuracies = lost ? [] : [0.1, isLost(settings) ? 0.9 : 0.5];
      results.set(trial.hash, resultOf(trial, accuracies, lost ? { status: 'diverged' } : {}));
    }
    return studyChart(study.record(results, []), space);
  };
  const ofAdam = ({ optimizer }: Settings): boolean => optimizer === 'adam';

  test('is named with the number of the others, and is not the best', async () => {
    const chart = lossy(['optimizer=adam,sgd', 'lr=0.1'], ofAdam);
    expect(chart?.description).toBe('Bars: sgd 50.00 %; adam 90.00 %.');
    const { texts } = await draw(chart);
    expect(texts.join(' ')).toMatch(/mean of 3 seeds, of 1 ?with optimizer=adam/);
  });

  test('many of them: from how many to how many', async () => {
    const chart = lossy(['optimizer=adam,sgd', 'lr=0.1,0.2,0.3,0.4'], ofAdam);
    expect(chart?.description).toContain('The best: 50.00 % with');
    const { texts } = await draw(chart);
    expect(texts.join(' ')).toContain('mean of 1 to 3 seeds');
  });

  test('is not what stands out among points and lines', () => {
    const drawn = ['search=random', 'trials=6', 'lr=1e-3..1'];
    const isLost = ({ lr }: Settings): boolean => lr > 0.1;
    expect(lossy(drawn, isLost)?.description).toMatch(/the best is 50\.00 % at/);
    const chart = lossy([...drawn, 'drop=0..0.5'], isLost);
    const { layer } = (chart as Chart).spec(PALETTES.light) as unknown as {
      layer: { data: { values: object[] } }[];
    };
    const ends = layer[1].data.values.filter((point) => 'best' in point && point.best);
    expect(ends.at(-1)).toMatchObject({ axis: 'accuracy', y: 0 });
  });
});

test('nothing to compare: no figure', () => {
  expect(chartOf(['lr=0.1'], () => 0.4)).toBeUndefined();
});
