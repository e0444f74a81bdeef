import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { FerError } from '../errors.ts';
import { explainFileError, readFileBytes, writeFileAtomic } from '../io/files.ts';
import type { ProgramVersion } from '../train/programVersion.ts';
import { readResult, type TrialResult } from './result.ts';
import { type Row, studyCsv } from './summary.ts';

/** What `study.json` holds. */
export interface StudyRecord extends ProgramVersion {
  readonly name: string;
  readonly data: { readonly source: string; readonly limit: number; readonly hash: string };
  /** How it searches. */
  readonly search: Readonly<Record<string, string | number | boolean>>;
  /** The values of the settings that vary, and those of the others, as on the command line. */
  readonly varied: Readonly<Record<string, string>>;
  readonly fixed: Readonly<Record<string, string>>;
  /** The best first. */
  readonly configurations: readonly Row[];
  /** Every result the study ever had, those of earlier settings included. */
  readonly trials: readonly (TrialResult & { readonly settings?: Readonly<Record<string, string>> })[];
}

const RECORD = 'study.json';

/** `studies/NAME/`: the record and the figures of a study, and the run folders of its trials. */
export class StudyFolder {
  readonly path: string;
  /** The folder of the run folders. */
  readonly trials: string;

  constructor(studies: string, name: string) {
    this.path = join(studies, name);
    this.trials = join(this.path, 'trials');
  }

  make(): void {
    try {
      mkdirSync(this.path, { recursive: true });
    } catch (error) {
      throw explainFileError(error, 'make the study folder', this.path);
    }
  }

  /**
   * The record of an earlier start; undefined if there was none.
   *
   * @throws FerError if it is damaged
   */
  read(): Pick<StudyRecord, 'data' | 'trials'> | undefined {
    const file = this.file(RECORD);
    if (!existsSync(file)) return undefined;
    const damaged = new FerError(
      `${file} is damaged: restore it, or delete it; what trials on this machine have finished is found again`,
    );
    let record: Partial<StudyRecord> | null;
    try {
      record = JSON.parse(readFileBytes(file).toString('utf8'));
    } catch (error) {
      if (error instanceof FerError) throw error;
      throw damaged;
    }
    const { data, trials } = record ?? {};
    if (typeof data?.hash !== 'string' || !Array.isArray(trials)) throw damaged;
    const results = trials.map((trial) => {
      const result = readResult(trial);
      if (!result) throw damaged;
      return { ...result, settings: trial.settings };
    });
    return { data, trials: results };
  }

  write(record: StudyRecord): void {
    writeFileAtomic(this.file(RECORD), `${JSON.stringify(record, null, 2)}\n`);
    writeFileAtomic(this.file('study.csv'), studyCsv(record.configurations, Object.keys(record.varied)));
  }

  file(name: string): string {
    return join(this.path, name);
  }
}
