import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { FerError } from '../errors.ts';
import { explainFileError, readFileBytes, removeStaleTemporaries, writeFileAtomic } from '../io/files.ts';
import {
  readSafetensors,
  type Safetensors,
  type StoredTensor,
  withSafetensors,
  writeSafetensors,
} from '../io/safetensors.ts';
import { BEST, CONFIG, HISTORY, LAST } from '../nn/fileNames.ts';
import { type EpochRow, historyCsv, isEpochRow, parseHistory } from './history.ts';
import { LOCK } from './runLock.ts';
import { type RunRecord, readRecord, recordText } from './runRecord.ts';
import type { Totals } from './stepper.ts';

/** How far a run is: with the weights and the optimizer's state it determines all that follows. */
export interface RunProgress {
  /** The epoch under way, counted from 0. */
  readonly epoch: number;
  /** Images of that epoch already trained; all of them while it is validated. */
  readonly start: number;
  /** Updates so far, over all epochs. */
  readonly step: number;
  /** Those since the optimizer's memory was empty. */
  readonly optimizerStep: number;
  /** Sums over the steps of the epoch under way. */
  readonly totals: Totals;
  /** Learning rate of that epoch's first step, once it was taken. Earlier versions did not save it. */
  readonly lr?: number;
  /** Seconds spent on the epoch under way. */
  readonly seconds: number;
  readonly history: readonly EpochRow[];
  /** The epoch whose weights are `best`: of all that the run ever validated, restored ones included. */
  readonly best: EpochRow | null;
}

export interface RunState {
  readonly weights: Safetensors;
  readonly optimizer: Safetensors;
  readonly progress: RunProgress;
}

/** The optimizer's part of a checkpoint, named by epoch and image; `last.safetensors` says which is its own. */
const STATE = /^last\.state(-\d+){2,3}\.safetensors$/;
const EPOCH = /^epoch_(\d+)\.safetensors$/;
/** Weights of epochs that the run went back behind. */
export const ABANDONED = 'abandoned';
/** The lock, and what a killed process left half-written: nothing that makes a folder a run. */
const isOurRefuse = (name: string): boolean => name === LOCK || /^\..*\.tmp$/.test(name);

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
    return this.#names().some((name) => !isOurRefuse(name));
  }

  /** Whether there is a checkpoint to go on from. */
  get hasCheckpoint(): boolean {
    return existsSync(this.#file(LAST));
  }

  /** Whether there ever was one: the history follows the first checkpoint. */
  get hadCheckpoint(): boolean {
    return this.hasCheckpoint || existsSync(this.#file(HISTORY));
  }

  /** Makes the folder if there is none. */
  make(): void {
    this.#attempt('make', () => mkdirSync(this.path, { recursive: true }));
  }

  /**
   * Deletes what the folder holds, the lock excepted.
   *
   * @throws FerError if it is no run: then nothing is deleted
   */
  clear(): void {
    const names = this.#names().filter((name) => name !== LOCK);
    if (names.some((name) => !isOurRefuse(name)) && !names.includes(CONFIG)) {
      throw new FerError(
        `${this.path} is no run (it holds no ${CONFIG}), so overwrite=true does not delete it: choose another name=`,
      );
    }
    // The record goes last: a deletion cut short can be repeated.
    const rest = names.filter((name) => name !== CONFIG);
    this.#attempt('delete', () => {
      for (const name of [...rest, CONFIG]) rmSync(this.#file(name), { recursive: true, force: true });
    });
  }

  /** Removes what killed processes left: half-written files, and states that no checkpoint refers to. */
  sweep(): void {
    removeStaleTemporaries(this.path);
    if (!this.hasCheckpoint) this.#removeStates();
  }

  writeRecord(record: RunRecord): void {
    writeFileAtomic(this.#file(CONFIG), recordText(record));
  }

  /** @throws FerError if the record is missing or damaged */
  readRecord(): RunRecord {
    const file = this.#file(CONFIG);
    if (!existsSync(file)) {
      throw new FerError(
        `${file} is missing: without it ${this.path} cannot go on; restore it, or choose another name=`,
      );
    }
    return readRecord(file);
  }

  /** Writes weights alone: `best` or `epoch_N`. */
  writeWeights(
    name: string,
    tensors: Readonly<Record<string, StoredTensor>>,
    metadata: Record<string, string>,
  ): void {
    writeSafetensors(this.#file(`${name}.safetensors`), tensors, metadata);
  }

  /** @throws FerError naming the kept epochs if this one is not among them */
  readEpoch(epoch: number): Safetensors {
    const file = this.#file(`epoch_${epoch}.safetensors`);
    if (existsSync(file)) return readSafetensors(file);
    const kept = this.#names().flatMap((name) => EPOCH.exec(name)?.[1] ?? []);
    const list =
      kept.length > 0 ? `kept are ${kept.sort((a, b) => Number(a) - Number(b)).join(', ')}` : 'none was kept';
    throw new FerError(`${file} does not exist: ${list} (save_freq says how often)`);
  }

  /** The epoch that the best weights are of; undefined where they are missing or damaged. */
  bestEpoch(): number | undefined {
    return this.#epochOf(BEST);
  }

  /**
   * Makes `abandoned/N/`, a folder like that of a run, for what came after an epoch: with the history and the record until
   * now.
   *
   * @param best whether the best weights came after it
   * @returns N; 0 where nothing came after it
   */
  openBranch(epoch: number, best: boolean, record: RunRecord): number {
    if (this.#later(epoch, best).length === 0) return 0;
    return this.#attempt('move weights in', () => {
      let n = 1;
      // One without weights is of a restore that ended before it began.
      const taken = (branch: string): boolean =>
        existsSync(branch) && readdirSync(branch).some((name) => name.endsWith('.safetensors'));
      while (taken(this.#branch(n))) n++;
      mkdirSync(this.#branch(n), { recursive: true });
      writeFileAtomic(join(this.#branch(n), CONFIG), recordText(record));
      writeFileAtomic(join(this.#branch(n), HISTORY), historyCsv(this.readHistory()));
      return n;
    });
  }

  /**
   * Moves what came after an epoch to a branch: the weights kept later, the last ones with their state, the best if asked
   * to. Done once more after it was cut short it leaves what is there.
   *
   * @param branch as `openBranch` gave it
   */
  setAside(branch: number, epoch: number, best: boolean): void {
    if (branch === 0) return;
    const folder = this.#branch(branch);
    this.#attempt('move weights in', () => {
      mkdirSync(folder, { recursive: true });
      for (const name of this.#later(epoch, best)) {
        if (!existsSync(join(folder, name))) renameSync(this.#file(name), join(folder, name));
      }
    });
  }

  #branch(n: number): string {
    return this.#file(join(ABANDONED, String(n)));
  }

  /** What holds weights of after an epoch, in the order that it is moved in: the last weights name their state. */
  #later(epoch: number, best: boolean): string[] {
    const names = this.#names();
    const kept = names.filter((name) => Number(EPOCH.exec(name)?.[1] ?? 0) > epoch);
    return [...kept, ...this.#laterCheckpoint(epoch), ...(best && names.includes(BEST) ? [BEST] : [])];
  }

  /** The last checkpoint, if it is of after an epoch: of a part of the next one, perhaps. */
  #laterCheckpoint(epoch: number): string[] {
    const { epoch: at, state = '' } = this.#metadataOf(LAST);
    // A name that is none of ours could lead anywhere.
    const own = STATE.test(state) ? [state] : [];
    const [, images = 0] = (own[0]?.match(/\d+/g) ?? []).map(Number);
    if (at === undefined || Number(at) < epoch || (Number(at) === epoch && images === 0)) return [];
    return [...own.filter((name) => existsSync(this.#file(name))), LAST];
  }

  #epochOf(name: string): number | undefined {
    const { epoch } = this.#metadataOf(name);
    return epoch === undefined ? undefined : Number(epoch);
  }

  /** What the weights in a file say of themselves; nothing where they are missing or damaged. */
  #metadataOf(name: string): Readonly<Record<string, string>> {
    try {
      return withSafetensors(this.#file(name), ({ metadata }) => metadata);
    } catch (error) {
      if (error instanceof FerError) return {};
      throw error;
    }
  }

  /** Writes a checkpoint and then the history; see the class comment for the order. */
  writeState(
    tensors: Readonly<Record<string, StoredTensor>>,
    metadata: Record<string, string>,
    optimizer: Readonly<Record<string, StoredTensor>>,
    progress: RunProgress,
  ): void {
    // The state that `last` refers to must outlive the writing of the next, which may be at the same place.
    const state = this.#freeName(`last.state-${progress.epoch}-${progress.start}`);
    writeSafetensors(this.#file(state), optimizer, { progress: JSON.stringify(progress) });
    writeSafetensors(this.#file(LAST), tensors, { ...metadata, state });
    this.writeHistory(progress.history);
    this.#removeStates(state);
  }

  writeHistory(history: readonly EpochRow[]): void {
    writeFileAtomic(this.#file(HISTORY), historyCsv(history));
  }

  /** The rows of `history.csv`; none if it is missing or damaged. */
  readHistory(): readonly EpochRow[] {
    const file = this.#file(HISTORY);
    return existsSync(file) ? (parseHistory(readFileBytes(file).toString('utf8')) ?? []) : [];
  }

  /**
   * Reads the last checkpoint, and does what a kill behind it left undone: states that it does not refer to are
   * removed, and if it is that of the best epoch its weights are written as the best ones.
   */
  readState(): RunState {
    const file = this.#file(LAST);
    const weights = readSafetensors(file);
    const { state } = weights.metadata;
    if (state === undefined || !STATE.test(state)) {
      throw new FerError(`${file} does not name its optimizer state: it is no checkpoint of a run`);
    }
    const stateFile = this.#file(state);
    if (!existsSync(stateFile)) {
      throw new FerError(
        `${stateFile} is missing, the optimizer state that belongs to ${file}: restore it, or go back to kept ` +
          'weights with restore_epoch=',
      );
    }
    const optimizer = readSafetensors(stateFile);
    const progress = progressOf(optimizer);
    if (!progress) throw new FerError(`${stateFile} does not say how far the run was: it is damaged`);
    this.#removeStates(state);
    const { epoch, start, best } = progress;
    if (start === 0 && best?.epoch === epoch && this.bestEpoch() !== epoch) {
      const { state: _, ...about } = weights.metadata;
      this.writeWeights('best', weights.tensors, about);
    }
    return { weights, optimizer, progress };
  }

  #file(name: string): string {
    return join(this.path, name);
  }

  /** What the folder holds; nothing if there is none. */
  #names(): string[] {
    if (!existsSync(this.path)) return [];
    return this.#attempt('read', () => readdirSync(this.path));
  }

  /** The first of `NAME.safetensors`, `NAME-2.safetensors`, … that is not there. */
  #freeName(name: string): string {
    for (let n = 1; ; n++) {
      const free = `${name}${n === 1 ? '' : `-${n}`}.safetensors`;
      if (!existsSync(this.#file(free))) return free;
    }
  }

  #removeStates(except?: string): void {
    const old = this.#names().filter((name) => STATE.test(name) && name !== except);
    this.#attempt('clean', () => {
      for (const name of old) rmSync(this.#file(name), { force: true });
    });
  }

  #attempt<T>(doing: string, action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw explainFileError(error, `${doing} the run folder`, this.path);
    }
  }
}

/** The progress beside an optimizer's state, or undefined if it is damaged. */
function progressOf({ metadata }: Safetensors): RunProgress | undefined {
  try {
    const found = JSON.parse(metadata.progress);
    // Earlier versions did not save it: every restart from kept weights counted on.
    const progress: RunProgress = { optimizerStep: found.step, ...found };
    const { epoch, start, step, optimizerStep, totals, lr = 0, seconds, history, best } = progress;
    const counts = [epoch, start, step, optimizerStep].every(
      (count) => Number.isSafeInteger(count) && count >= 0,
    );
    const figures = [totals.loss, totals.correct, totals.samples, lr, seconds].every(Number.isFinite);
    const rows = history.every(isEpochRow) && (best === null || isEpochRow(best));
    return counts && figures && rows ? progress : undefined;
  } catch {
    return undefined;
  }
}
