/**
 * The settings of a run that went on with others: `train` in its `config.json` has those of its end. And the versions
 * that went on with it: `version` and `git` are those that began.
 */
import { type TrainConfig, trainOptions, trialOptions } from '../config.ts';
import type { ProgramVersion } from './programVersion.ts';
import type { RunChange, WeightsOrigin } from './runRecord.ts';

/** A run as far as changes matter. */
export interface ChangingRun extends ProgramVersion {
  readonly train: TrainConfig;
  readonly teachers?: readonly WeightsOrigin[];
  /** In order, without those of epochs that were given up. */
  readonly changes?: readonly RunChange[];
}

/** The settings that weights depend on; and what is kept, since a run may go back to it. */
const KEYS = [
  ...(Object.keys(trialOptions) as (keyof TrainConfig)[]),
  ...(['save_freq', 'teacher', 'teacher_share', 'teacher_temperature'] as const),
];

/** A run as it was after the first `count` of its changes. */
export function afterChanges<R extends ChangingRun>(run: R, count: number): R {
  const { changes = [] } = run;
  const undone = changes.slice(count).reverse();
  return {
    ...run,
    train: Object.assign({}, run.train, ...undone.map(({ before }) => before)),
    teachers: changes.slice(count).find(({ teachers }) => teachers)?.teachers ?? run.teachers,
    changes: changes.slice(0, count),
  };
}

/** What trained a run after the first `count` of its changes. */
export function programAfter({ version, git, changes = [] }: ChangingRun, count: number): ProgramVersion {
  const others = changes.slice(0, count).flatMap(({ program }) => program ?? []);
  return others.at(-1) ?? { version, git };
}

/**
 * The changes of a run that goes on as `now`, undefined if there are none. Those of epochs that are given up are
 * left out, and one at the same place is taken together with this one; where nothing was trained before, there is
 * nothing to tell.
 *
 * @param place where it goes on; its `program` is what trains from there, missing if nothing is left to train
 */
export function changesOf(
  run: ChangingRun,
  now: Pick<ChangingRun, 'train' | 'teachers'>,
  place: Pick<RunChange, 'epoch' | 'images' | 'restored' | 'program'>,
): readonly RunChange[] | undefined {
  const { epoch, images, restored } = place;
  const { changes = [] } = run;
  const end = restored ?? epoch;
  const kept = changes.filter((one) => one.epoch < end || (one.epoch === end && one.images < images));
  const then = afterChanges(run, kept.length);
  const show = ({ train }: Pick<ChangingRun, 'train'>, key: keyof TrainConfig): string =>
    trainOptions[key].type.show(train[key] as never);
  const keys = KEYS.filter((key) => show(then, key) !== show(now, key));
  const program = isAnother(programAfter(then, kept.length), place.program) ? place.program : undefined;
  const here = changes.find((one) => one.epoch === epoch && one.images === images);
  const back = restored ?? here?.restored;
  const same = keys.length === 0 && program === undefined;
  if (back === undefined && (same || (epoch === 0 && images === 0))) {
    return kept.length > 0 ? kept : undefined;
  }
  const valuesOf = ({ train }: Pick<ChangingRun, 'train'>): Partial<TrainConfig> =>
    Object.fromEntries(keys.map((key) => [key, train[key]]));
  return [
    ...kept,
    {
      epoch,
      images,
      ...(back !== undefined && { restored: back }),
      before: valuesOf(then),
      after: valuesOf(now),
      ...(keys.includes('teacher') && { teachers: then.teachers ?? [] }),
      ...(program && { program }),
    },
  ];
}

function isAnother(before: ProgramVersion, now: ProgramVersion = before): boolean {
  return now.version !== before.version || now.git !== before.git;
}
