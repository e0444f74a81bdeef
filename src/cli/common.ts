import type { Dataset } from '../data/dataset.ts';
import type { FerPlusMode } from '../data/ferPlusModes.ts';
import { loadDataset } from '../data/load.ts';
import type { Progress } from '../term/progress.ts';
import type { Output } from './output.ts';

/** The settings that say which data. */
export interface DataSettings {
  readonly data: string;
  readonly limit: number;
  readonly seed?: number;
  readonly labels?: string;
  readonly ferplus?: FerPlusMode;
}

/** Loads the dataset of a verb with a bar and its notices. */
export async function readData(
  { data, limit, seed, labels, ferplus }: DataSettings,
  out: Output,
): Promise<Dataset> {
  let bar: Progress | undefined;
  const dataset = await loadDataset(data, {
    limit: limit || undefined,
    seed,
    labels: labels || undefined,
    ferplus,
    onNotice: (message) => out.note(message),
    onProgress(done, total, unit) {
      bar ??= out.progress({ label: 'reading', total, unit, done });
      bar.update(done, {}, total);
    },
  });
  out.clear();
  return dataset;
}

/** The user's wish to stop: the first Ctrl-C (or SIGTERM) is a request, the second ends the process. */
export interface Signal {
  readonly received: Promise<void>;
  /** From now on signals do what they do to any program. */
  ignore(): void;
}

/** @param onFirst says what becomes of the work under way */
export function untilSignal(onFirst: () => void): Signal {
  let count = 0;
  let receive: () => void;
  const received = new Promise<void>((resolve) => {
    receive = resolve;
  });
  const onSignal = (): void => {
    count++;
    if (count > 1) process.exit(130);
    onFirst();
    receive();
  };
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, onSignal);
  const ignore = (): void => {
    for (const name of ['SIGINT', 'SIGTERM'] as const) process.off(name, onSignal);
  };
  return { received, ignore };
}
