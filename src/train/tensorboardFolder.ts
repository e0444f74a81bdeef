import { appendFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { explainFileError, writeChunksAtomic } from '../io/files.ts';
import { type ScalarEvent, scalarRecord, versionRecord } from '../io/tensorboard.ts';
import type { EpochRow } from './history.ts';

/** The two curves of each chart: TensorBoard lays the folders' figures of one tag over each other. */
const CURVES = {
  train: ({ trainAccuracy, trainLoss, lr, imagesPerSecond }: EpochRow) => ({
    accuracy: trainAccuracy,
    loss: trainLoss,
    learning_rate: lr,
    images_per_second: imagesPerSecond,
  }),
  validation: ({ valAccuracy, valLoss }: EpochRow) =>
    valAccuracy === null || valLoss === null ? undefined : { accuracy: valAccuracy, loss: valLoss },
} as const;

const EVENTS = /^events\.out\.tfevents\./;

/**
 * `runs/NAME/tensorboard/{train,validation}/`: event files with a step an epoch. They are written anew from
 * the history where a training starts or goes on, so no step is there twice; after that each epoch is
 * appended, which TensorBoard follows while it runs.
 */
export class TensorboardFolder {
  readonly #path: string;
  readonly #files = new Map<string, string>();
  #written = 0;
  /** Whether the files are as they should be; not before the first writing, and not after one that failed. */
  #whole = false;

  constructor(run: string) {
    this.#path = join(run, 'tensorboard');
  }

  /**
   * Brings the files to the state of a history.
   *
   * @throws FerError if the disk refuses
   */
  update(history: readonly EpochRow[]): void {
    const now = Date.now() / 1000;
    const fresh = !this.#whole || history.length < this.#written;
    this.#whole = false;
    const rows = fresh ? history : history.slice(this.#written);
    const times = wallTimes(rows, now);
    for (const [curve, scalarsOf] of Object.entries(CURVES)) {
      const events = rows.flatMap((row, i): ScalarEvent[] => {
        const scalars = scalarsOf(row);
        return scalars ? [{ wallTime: times[i], step: row.epoch, scalars }] : [];
      });
      if (fresh) this.#rewrite(curve, events, times[0] ?? now);
      else if (events.length > 0) this.#append(curve, events);
    }
    this.#written = history.length;
    this.#whole = true;
  }

  #rewrite(curve: string, events: readonly ScalarEvent[], start: number): void {
    const folder = join(this.#path, curve);
    // TensorBoard finds the word, and orders files by the time after it.
    const name = `events.out.tfevents.${Math.floor(Date.now() / 1000)}.fer`;
    try {
      mkdirSync(folder, { recursive: true });
      for (const old of readdirSync(folder)) if (EVENTS.test(old)) rmSync(join(folder, old));
    } catch (error) {
      throw explainFileError(error, 'write', folder);
    }
    writeChunksAtomic(join(folder, name), [versionRecord(start), ...events.map(scalarRecord)]);
    this.#files.set(curve, join(folder, name));
  }

  /** In one write. A record cut short by a kill is one that TensorBoard waits for, and the next start mends. */
  #append(curve: string, events: readonly ScalarEvent[]): void {
    const file = this.#files.get(curve) as string;
    try {
      appendFileSync(file, Buffer.concat(events.map(scalarRecord)));
    } catch (error) {
      throw explainFileError(error, 'write', file);
    }
  }
}

/** When the epochs ended, had they followed each other without a break until now; the history has durations. */
function wallTimes(rows: readonly EpochRow[], now: number): number[] {
  const times = new Array<number>(rows.length);
  let end = now;
  for (let i = rows.length - 1; i >= 0; i--) {
    times[i] = end;
    end -= rows[i].seconds;
  }
  return times;
}
