import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FIGURE_ROWS } from '../src/evaluate/figures.ts';
import { modelCard } from '../src/export/modelCard.ts';
import { readProvenance } from '../src/export/provenance.ts';
import { buildModel, readModel } from '../src/nn/model.ts';
import { recordOf } from '../src/train/runRecord.ts';

const MODELS = new URL('../models', import.meta.url).pathname;
/** The parts of a card by their headings. */
const partsOf = (card: string): Map<string, string> =>
  new Map(card.split(/\n(?=## )/).map((part) => [part.slice(0, part.indexOf('\n')), part.trimEnd()]));

describe.each(readdirSync(MODELS))('the card of %s', (name) => {
  const folder = join(MODELS, name);
  const model = readModel(folder);
  const card = readFileSync(join(folder, 'README.md'), 'utf8');

  test('says what fer export would, but for figures, which take the data', () => {
    const epoch = model.metadata.epoch === undefined ? undefined : Number(model.metadata.epoch);
    const made = modelCard({
      name,
      license: 'MIT',
      description: model.description,
      parameters: buildModel(model.description).parameters.count,
      dtype: 'fp16',
      bytes: statSync(model.file).size,
      epoch,
      provenance: readProvenance(model.file),
      crops: 10,
      evaluated: [],
      rounding: [],
    });
    const [found, expected] = [partsOf(card), partsOf(made)];
    expect([...found.keys()]).toEqual([...expected.keys()]);
    for (const [heading, part] of expected) {
      if (heading !== '---' && heading !== '## Evaluation') expect(found.get(heading)).toBe(part);
    }
    const figures = (partsOf(card).get('## Evaluation') as string).split('By class')[0];
    const names = [...figures.matchAll(/^\| ([^|-][^|]*) \|/gm)].map(([, row]) => row);
    expect(names).toEqual(FIGURE_ROWS.map((row) => `${row.name} (${row.meaning})`));
  });

  test('says on what its figures are, and that it was chosen by them', () => {
    const record = recordOf(model.file);
    expect(record?.train && record.data.images.PrivateTest).toBe(0);
    expect(card).toMatch(/^license: mit$/m);
    expect(card).toContain('were chosen by PublicTest, so these figures are somewhat optimistic.');
    expect(card).toContain('because the copy of FER2013 used has no PrivateTest images.');
    expect(card).not.toContain('is not recorded');
  });
});
