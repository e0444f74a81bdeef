import type { Parsed } from '../config/parse.ts';
import { one, type Values } from '../config/searchable.ts';
import { refuseWithoutEffect } from '../config/unused.ts';
import { withoutUnused } from '../config/usedSettings.ts';
import {
  checkTrainConfig,
  RECIPES,
  resolveTrainConfig,
  TRAIN_NEEDS,
  type TrainConfig,
  type TrialSettings,
  trialOptions,
  tuneOptions,
} from '../config.ts';
import { UsageError } from '../errors.ts';
import { PRESETS } from './presets.ts';
import { combinations, draw, type Space } from './space.ts';
import { settingsText } from './trial.ts';

/** Draws of what was drawn already before a space counts as exhausted. */
const DRAWS_IN_VAIN = 1000;

/** What a command line asks to be tried. */
export interface Configurations {
  readonly space: Space;
  /** Settings that differ, each with the first seed. */
  readonly settings: readonly TrialSettings[];
  /** How many others contradict themselves, and what is wrong with the first of them. */
  readonly skipped: { readonly count: number; readonly why: string } | undefined;
}

/**
 * The configurations of a study, in an order that depends on nothing else: a wider list, more trials or more
 * seeds add to them. Combinations that contradict themselves are left out.
 *
 * @throws UsageError if none is left, or a setting that was given has no effect in any
 */
export function configurationsOf({ config, typed }: Parsed<typeof tuneOptions>): Configurations {
  const space = spaceOf({ config, typed });
  refuseNowhereUsed(space, typed);
  const found = new Found();
  if (config.search === 'grid') {
    for (const settings of combinations(space)) found.add(settings);
  } else {
    let inVain = 0;
    for (let i = 0; found.size < config.trials && inVain < DRAWS_IN_VAIN; i++) {
      inVain = found.add(draw(space, config.seed, i)) ? 0 : inVain + 1;
    }
  }
  const { settings, skipped } = found;
  if (found.size === 0 && skipped) throw new UsageError(skipped.why);
  return { space, settings, skipped };
}

/**
 * The keys that are given several values, in the order of the help text; and the rate, where each optimizer
 * has its own.
 */
export function variedKeys({ space, settings }: Configurations): (keyof TrialSettings)[] {
  return (Object.keys(space) as (keyof TrialSettings)[]).filter((key) => {
    const values: Values<unknown> = space[key];
    if (key === 'lr' && new Set(settings.map(({ lr }) => lr)).size > 1) return true;
    return values.kind === 'range' || values.list.length > 1;
  });
}

/** What was given comes before what the study says, and that before the recipe. */
function spaceOf({ config, typed }: Pick<Parsed<typeof tuneOptions>, 'config' | 'typed'>): Space {
  const recipe: Partial<Record<string, unknown>> = RECIPES[config.recipe];
  const space: Record<string, Values<unknown>> = {};
  for (const key of Object.keys(trialOptions) as (keyof TrialSettings)[]) {
    const given = config[key];
    if (key === 'seed' || key === 'device' || key === 'precision') space[key] = one(given);
    else if (typed.has(key) || !Object.hasOwn(recipe, key)) space[key] = given as Values<unknown>;
    else space[key] = one(recipe[key]);
  }
  if (config.study === 'own') return space as Space;
  const epochs = space.n_epochs;
  const longest = epochs.kind === 'range' ? epochs.high : Math.max(...(epochs.list as number[]));
  for (const [key, text] of Object.entries(PRESETS[config.study](longest))) {
    if (typed.has(key as keyof TrialSettings)) continue;
    // A recipe that names one value of a setting that the study compares does not end the comparison.
    const values = tuneOptions[key as 'lr'].type.parse(text);
    if (values === undefined)
      throw new Error(`the study ${config.study} has ${key}=${text}, which is refused`);
    space[key] = values;
  }
  return space as Space;
}

/** A setting may be of no use to some configurations, but not to all of them. */
function refuseNowhereUsed(space: Space, typed: ReadonlySet<string>): void {
  const settings = Object.entries(space) as [string, Values<unknown>][];
  const lists = settings.map(([key, values]) => [key, values.kind === 'list' ? values.list : []]);
  const given = Object.keys(space).filter((key) => typed.has(key));
  refuseWithoutEffect(TRAIN_NEEDS, Object.fromEntries(lists), new Set(given));
}

/** Settings as trials have them, each once. */
class Found {
  readonly #possible = new Map<string, TrialSettings>();
  /** What is wrong with the others. */
  readonly #impossible = new Map<string, string>();

  get size(): number {
    return this.#possible.size;
  }

  get settings(): readonly TrialSettings[] {
    return [...this.#possible.values()];
  }

  get skipped(): Configurations['skipped'] {
    const [why] = this.#impossible.values();
    return why === undefined ? undefined : { count: this.#impossible.size, why };
  }

  /** @returns whether these are new and can be trained */
  add(settings: TrialSettings): boolean {
    const resolved = resolveTrainConfig(withoutUnused(settings) as TrainConfig);
    const key = JSON.stringify(settingsText(resolved));
    if (this.#possible.has(key)) return false;
    const problem = problemOf(resolved);
    if (problem === undefined) this.#possible.set(key, resolved);
    else this.#impossible.set(key, problem);
    return problem === undefined;
  }
}

/** Why settings cannot be a trial's. */
function problemOf(settings: TrainConfig): string | undefined {
  try {
    checkTrainConfig(settings, new Set());
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return settings.val === 'none'
    ? 'fer tune: trials are ranked by their validation, and val=none has none.'
    : undefined;
}
