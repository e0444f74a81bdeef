import { statSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import type { ExportConfig } from '../config.ts';
import { type Evaluated, evaluateModel, type Rounding, roundingOf } from '../export/evaluated.ts';
import { modelCard } from '../export/modelCard.ts';
import { MODEL_FILES, makeModelFolder, writeModelFolder } from '../export/modelFolder.ts';
import { readProvenance } from '../export/provenance.ts';
import { writeFileAtomic } from '../io/files.ts';
import { buildModel, readModel, type StoredModel } from '../nn/model.ts';
import { counted, percent, percentRange, points } from '../term/numbers.ts';
import { readData } from './common.ts';
import type { Output } from './output.ts';

/** Writes a model folder and judges what is in it, where there is data. */
export async function exportFolder(config: ExportConfig, out: Output): Promise<number> {
  const model = readModel(config.model);
  const provenance = readProvenance(model.file);
  const dataset = config.data === '' ? undefined : await readData(config, out);
  makeModelFolder(config.out, config.overwrite);
  const judge = (of: StoredModel, what: string): Promise<Evaluated[]> | Evaluated[] =>
    dataset
      ? evaluateModel(of, dataset, config.splits, { ...config, onProgress: progressOn(out, what) })
      : [];
  // Single precision copies the bits: then one evaluation says it all.
  const before = config.dtype === 'fp16' ? await judge(model, 'before, ') : [];
  writeModelFolder(config.out, model, config.dtype, provenance);
  const written = readModel(config.out);
  const evaluated = await judge(written, '');
  const rounding = before.map((each, i) => roundingOf(each, evaluated[i]));
  const name = basename(resolve(config.out));
  const { size } = statSync(written.file);
  const epoch = epochOf(written);
  const card = modelCard({
    name,
    license: config.license,
    description: written.description,
    parameters: buildModel(written.description).parameters.count,
    dtype: config.dtype,
    bytes: size,
    epoch,
    provenance,
    crops: config.crops,
    judged: dataset && {
      source: dataset.source,
      hash: dataset.hash,
      labels: config.labels,
      limit: config.limit,
    },
    evaluated,
    rounding,
  });
  writeFileAtomic(join(config.out, MODEL_FILES.card), card);
  const splits = evaluated.map(({ split, judgement, bootstrap }) => {
    const { n, accuracy } = judgement.metrics;
    return { split, n, accuracy, interval: bootstrap.figures.accuracy };
  });
  const result = {
    out: config.out,
    dtype: config.dtype,
    bytes: size,
    epoch: epoch ?? null,
    splits,
    rounding,
  };
  out.result(result, () =>
    [
      ...rounding.map(roundingLine),
      ...splits.map(
        ({ split, n, accuracy, interval }) =>
          `${split}: ${percent(accuracy)} of ${counted(n, 'image')} (${percentRange(interval)})`,
      ),
      `${config.out}: ${(size / 1e6).toFixed(1)} MB of weights, ${config.dtype}`,
    ].join('\n'),
  );
  if (!dataset) {
    out.note('the card has no figures: give data=fer2013.csv to measure them (splits= says where)');
  }
  return 0;
}

function epochOf({ metadata }: StoredModel): number | undefined {
  const epoch = Number(metadata.epoch);
  return Number.isInteger(epoch) ? epoch : undefined;
}

function roundingLine({ split, n, before, after, changed, largest }: Rounding): string {
  return (
    `${split}: half precision ${points(after - before)} points ` +
    `(${percent(before)} before, ${percent(after)} after), ${changed} of ${n} labels ` +
    `changed, logits by ${largest.toPrecision(2)} at most`
  );
}

/** A bar for each split. */
function progressOn(
  out: Output,
  what: string,
): (split: string, done: number, total: number, device: string) => void {
  let label = '';
  let bar: ReturnType<Output['progress']> | undefined;
  return (split, done, total, device) => {
    const wanted = `${what}${split} on ${device}`;
    if (wanted !== label) {
      label = wanted;
      bar = out.progress({ label, total, unit: 'images' });
    }
    bar?.update(done);
  };
}
