import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { RUN_NAME } from '../config/shared.ts';
import { FerError } from '../errors.ts';
import type { Metrics } from '../evaluate/metrics.ts';
import { CONFIG, HISTORY } from '../nn/fileNames.ts';
import { shellWord } from '../term/shellWord.ts';
import { bestRow, type EpochRow, parseHistory } from '../train/history.ts';
import { refuseLocked } from '../train/runLock.ts';

/** A run as a list shows it. */
export interface RunSummary {
  readonly name: string;
  readonly network: string;
  readonly width: number;
  readonly data: string;
  /** Epochs trained, and asked for. */
  readonly epochs: number;
  readonly epochsAsked: number;
  readonly best: EpochRow | null;
  /** Networks that its weights are the mean of: the epochs are those of the first; 0 where they are no average. */
  readonly averaged: number;
  /** Some process is training it now. */
  readonly training: boolean;
  /** Milliseconds since 1970 of the last change. */
  readonly changed: number;
}

/** Figures on a part of the data, of `fer evaluate out=` in the run's folder. */
export interface RunEvaluation
  extends Pick<Metrics, 'n' | 'accuracy' | 'labels' | 'confusion' | 'confusionNormalized'> {
  /** The file, from the run's folder. */
  readonly file: string;
}

export interface RunDetails extends RunSummary {
  readonly history: readonly EpochRow[];
  readonly settings: Readonly<Record<string, unknown>>;
  /** Name of the validation split. */
  readonly val: string;
  readonly evaluations: readonly RunEvaluation[];
  /** The command that adds an evaluation. */
  readonly evaluate: string;
}

/** Figures of a split are a few kilobytes; other JSON files are left alone. */
const LARGEST_FIGURES = 1_000_000;

/** The runs in a folder, the last changed first. A folder that is no run, or damaged, is left out. */
export function listRuns(folder: string): RunSummary[] {
  const runs = names(folder).flatMap((name) => summary(folder, name)?.summary ?? []);
  return runs.sort((a, b) => b.changed - a.changed);
}

/** @returns undefined if there is no such run */
export function readRun(folder: string, name: string): RunDetails | undefined {
  const found = summary(folder, name);
  if (!found) return undefined;
  const { settings, history } = found;
  return {
    ...found.summary,
    history,
    settings,
    val: String(settings.val ?? ''),
    evaluations: evaluations(join(folder, name)),
    evaluate: evaluateCommand(join(folder, name), settings, found.summary),
  };
}

function evaluateCommand(
  run: string,
  { labels }: Readonly<Record<string, unknown>>,
  { data }: Pick<RunSummary, 'data'>,
): string {
  const plus = typeof labels === 'string' && labels !== '' ? [`labels=${labels}`] : [];
  const words = [
    `model=${run}`,
    `data=${data}`,
    ...plus,
    'split=PrivateTest',
    `out=${join(run, 'evaluation')}`,
  ];
  return `npx fer evaluate ${words.map(shellWord).join(' ')}`;
}

function summary(
  runs: string,
  name: string,
): { summary: RunSummary; history: readonly EpochRow[]; settings: Record<string, unknown> } | undefined {
  if (!RUN_NAME.test(name)) return undefined;
  const folder = join(runs, name);
  const config = join(folder, CONFIG);
  const record = json(config) as
    | {
        model?: { network?: string; width?: number };
        train?: Record<string, unknown>;
        data?: { source?: string };
        averaged?: { models?: readonly unknown[] };
      }
    | undefined;
  if (!record?.model || !record.train) return undefined;
  const file = join(folder, HISTORY);
  const history = parseHistory(content(file) ?? '') ?? [];
  return {
    history,
    settings: record.train,
    summary: {
      name,
      network: String(record.model.network),
      width: Number(record.model.width),
      data: String(record.data?.source ?? ''),
      epochs: history.length,
      epochsAsked: Number(record.train.n_epochs),
      best: bestRow(history),
      averaged: record.averaged?.models?.length ?? 0,
      training: isTraining(folder),
      changed: Math.max(changedAt(config), changedAt(file)),
    },
  };
}

/** Milliseconds since 1970; 0 for what is not there. */
function changedAt(file: string): number {
  try {
    return statSync(file).mtimeMs;
  } catch {
    return 0;
  }
}

function isTraining(folder: string): boolean {
  try {
    refuseLocked(folder);
    return false;
  } catch (error) {
    if (error instanceof FerError) return true;
    throw error;
  }
}

/** Figures in the run's folder and the folders in it, by path. */
function evaluations(folder: string): RunEvaluation[] {
  const files = names(folder, 'any').flatMap((name) => {
    if (name.endsWith('.json')) return [name];
    return isFolder(join(folder, name))
      ? names(join(folder, name), 'any').map((inner) => `${name}/${inner}`)
      : [];
  });
  return files
    .filter((file) => file.endsWith('.json'))
    .sort()
    .flatMap((file) => {
      const found = json(join(folder, file)) as Partial<Metrics> | undefined;
      if (!isFigures(found)) return [];
      const { n, accuracy, labels, confusion, confusionNormalized } = found;
      return [{ file, n, accuracy, labels, confusion, confusionNormalized }];
    });
}

function isFigures(value: Partial<Metrics> | undefined): value is Metrics {
  const labels = value?.labels;
  if (!Array.isArray(labels) || labels.length === 0 || !Number.isFinite(value?.n)) return false;
  const isSquare = (matrix: unknown): boolean =>
    Array.isArray(matrix) &&
    matrix.length === labels.length &&
    matrix.every((row) => Array.isArray(row) && row.length === labels.length);
  return (
    isSquare(value?.confusion) && isSquare(value?.confusionNormalized) && Number.isFinite(value?.accuracy)
  );
}

/** A file's value, or undefined if it has none: it may be half-written by others. */
function json(file: string): unknown {
  try {
    return JSON.parse(content(file, LARGEST_FIGURES) ?? '');
  } catch {
    return undefined;
  }
}

/** A file's text, or undefined if it is not there, no file, too large, or cannot be read. */
function content(file: string, most = Number.POSITIVE_INFINITY): string | undefined {
  try {
    const stats = statSync(file);
    return stats.isFile() && stats.size <= most ? readFileSync(file, 'utf8') : undefined;
  } catch {
    return undefined;
  }
}

function names(folder: string, kind: 'folders' | 'any' = 'folders'): string[] {
  try {
    return readdirSync(folder).filter(
      (name) => !name.startsWith('.') && (kind === 'any' || isFolder(join(folder, name))),
    );
  } catch {
    return [];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // A link that leads to nothing, or round in a circle.
    return false;
  }
}
