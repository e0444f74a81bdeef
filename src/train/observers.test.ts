import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { temporaryFolder } from '../../test/dataFiles.ts';
import { readEventFile } from '../../test/eventFile.ts';
import { placedTexts } from '../../test/svg.ts';
import { faces, trainTiny } from '../../test/training.ts';
import { Interrupted } from '../errors.ts';

const folder = temporaryFolder();
afterAll(() => folder.remove());
const runs = folder.path;
const dataset = faces();

const subtitle = (name: string): string | undefined =>
  placedTexts(readFileSync(join(runs, name, 'curves.svg'), 'utf8'))
    .map(({ text }) => text)
    .find((text) => /^\d+ epoch/.test(text));
const events = (name: string, curve: string) => {
  const path = join(runs, name, 'tensorboard', curve);
  const files = readdirSync(path);
  expect(files).toHaveLength(1);
  expect(files[0]).toMatch(/^events\.out\.tfevents\.\d{10}\./);
  return readEventFile(readFileSync(join(path, files[0])));
};

test('curves and event files follow the history, through an interruption and a resumption', async () => {
  const settings = { runs, name: 'whole', n_epochs: 4, curves: true, tensorboard: true } as const;
  const seen: (string | undefined)[] = [];
  const counts: number[] = [];
  let epochs = 0;
  const run = (resume: boolean, until: number) =>
    trainTiny(
      { ...settings, resume },
      {
        dataset,
        interrupted: () => epochs >= until,
        listener: {
          onEpochStart() {
            // Written after the epoch before, not at the end.
            if (epochs > 0) seen.push(subtitle('whole'));
            if (epochs > 0) counts.push(events('whole', 'train').length);
          },
          onEpoch: () => void epochs++,
        },
      },
    );
  await expect(run(false, 2)).rejects.toThrow(Interrupted);
  const { history, best } = await run(true, Number.POSITIVE_INFINITY);
  expect(seen).toEqual([1, 2, 3].map((n) => expect.stringMatching(new RegExp(`^${n} epochs?; best`))));
  expect(counts).toEqual([2, 3, 4]);
  const accuracy = `${(100 * (best.valAccuracy as number)).toFixed(2)} %`;
  expect(subtitle('whole')).toBe(
    `4 epochs; best ${accuracy} on PublicTest after epoch ${best.epoch} (dashed)`,
  );
  expect(statSync(join(runs, 'whole', 'curves.png')).size).toBeGreaterThan(10_000);

  const [version, ...train] = events('whole', 'train');
  const [, ...validation] = events('whole', 'validation');
  expect(version.version).toBe('brain.Event:2');
  for (const [found, figures] of [
    [train, ['trainAccuracy', 'trainLoss', 'lr', 'imagesPerSecond']],
    [validation, ['valAccuracy', 'valLoss']],
  ] as const) {
    expect(found.map(({ step }) => step)).toEqual([1, 2, 3, 4]);
    found.forEach(({ scalars, wallTime }, i) => {
      expect(Object.values(scalars)).toEqual(figures.map((key) => Math.fround(history[i][key] as number)));
      expect(wallTime).toBeGreaterThanOrEqual(i === 0 ? 0 : found[i - 1].wallTime);
    });
  }
  expect(Object.keys(validation[0].scalars)).toEqual(['accuracy', 'loss']);
});

test('nothing of it where it is not asked for', async () => {
  await trainTiny({ runs, name: 'bare', n_epochs: 1 }, { dataset });
  expect(readdirSync(join(runs, 'bare'))).not.toContain('curves.svg');
  expect(readdirSync(join(runs, 'bare'))).not.toContain('tensorboard');
});

test('a failure to write them is told once and ends nothing', async () => {
  const notes: string[] = [];
  let blocked = false;
  const { history } = await trainTiny(
    { runs, name: 'blocked', n_epochs: 3, curves: true, tensorboard: true },
    {
      dataset,
      listener: {
        onNote: (line) => notes.push(line),
        onStep() {
          if (blocked) return;
          blocked = true;
          mkdirSync(join(runs, 'blocked', 'curves.svg', 'in the way'), { recursive: true });
        },
      },
    },
  );
  expect(history).toHaveLength(3);
  expect(notes).toHaveLength(1);
  expect(notes[0]).toMatch(/^curves could not be written: cannot write .*curves\.svg: /);
  expect(events('blocked', 'train').map(({ step }) => step)).toEqual([0, 1, 2, 3]);
});
