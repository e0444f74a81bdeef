/**
 * The program of a process that runs one trial: it is forked, gets a task by message and answers with
 * messages. It ends when it has answered, and when the process that forked it is gone.
 */
import { FerError, Interrupted } from '../errors.ts';
import { leave } from '../leave.ts';
import type { TrialResult } from './result.ts';
import type { EpochReport } from './runner.ts';
import { runTrial, type TrialTask } from './runTrial.ts';

/** What the process is told: what to do, once; and to save and end. */
export type TrialCommand = { readonly type: 'run'; readonly task: TrialTask } | { readonly type: 'stop' };

/** What the process tells. */
export type TrialMessage =
  | ({ readonly type: 'epoch' } & EpochReport)
  | { readonly type: 'done'; readonly result: TrialResult }
  /** It was told to stop, and all it did is saved. */
  | { readonly type: 'stopped' }
  | { readonly type: 'failed'; readonly problem: string };

let stopped = false;
const stop = (): void => {
  stopped = true;
};
// Ctrl-C and the end of a terminal reach every process of it; the one that forked this decides what becomes of it.
for (const signal of ['SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
process.on('SIGTERM', stop);
// An orphan would hold the run against whoever takes the trial over.
process.on('disconnect', stop);

const tell = (message: TrialMessage): Promise<void> =>
  new Promise((resolve) => {
    if (process.connected) process.send?.(message, () => resolve());
    else resolve();
  });

const run = async (task: TrialTask): Promise<void> => {
  try {
    const onEpoch = ({
      epoch,
      valAccuracy,
      seconds,
    }: {
      epoch: number;
      valAccuracy: number;
      seconds: number;
    }) => {
      void tell({ type: 'epoch', epoch, accuracy: valAccuracy, seconds });
    };
    const result = await runTrial(task, { onEpoch }, () => stopped);
    await tell({ type: 'done', result });
  } catch (error) {
    if (error instanceof Interrupted) await tell({ type: 'stopped' });
    else {
      const problem = error instanceof FerError ? error.message : String((error as Error)?.stack ?? error);
      await tell({ type: 'failed', problem });
    }
  }
  await leave(0);
};

process.on('message', (command: TrialCommand) => {
  if (command.type === 'stop') stop();
  else void run(command.task);
});
