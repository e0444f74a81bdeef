import { join } from 'node:path';
import { writeChart } from '../charts/writeChart.ts';
import type { Parsed } from '../config/parse.ts';
import type { TuneConfig, tuneOptions } from '../config.ts';
import { availableThreads } from '../engine/createBackend.ts';
import { FerError, Interrupted } from '../errors.ts';
import { BEST } from '../nn/fileNames.ts';
import { formatDuration } from '../term/progress.ts';
import { lockRun } from '../train/runLock.ts';
import { type Configurations, configurationsOf } from '../tune/configurations.ts';
import { LocalRunner } from '../tune/localRunner.ts';
import { connect, queueServer } from '../tune/queueServer.ts';
import type { TrialResult } from '../tune/result.ts';
import type { Runner } from '../tune/runner.ts';
import { runStudy, type StudyListener } from '../tune/runStudy.ts';
import type { Results } from '../tune/search.ts';
import { checkTrialData, type DataHashes, Study, seedsOf } from '../tune/study.ts';
import { studyChart } from '../tune/studyChart.ts';
import { StudyFolder, type StudyRecord } from '../tune/studyFolder.ts';
import { StudyProgress } from '../tune/studyProgress.ts';
import { percentText, studyTable } from '../tune/studyTable.ts';
import { readData, untilSignal } from './common.ts';
import type { Output } from './output.ts';
import type { Run } from './verb.ts';

/** Characters of a trial's problem that are shown; `study.json` has it all. */
const MOST_PROBLEM = 300;
/** Milliseconds between two drawings of the table. */
const REDRAW = 1000;

/** `fer tune`: every trial of a study, its table and its figures. Exit code 1 if a trial failed. */
export const run: Run<typeof tuneOptions> = async (parsed, out) => {
  const { config } = parsed;
  const configurations = configurationsOf(parsed);
  if (configurations.skipped) out.note(skippedText(configurations.skipped));
  const drawn = configurations.settings.length;
  if (config.search !== 'grid' && drawn < config.trials) {
    out.note(`drew ${drawn} of trials=${config.trials}: the lists and ranges hold no others`);
  }
  const study = new Study(config, configurations, await hashData(parsed, configurations.settings, out));
  const folder = new StudyFolder(config.studies, config.name);
  folder.make();
  const unlock = lockRun(folder.path);
  try {
    const record = await carryOut(config, study, folder, out);
    const chart = studyChart(record, configurations.space);
    if (chart) await writeChart(chart, folder.file('accuracy'), { theme: config.theme });
    out.result(record, () => resultText(record, study, folder, chart !== undefined));
    const failed = record.configurations.filter(({ state }) => state === 'failed').length;
    if (failed > 0) out.note(`trials of ${failed} configurations failed; the same command tries them again`);
    return failed > 0 ? 1 : 0;
  } finally {
    unlock();
  }
};

/** The data's hash for each seed; a drawn dataset is another for each. */
async function hashData(
  { config }: Parsed<typeof tuneOptions>,
  settings: Parameters<typeof checkTrialData>[1],
  out: Output,
): Promise<DataHashes> {
  const { data, limit } = config;
  const hashes = new Map<number, string>();
  for (const seed of seedsOf(config)) {
    const known = data.startsWith('synthetic') ? undefined : hashes.get(config.seed);
    if (known !== undefined) {
      hashes.set(seed, known);
      continue;
    }
    const dataset = await readData({ data, limit, seed }, out);
    checkTrialData(dataset, settings);
    hashes.set(seed, dataset.hash);
  }
  return hashes;
}

async function carryOut(
  config: TuneConfig,
  study: Study,
  folder: StudyFolder,
  out: Output,
): Promise<StudyRecord> {
  const earlier = folder.read();
  const data = study.record(new Map(), []).data;
  if (earlier && earlier.data.hash !== data.hash) {
    throw new FerError(
      `${folder.path} is a study of other data (${earlier.data.source}, limit=${earlier.data.limit}): ` +
        'give the same data=, limit= and seed=, or choose another name=',
    );
  }
  const past = earlier?.trials ?? [];
  const results = new Map<string, TrialResult>();
  for (const { settings: _, ...result } of past) {
    // Another try may get over what failed; it stays in the record until then.
    if (result.status !== 'failed') results.set(result.trial, result);
  }
  const record = (all: Results): StudyRecord => study.record(all, past);
  const signal = untilSignal(() => out.note(farewell(config)));
  const runner = await openRunner(config, folder, out);
  const display = show(study, results, out);
  try {
    out.note(opening(config, study, folder, results));
    await runStudy({
      search: study.search,
      runner,
      results,
      runs: folder.trials,
      test: config.test,
      save: (all) => folder.write(record(all)),
      listener: display,
      stopped: signal.received,
    });
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    throw new Interrupted(`stopped; the same command goes on with ${folder.path}`);
  } finally {
    display.end();
    await runner.close();
    signal.ignore();
  }
  folder.write(record(results));
  return record(results);
}

async function openRunner(config: TuneConfig, folder: StudyFolder, out: Output): Promise<Runner> {
  const { queue, name, data: source, limit, test, jobs } = config;
  const data = { source, limit };
  if (queue === '') {
    const threads = config.threads || (await availableThreads());
    return new LocalRunner({ runs: folder.trials, data, test, jobs, threads });
  }
  // Loaded here: a study on one machine needs no queue.
  const { QueueRunner } = await import('../tune/queueRunner.ts');
  const server = queueServer(queue);
  const onNote = (line: string): void => out.note(line);
  const client = await connect(server, onNote);
  return new QueueRunner({ client, server: server.name, study: name, data, test, onNote });
}

/** A table that is drawn in place on a terminal, and one plain line a trial everywhere. */
function show(study: Study, results: Results, out: Output): StudyListener & { end(): void } {
  const progress = new StudyProgress(study, results);
  const block = out.block();
  const redraw = (): void => block.update(() => progress.lines());
  // The time left runs on where an epoch takes minutes.
  const timer = setInterval(redraw, REDRAW);
  return {
    end: () => clearInterval(timer),
    onStart(order) {
      progress.started(order);
      redraw();
    },
    onEpoch(order, report) {
      progress.epoch(order, report);
      redraw();
    },
    onResult(order, result, found) {
      progress.ended(order);
      const facts = [progress.count, study.label(order.trial), outcomeText(result), found ? 'was there' : ''];
      out.note([...facts, progress.left].filter(Boolean).join('  '));
      redraw();
    },
  };
}

function outcomeText({ status, best, accuracies, test, seconds, problem }: TrialResult): string {
  const figures = best && [
    `best ${percentText({ mean: best.valAccuracy, std: null })} (epoch ${best.epoch} of ${accuracies.length})`,
    test ? `test ${percentText({ mean: test.accuracy, std: null })}` : '',
    formatDuration(seconds),
  ];
  const state =
    status === 'finished' || status === 'paused' ? '' : `${status}: ${problem?.slice(0, MOST_PROBLEM)}`;
  return [...(figures ?? []), state].filter(Boolean).join('  ');
}

function skippedText({ count, why }: NonNullable<Configurations['skipped']>): string {
  return count === 1
    ? `skipped a combination: ${why}`
    : `skipped ${count} combinations, the first because: ${why}`;
}

function opening(config: TuneConfig, study: Study, folder: StudyFolder, results: Results): string {
  const { configurations, search } = study;
  const known = configurations.flatMap(({ trials }) => trials).filter(({ hash }) => results.has(hash)).length;
  const where =
    config.queue === '' ? `${config.jobs} at a time here` : `by workers of ${queueServer(config.queue).name}`;
  const seeds = config.seeds === 1 ? '' : ` x ${config.seeds} seeds`;
  const begun = known === 0 ? '' : `, ${known} with results`;
  return `${folder.path}: ${configurations.length} configurations${seeds}, ${search.epochs} epochs${begun}; ${where}`;
}

function farewell({ queue }: TuneConfig): string {
  const what =
    queue === '' ? 'trials under way save after this step' : 'trials that no worker has begun are withdrawn';
  return `stopping: ${what}; once more to stop at once`;
}

function resultText(record: StudyRecord, study: Study, folder: StudyFolder, hasChart: boolean): string {
  const { configurations, trials } = record;
  const seeds = trials.filter(({ trial }) => configurations[0]?.trials.includes(trial));
  const [best] = seeds.sort((a, b) => (b.best?.valAccuracy ?? 0) - (a.best?.valAccuracy ?? 0));
  const lines = [studyTable(configurations, study.keys), ''];
  if (best?.best) lines.push(`best weights: ${join(best.run, BEST)} on ${best.host}`);
  lines.push(`all figures: ${folder.path}/study.csv, study.json${hasChart ? ', accuracy.svg and .png' : ''}`);
  return lines.join('\n');
}
