import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TrainConfig } from '../src/config.ts';
import type { Dataset, Split } from '../src/data/dataset.ts';
import { synthetic } from '../src/data/synthetic.ts';
import { WasmBackend } from '../src/engine/backend/wasm.ts';
import type { Backend } from '../src/engine/backend.ts';
import { prepareTraining, type TrainSettings } from '../src/index.ts';
import { readSafetensors } from '../src/io/safetensors.ts';
import type { EpochRow } from '../src/train/history.ts';
import { type TrainEnvironment, type TrainResult, train } from '../src/train/train.ts';
import { ran } from './ran.ts';

/** Settings of a run that takes a moment, and of a plain one: a narrow network, a partial last batch, two epochs. */
export const TINY = {
  width: 8,
  weight_decay: 1e-4,
  no_decay: [],
  label_smoothing: 0,
  bs: 16,
  n_epochs: 2,
  lr: 0.01,
  scheduler: 'constant',
  warmup: 0,
  eval_crops: 1,
  threads: 2,
  curves: false,
  data: 'synthetic',
} as const;

/** A few drawn faces; the training images are no multiple of the batch size of `TINY`. */
export function faces(counts: Partial<Record<Split, number>> = {}, seed = 0): Dataset {
  return synthetic({ counts: { Training: 37, PublicTest: 20, PrivateTest: 6, ...counts }, seed });
}

/** The configuration that the command line would make of these settings; a run goes on with its own. */
export function configOf(settings: Partial<TrainConfig> & Pick<TrainConfig, 'runs'>): TrainConfig {
  // Without validation there are no crops in it.
  const { eval_crops, ...unvalidated } = TINY;
  const validated = settings.val === 'none' ? unvalidated : { ...unvalidated, eval_crops };
  // ASGD keeps an average of its own.
  const own = settings.optimizer === 'asgd' ? validated : { ...validated, ema: 0 };
  const defaults = settings.resume || settings.restore_epoch ? { data: TINY.data } : own;
  return prepareTraining({ name: 'a', ...defaults, ...settings } as TrainSettings);
}

/** Trains in this process. */
export async function trainTiny(
  settings: Partial<TrainConfig> & Pick<TrainConfig, 'runs'>,
  environment: Partial<TrainEnvironment> & Pick<TrainEnvironment, 'dataset'>,
): Promise<TrainResult> {
  const config = configOf(settings);
  const backend = environment.backend ?? (await WasmBackend.create({ threads: config.threads }));
  ran(`training on ${backend.describe()}`);
  try {
    return await train(config, { ...environment, backend });
  } finally {
    if (!environment.backend) await backend.close();
  }
}

/** The figures of validation of each epoch of a run that has them. */
export function validationOf(history: readonly EpochRow[]): { accuracies: number[]; losses: number[] } {
  const figure = (value: number | null): number => {
    if (value === null) throw new Error('an epoch without validation');
    return value;
  };
  return {
    accuracies: history.map(({ valAccuracy }) => figure(valAccuracy)),
    losses: history.map(({ valLoss }) => figure(valLoss)),
  };
}

/** A digest of every tensor of a safetensors file, by name. */
export function tensorsOf(file: string): Record<string, string> {
  const { tensors } = readSafetensors(file);
  return Object.fromEntries(Object.entries(tensors).map(([name, { data }]) => [name, digest(data)]));
}

export function digest(data: NodeJS.ArrayBufferView): string {
  return createHash('sha256').update(data).digest('hex');
}

const TIMES = ['seconds', 'images_per_second'];

/** The cells of a `history.csv` as text, header first; times, which differ from run to run, left out. */
export function figuresOf(folder: string): string[][] {
  const rows = readFileSync(join(folder, 'history.csv'), 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => line.split(','));
  return rows.map((row) => row.filter((_, column) => !TIMES.includes(rows[0][column])));
}

/** All that two runs of the same settings must have in common, to the bit. */
export function outcomeOf(folder: string): Record<string, unknown> {
  const names = readdirSync(folder).sort();
  const weights = names.filter((name) => name.endsWith('.safetensors'));
  return {
    names,
    history: figuresOf(folder),
    ...Object.fromEntries(weights.map((name) => [name, tensorsOf(join(folder, name))])),
    last: readSafetensors(join(folder, 'last.safetensors')).metadata,
    best: readSafetensors(join(folder, 'best.safetensors')).metadata,
  };
}

/** A digest of every file in a folder, to see that nothing was touched. */
export function snapshot(folder: string): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder)
      .sort()
      .map((name) => [name, digest(readFileSync(join(folder, name)))]),
  );
}

/** A backend that tells what is written to it. */
export function watched(
  backend: Backend,
  onWrite: (name: string, values: ArrayLike<number>) => void,
): Backend {
  return {
    name: backend.name,
    threads: backend.threads,
    get memory() {
      return backend.memory;
    },
    describe: () => backend.describe(),
    compile: (calls, keep) => backend.compile(calls, keep),
    run: (program) => backend.run(program),
    profile: (program) => backend.profile(program),
    write(to, values) {
      onWrite(to.buffer.name, values);
      backend.write(to, values);
    },
    read: (from, program) => backend.read(from, program),
    close: () => backend.close(),
  };
}
