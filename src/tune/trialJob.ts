import { tuneOptions } from '../config.ts';
import { FerError } from '../errors.ts';
import { isTrialHash, plainText } from './result.ts';
import type { EpochReport } from './runner.ts';
import { KIND, parseSettings, settingsText, type Trial, trialHash } from './trial.ts';

/** The queue of all studies on a server. */
export const QUEUE = { name: 'trials', prefix: 'fer' } as const;

/** What a worker is asked to do, as it travels through the queue. It names no path of any machine. */
export interface TrialJob {
  /** `KIND` of the program that asks. */
  readonly kind: string;
  readonly study: string;
  readonly trial: string;
  readonly settings: Readonly<Record<string, string>>;
  readonly data: {
    /** Of the content; what each worker's own copy is known by. */
    readonly hash: string;
    /** For people: the name of the file or folder. */
    readonly name: string;
    /** Only the first so many images of each split; 0 is all. */
    readonly limit: number;
    /** `synthetic` or `synthetic:N`, which every machine can draw; else null. */
    readonly synthetic: string | null;
  };
  readonly epochs: number;
  readonly test: boolean;
}

/** What a worker says of a job under way. */
export interface JobProgress {
  readonly worker: string;
  /** The last epoch that ended. */
  readonly epoch?: EpochReport;
  /** Why it gave the job back. */
  readonly refused?: string;
}

/** A job that was read and checked. */
export interface CheckedJob extends Omit<TrialJob, 'trial' | 'settings' | 'kind'> {
  readonly trial: Trial;
}

/** Of the queue: a study's trial at a number of epochs is one job, however often it is added. */
export function jobId(study: string, trial: Trial, epochs: number): string {
  return `${study}-${trial.hash}-${epochs}`;
}

export function makeJob(
  trial: Trial,
  rest: Pick<TrialJob, 'study' | 'epochs' | 'test'> & { source: string; limit: number },
): TrialJob {
  const { study, epochs, test, source, limit } = rest;
  const synthetic = isSynthetic(source) ? source : null;
  const name = synthetic ?? plainText(source.replace(/[\\/]+$/, '').replace(/^.*[\\/]/s, ''));
  return {
    kind: KIND,
    study,
    trial: trial.hash,
    settings: settingsText(trial.settings),
    data: { hash: trial.data, name, limit, synthetic },
    epochs,
    test,
  };
}

/**
 * Checks a job. Whoever can reach the queue can have written it, so it is trusted in nothing: settings are
 * those of `fer train` and within their bounds, names are plain names, and the trial is what its hash says.
 *
 * @throws FerError saying what is wrong
 */
export function readJob(given: unknown): CheckedJob {
  const refuse = (what: string): FerError => new FerError(`the job is no trial: ${what}`);
  if (typeof given !== 'object' || given === null) throw refuse('it holds nothing');
  const { kind, study, trial, settings, data, epochs, test } = given as TrialJob;
  if (typeof kind !== 'string') throw refuse('it does not say of which kind');
  if (kind !== KIND) {
    throw new OtherVersion(
      `the job is of another version of fer (trials of kind ${plainText(kind).slice(0, 20)}, here of kind ${KIND})`,
    );
  }
  if (typeof study !== 'string' || tuneOptions.name.type.parse(study) === undefined)
    throw refuse('its study has no name');
  if (!isTrialHash(trial)) throw refuse('it names no trial');
  if (typeof data !== 'object' || data === null) throw refuse('it names no data');
  const { hash, name, limit, synthetic } = data;
  if (typeof hash !== 'string' || !/^[0-9a-f]{64}$/.test(hash)) throw refuse('the hash of its data is none');
  if (typeof name !== 'string') throw refuse('its data has no name');
  if (!isWhole(limit) || limit < 0) throw refuse('its limit is no number of images');
  if (synthetic !== null && (typeof synthetic !== 'string' || !isSynthetic(synthetic))) {
    throw refuse('its synthetic data is none');
  }
  const checked = parseSettings(settings, 'the job');
  if (!isWhole(epochs) || epochs < 1 || epochs > checked.n_epochs)
    throw refuse('its number of epochs is none');
  if (typeof test !== 'boolean') throw refuse('it does not say whether to judge on the test split');
  if (trialHash(checked, hash) !== trial) {
    throw new OtherVersion(
      'the job is of another version of fer, or damaged: its settings do not have its hash',
    );
  }
  return {
    study,
    trial: { hash: trial, settings: checked, data: hash },
    data: { hash, name: plainText(name), limit, synthetic },
    epochs,
    test,
  };
}

/** Somebody else may be able to do the job. */
export class OtherVersion extends FerError {
  override name = 'OtherVersion';
}

/** What a job says of itself, or nothing if it is not understood. */
export function readProgress(given: unknown): JobProgress | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { worker, epoch, refused } = given as JobProgress;
  if (typeof worker !== 'string') return undefined;
  const numbers = epoch && [epoch.epoch, epoch.accuracy, epoch.seconds];
  return {
    worker: plainText(worker),
    ...(numbers?.every(Number.isFinite) ? { epoch } : {}),
    ...(typeof refused === 'string' ? { refused: plainText(refused) } : {}),
  };
}

function isSynthetic(source: string): boolean {
  return /^synthetic(:\d{1,9})?$/.test(source);
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value);
}
