import { join } from 'node:path';
import type { ReportConfig, reportOptions } from '../config.ts';
import type { Dataset } from '../data/dataset.ts';
import { createBackend } from '../engine/createBackend.ts';
import { facesPerStep } from '../evaluate/inference.ts';
import { facesOf } from '../evaluate/judge.ts';
import { makeFileFolder, writeFileAtomic } from '../io/files.ts';
import { comparePairs, type Pair } from '../report/compareRuns.ts';
import { comparisonReport } from '../report/comparisonReport.ts';
import { type JudgedRun, judgeRun, readRuns, type StoredRun } from '../report/judgedRun.ts';
import type { ReportContext } from '../report/reportParts.ts';
import { runReport } from '../report/runReport.ts';
import { type ShownFaces, shownFaces } from '../report/saliency.ts';
import { percent, percentRange } from '../term/numbers.ts';
import { programVersion } from '../train/programVersion.ts';
import { readData } from './common.ts';
import type { Output } from './output.ts';
import type { Run } from './verb.ts';

/** `fer report`: one run, or several beside each other, as one HTML file. */
export const run: Run<typeof reportOptions> = async ({ config, positionals }, out) => {
  const runs = readRuns(positionals);
  // `seed=` is of the bootstrap: drawn faces are the same whatever it is.
  const { data, limit, labels } = config;
  const dataset = await readData({ data, limit, labels }, out);
  // Before minutes are spent on the first.
  for (const { model } of runs) facesOf(dataset, config.split, model.description);
  const single = runs.length === 1;
  const file = config.out || (single ? join(runs[0].path, 'report.html') : 'report.html');
  makeFileFolder(file);
  const context: ReportContext = {
    dataset,
    split: config.split,
    crops: config.crops,
    version: programVersion().version,
    date: new Date(),
  };
  const judged: JudgedRun[] = [];
  let faces: ShownFaces = { mistakes: [], gallery: [] };
  for (const each of runs) {
    const found = await judgeOne(each, dataset, config, single, out);
    judged.push(found.run);
    faces = found.faces;
  }
  const pairs = comparePairs(judged);
  // First where nothing can fail: figures that took minutes are not lost to a wrong out=.
  out.result(resultOf(file, config, judged, pairs), () => summary(file, judged, pairs));
  const page = single ? await runReport(judged[0], faces, context) : await comparisonReport(judged, context);
  writeFileAtomic(file, page);
  return 0;
};

/** Judges one run, on a backend of its own: memory for several networks may not be there. */
async function judgeOne(
  stored: StoredRun,
  dataset: Dataset,
  config: ReportConfig,
  withFaces: boolean,
  out: Output,
): Promise<{ run: JudgedRun; faces: ShownFaces }> {
  const backend = await createBackend(config);
  try {
    const bar = out.progress({
      label: `${stored.name}: ${config.split}`,
      total: dataset.splits[config.split].length,
      unit: 'images',
    });
    const { run: judged, recognizer } = await judgeRun(stored, dataset, backend, config, (done) =>
      bar.update(done),
    );
    if (!withFaces) return { run: judged, faces: { mistakes: [], gallery: [] } };
    let maps: ReturnType<Output['progress']> | undefined;
    const faces = await shownFaces(judged, backend, recognizer, {
      mistakes: config.mistakes,
      faces: config.faces,
      crops: config.crops,
      batch: facesPerStep(config.bs, config.crops),
      onProgress(done, total) {
        maps ??= out.progress({ label: 'saliency', total });
        maps.update(done);
      },
    });
    return { run: judged, faces };
  } finally {
    await backend.close();
  }
}

function resultOf(file: string, { split }: ReportConfig, runs: readonly JudgedRun[], pairs: readonly Pair[]) {
  return {
    file,
    split,
    runs: runs.map(({ path, judgement, bootstrap, calibration }) => {
      const { accuracies: _, ...intervals } = bootstrap;
      return { run: path, metrics: judgement.metrics, intervals, calibration };
    }),
    pairs,
  };
}

function summary(file: string, runs: readonly JudgedRun[], pairs: readonly Pair[]): string {
  const width = Math.max(...runs.map(({ name }) => name.length));
  return [
    ...runs.map(({ name, judgement, bootstrap }) => {
      const range = percentRange(bootstrap.figures.accuracy);
      return `${name.padEnd(width)}  ${percent(judgement.metrics.accuracy)} (${range})`;
    }),
    ...pairs.map(
      (pair) =>
        `${pair.first} against ${pair.second}: ${pair.onlyFirst} and ${pair.onlySecond} images that one alone gets ` +
        `right, ${significance(pair, pairs.length)}`,
    ),
    file,
  ].join('\n');
}

/** The p-value of a pair, corrected where it is one of several. */
function significance({ p, corrected }: Pair, pairs: number): string {
  const text = (value: number): string => (value < 0.001 ? value.toExponential(1) : value.toFixed(3));
  return pairs === 1 ? `p ${text(p)}` : `p ${text(corrected)} (corrected for ${pairs} pairs)`;
}
