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
  readonly isReceived: boolean;
  /** From now on signals do what they do to any program. */
  ignore(): void;
}

/**
 * A closed terminal (SIGHUP) asks for an end as well, unless standard error goes elsewhere: then the work was meant
 * to outlive the terminal. `nohup` alone does not see to that, as Node does not keep a signal ignored.
 *
 * @param onFirst says what becomes of the work under way
 * @param onTerminal whether somebody watches; on Windows the system ends the process soon after in any case
 */
export function untilSignal(
  onFirst: () => void,
  onTerminal = process.stderr.isTTY === true || process.platform === 'win32',
): Signal {
  let count = 0;
  let isReceived = false;
  let receive: () => void;
  const received = new Promise<void>((resolve) => {
    receive = resolve;
  });
  const request = (): void => {
    if (isReceived) return;
    isReceived = true;
    onFirst();
    receive();
  };
  const onSignal = (): void => {
    count++;
    if (count > 1) process.exit(130);
    request();
  };
  // Never counted: a terminal that closes may send it twice.
  const onHangup = (): void => {
    if (onTerminal) request();
  };
  const listeners = [
    ['SIGINT', onSignal],
    ['SIGTERM', onSignal],
    ['SIGHUP', onHangup],
  ] as const;
  for (const [name, listener] of listeners) process.on(name, listener);
  const ignore = (): void => {
    for (const [name, listener] of listeners) process.off(name, listener);
  };
  return {
    received,
    get isReceived() {
      return isReceived;
    },
    ignore,
  };
}
