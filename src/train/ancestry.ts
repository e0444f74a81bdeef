/** What a network has seen while it was made: a figure on such images says less than it seems to. */
import type { Split } from '../data/dataset.ts';
import { type RunRecord, recordOf, type Seen } from './runRecord.ts';

/** What is known of a training and of all the weights it was made from; `known` is false where that is not all. */
export interface Ancestry extends Seen {
  readonly known: boolean;
}

/** The parts of a record that tell it; no `train` where the weights were not trained here. */
type Told = Partial<Pick<RunRecord, 'train' | 'changes' | 'from' | 'teachers' | 'averaged'>>;

/** What the training itself saw, whatever its weights were made from; statistics of batch norm are learned, too. */
export function ownSeen({ train, changes = [], averaged }: Told): Seen {
  const settings = [...(train ? [train] : []), ...changes.map(({ before }) => before)];
  const learned = [...(averaged?.train ?? []), ...settings.flatMap((each) => each.train ?? [])];
  const watched = settings.flatMap(({ val }) => (val === undefined || val === 'none' ? [] : [val]));
  return { learned: [...new Set(learned)], watched: [...new Set(watched)] };
}

/** As its record tells. */
export function ancestryOf(record: Told): Ancestry {
  const { train, changes = [], from, teachers = [], averaged } = record;
  const own = ownSeen(record);
  const origins = [
    ...(from ? [from] : []),
    ...teachers,
    ...changes.flatMap(({ teachers: before = [] }) => before),
    ...(averaged?.models ?? []),
  ];
  const seen = origins.flatMap((origin) => origin.seen ?? []);
  const learned = new Set([...own.learned, ...seen.flatMap((each) => each.learned)]);
  const watched = new Set([...own.watched, ...seen.flatMap((each) => each.watched)]);
  const known = train !== undefined && seen.length === origins.length;
  return { learned: [...learned], watched: [...watched], known };
}

/**
 * What weights have seen, undefined where that is not recorded.
 *
 * @param file the weights, in a run or model folder
 * @throws FerError if the folder's `config.json` is damaged
 */
export function seenBy(file: string): Seen | undefined {
  const record = recordOf(file);
  if (!record?.train) return undefined;
  const { learned, watched, known } = ancestryOf(record);
  return known ? { learned, watched } : undefined;
}

/** How far figures on a split may be believed. */
export interface Exposure {
  /** Whether weights learned from the split, were else chosen by it, may have seen it for all that is recorded, or have not. */
  readonly seen: 'learned' | 'watched' | 'unknown' | 'none';
  /** Not in the training itself, but in one before it. */
  readonly inherited: boolean;
}

/** What the weights of a training had to do with a split. */
export function exposureOf(record: Told, split: Split): Exposure {
  const { learned, watched, known } = ancestryOf(record);
  const own = ownSeen(record);
  if (learned.includes(split)) return { seen: 'learned', inherited: !own.learned.includes(split) };
  if (watched.includes(split)) return { seen: 'watched', inherited: !own.watched.includes(split) };
  return { seen: known ? 'none' : 'unknown', inherited: false };
}
