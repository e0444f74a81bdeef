import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { configFromJson } from '../config/parse.ts';
import { type TrainConfig, trainOptions } from '../config.ts';
import { FerError } from '../errors.ts';
import { explainFileError, readFileBytes, removeStaleTemporaries, writeFileAtomic } from '../io/files.ts';
import { readSafetensors, type Safetensors, type StoredTensor, writeSafetensors } from '../io/safetensors.ts';
import type { ModelDescription } from '../nn/model.ts';
import { type EpochRow, historyCsv } from './history.ts';
import type { Totals } from './stepper.ts';

/** How far a run is: with the weights and the optimizer's state it determines all that follows. */
export interface RunProgress {
  /** The epoch under way, counted from 0. */
  readonly epoch: number;
  /** Images of that epoch already trained. */
  readonly start: number;
  /** Updates so far, over all epochs. */
  readonly step: number;
  /** Sums over the steps of the epoch under way. */
  readonly totals: Totals;
  /** Seconds spent on the epoch under way. */
  readonly seconds: number;
  readonly history: readonly EpochRow[];
}

export interface RunState {
  readonly weights: Safetensors;
  readonly optimizer: Safetensors;
  readonly progress: RunProgress;
}

/** What `config.json` holds. */
export interface RunRecord {
  readonly version: string;
  /** Revision of the program's source, where it runs from a checkout. */
  readonly git: string | null;
  readonly model: ModelDescription;
  readonly data: {
    readonly source: string;
    readonly hash: string;
    readonly images: Readonly<Record<string, number>>;
  };
  readonly train: TrainConfig;
}

const CONFIG = 'config.json';
const LAST = 'last.safetensors';
/** The optimizer's part of a checkpoint, named by its step; `last.safetensors` says which one is its own. */
const STATE = /^last\.state-\d+\.safetensors$/;

/**
 * `runs/NAME/`. A checkpoint is two files. The state is written under a new name first, then
 * `last.safetensors`, whose header names it: that rename is the moment the checkpoint exists. Whatever
 * kills the process, `last.safetensors` refers to a complete state.
 */
export class RunFolder {
  readonly path: string;

  constructor(runs: string, name: string) {
    this.path = join(runs, name);
  }

  get exists(): boolean {
    return existsSync(this.path) && readdirSync(this.path).length > 0;
  }

  /** Whether there is a checkpoint to go on from. */
  get hasCheckpoint(): boolean {
    return existsSync(join(this.path, LAST));
  }

  /** Makes an empty folder; an existing run must have been refused or meant to be deleted. */
  create(): void {
    try {
      rmSync(this.path, { recursive: true, force: true });
      mkdirSync(this.path, { recursive: true });
    } catch (error) {
      throw explainFileError(error, 'make the run folder', this.path);
    }
  }

  writeRecord(record: RunRecord): void {
    writeFileAtomic(join(this.path, CONFIG), `${JSON.stringify(record, null, 2)}\n`);
  }

  /** @throws FerError if the record is missing or damaged */
  readRecord(): RunRecord {
    const file = join(this.path, CONFIG);
    if (!existsSync(file))
      throw new FerError(
        `there is no run at ${this.path}: ${CONFIG} is missing; start it without resume=true`,
      );
    let record: RunRecord;
    try {
      record = JSON.parse(readFileBytes(file).toString('utf8'));
    } catch {
      throw new FerError(`${file} is not valid JSON: restore it, or start again with overwrite=true`);
    }
    return { ...record, train: configFromJson(trainOptions, record.train, file) };
  }

  /** Writes weights alone: `best` or `epoch_N`. */
  writeWeights(
    name: string,
    tensors: Readonly<Record<string, StoredTensor>>,
    metadata: Record<string, string>,
  ): void {
    writeSafetensors(join(this.path, `${name}.safetensors`), tensors, metadata);
  }

  /** @throws FerError naming the kept epochs if this one is not among them */
  readEpoch(epoch: number): Safetensors {
    const file = join(this.path, `epoch_${epoch}.safetensors`);
    if (existsSync(file)) return readSafetensors(file);
    const kept = readdirSync(this.path).flatMap(
      (name) => name.match(/^epoch_(\d+)\.safetensors$/)?.[1] ?? [],
    );
    const list =
      kept.length > 0 ? `kept are ${kept.sort((a, b) => Number(a) - Number(b)).join(', ')}` : 'none was kept';
    throw new FerError(`${file} does not exist: ${list} (save_freq says how often)`);
  }

  /** Writes a checkpoint and then the history; see the class comment for the order. */
  writeState(
    tensors: Readonly<Record<string, StoredTensor>>,
    metadata: Record<string, string>,
    optimizer: Readonly<Record<string, StoredTensor>>,
    progress: RunProgress,
  ): void {
    const state = `last.state-${progress.step}.safetensors`;
    writeSafetensors(join(this.path, state), optimizer, { progress: JSON.stringify(progress) });
    writeSafetensors(join(this.path, LAST), tensors, { ...metadata, state });
    this.writeHistory(progress.history);
    for (const name of readdirSync(this.path)) {
      if (STATE.test(name) && name !== state) rmSync(join(this.path, name), { force: true });
    }
  }

  writeHistory(history: readonly EpochRow[]): void {
    writeFileAtomic(join(this.path, 'history.csv'), historyCsv(history));
  }

  /** Reads the last checkpoint, after removing what a killed process left half-written. */
  readState(): RunState {
    removeStaleTemporaries(this.path);
    const file = join(this.path, LAST);
    const weights = readSafetensors(file);
    const { state } = weights.metadata;
    if (state === undefined || !STATE.test(state)) {
      throw new FerError(`${file} does not name its optimizer state: it was not written by a run of fer`);
    }
    const stateFile = join(this.path, state);
    const optimizer = readSafetensors(stateFile);
    try {
      return { weights, optimizer, progress: JSON.parse(optimizer.metadata.progress) };
    } catch {
      throw new FerError(`${stateFile} holds no progress: it was not written by a run of fer`);
    }
  }
}

/** The version in package.json and the git revision of the source, if it is a checkout. */
export function programVersion(): { version: string; git: string | null } {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const { version } = JSON.parse(readFileBytes(join(root, 'package.json')).toString('utf8'));
  if (!existsSync(join(root, '.git'))) return { version, git: null };
  try {
    const options = {
      cwd: dirname(join(root, 'package.json')),
      stdio: ['ignore', 'pipe', 'ignore'] as const,
    };
    const run = (...args: string[]): string =>
      execFileSync('git', args, { ...options, stdio: [...options.stdio] }).toString();
    const dirty = run('status', '--porcelain', '--untracked-files=no').trim() !== '';
    return { version, git: run('rev-parse', 'HEAD').trim() + (dirty ? '+changes' : '') };
  } catch {
    return { version, git: null };
  }
}
