/** Settings of studies and of the workers that do their trials. */
import { type ConfigOf, group, omit, option, required, variant } from './option.ts';
import { searchable } from './searchable.ts';
import { RUN_NAME, shared } from './shared.ts';
import { trainOptions } from './training.ts';
import { type Needs, refuseUnused, refuseWithoutEffect } from './unused.ts';
import { bool, choice, int, secret, text } from './value.ts';

/** The user's name and password in it are never printed. */
const QUEUE_URL = 'redis://HOST:PORT, or redis://USER:PASSWORD@HOST:PORT/DATABASE';
const queueUrl = secret(text(/^rediss?:\/\/\S+$/, QUEUE_URL));
const queueUrlOrNone = secret(text(/^(rediss?:\/\/\S+)?$/, QUEUE_URL));

export const trialOptions = omit(trainOptions, [
  ...([
    'name',
    'runs',
    'recipe',
    'resume',
    'overwrite',
    'save_freq',
    'restore_epoch',
    'start_epoch',
    'from',
    'curves',
    'theme',
    'tensorboard',
  ] as const),
  ...(['data', 'labels', 'ferplus', 'limit', 'threads', 'json'] as const),
  ...(['teacher', 'teacher_share', 'teacher_temperature'] as const),
]);

export const STUDIES = ['own', 'optimizers', 'schedulers', 'grid'] as const;

export const tuneOptions = {
  ...group('Study', {
    name: required(
      text(RUN_NAME, 'letters, digits, . _ and -'),
      'name of the study: its folder under studies=; the same name goes on where it stopped',
    ),
    studies: option(text(), 'studies', 'folder that holds the study folders'),
    study: option(
      choice(STUDIES),
      'own',
      'a ready-made set of trials, those of the paper; keys you give override it',
    ),
    recipe: trainOptions.recipe,
    search: option(
      choice(['grid', 'random', 'asha']),
      'grid',
      'grid: every combination; random: trials= drawn ones; asha: as random, and only the best train to the end',
    ),
    trials: option(int({ min: 1, max: 100_000 }), 20, 'random and asha: configurations drawn'),
    reduction: option(
      int({ min: 2, max: 100 }),
      3,
      'asha: one configuration in so many goes on, to so many times the epochs',
    ),
    min_epochs: option(int({ min: 1 }), 1, 'asha: epochs before the first choice'),
    seeds: option(int({ min: 1, max: 1000 }), 1, 'trainings of each configuration: mean and deviation'),
    seed: variant(trainOptions.seed, {
      help: 'the first seed of each configuration, and that of the search',
    }),
    test: option(
      bool(),
      true,
      'judge each best network on PrivateTest too, where no trial learns from or watches it; no rank looks at it',
    ),
    theme: shared.theme,
    json: shared.json,
  }),
  ...group('Where it runs', {
    jobs: option(int({ min: 1, max: 256 }), 1, 'trials at a time, each with its share of the threads'),
    threads: variant(shared.threads, { help: 'threads of all trials together; auto is one per core' }),
    device: shared.device,
    precision: shared.precision,
    queue: option(
      queueUrlOrNone,
      '',
      'let workers (fer worker) do the trials, through this Redis server; FER_QUEUE_PASSWORD may hold its password',
    ),
  }),
  ...group('Data', { data: shared.data, limit: shared.limit }),
  ...searchable(omit(trialOptions, ['seed', 'device', 'precision'])),
};

const TUNE_NEEDS = {
  trials: { of: 'search', values: ['random', 'asha'] },
  reduction: { of: 'search', values: ['asha'] },
  min_epochs: { of: 'search', values: ['asha'] },
} satisfies Needs<TuneConfig>;

/** @throws UsageError for options that were given and are about something else; settings are looked at with the study */
export function checkTuneConfig(config: TuneConfig, typed: ReadonlySet<string>): void {
  refuseWithoutEffect(TUNE_NEEDS, config, typed);
  if (config.queue === '') return;
  refuseUnused(typed, ['jobs', 'threads'], 'queue= leaves the trials to workers. Give it to fer worker');
}

export const workerOptions = {
  queue: required(queueUrl, 'the Redis server that fer tune was given'),
  data: option(
    text(/^/),
    '',
    'copies of the datasets that trials may ask for, separated by commas; synthetic ones need none',
  ),
  studies: option(
    text(),
    'studies',
    'where trials are kept; a folder shared between machines lets one go on where another died',
  ),
  jobs: option(int({ min: 1, max: 256 }), 1, 'trials at a time, each with its share of the threads'),
  threads: variant(shared.threads, { help: 'threads of all trials together; auto is one per core' }),
  lease: option(
    int({ min: 1, max: 3600 }),
    30,
    'seconds without a sign of life after which another worker takes a trial over',
  ),
};

export type TrialSettings = ConfigOf<typeof trialOptions>;
export type TuneConfig = ConfigOf<typeof tuneOptions>;
export type WorkerConfig = ConfigOf<typeof workerOptions>;
