import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { failedResult, type TrialResult } from './result.ts';
import type { EpochReport } from './runner.ts';
import type { TrialTask } from './runTrial.ts';
import type { TrialCommand, TrialMessage } from './trialProcess.ts';

const PROGRAM = fileURLToPath(new URL('trialProcess.js', import.meta.url));
/** Of what a process says on its error output, the end that is kept. */
const KEPT = 2000;
/** Milliseconds that a process may take to end once it has answered; Node may hang there (see leave.ts). */
const GRACE = 5000;

/** A process that runs one trial. */
export class TrialChild {
  /** The result; undefined if the process was stopped and saved its run. Never rejects. */
  readonly ended: Promise<TrialResult | undefined>;
  readonly #process: ChildProcess;
  #stopping = false;

  constructor(task: TrialTask, onEpoch: (report: EpochReport) => void, program = PROGRAM, grace = GRACE) {
    // The environment may hold the queue's password.
    const { FER_QUEUE_PASSWORD: _, ...env } = process.env;
    this.#process = fork(program, [], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'], execArgv: [], env });
    this.ended = this.#watch(task, onEpoch, grace);
    this.#send({ type: 'run', task });
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  /** Asks the process to save its run and end; false if it was asked before. */
  stop(): boolean {
    if (this.#stopping) return false;
    this.#stopping = true;
    this.#send({ type: 'stop' });
    return true;
  }

  /** Ends the process at once, if it is still there. */
  kill(): void {
    this.#stopping = true;
    this.#process.kill('SIGKILL');
  }

  #send(command: TrialCommand): void {
    // Where it is gone already, its end says so.
    if (this.#process.connected) this.#process.send(command, () => undefined);
  }

  #watch(
    { trial, runs }: TrialTask,
    onEpoch: (report: EpochReport) => void,
    grace: number,
  ): Promise<TrialResult | undefined> {
    let answer: TrialMessage | undefined;
    let overdue: NodeJS.Timeout | undefined;
    let said = '';
    this.#process.stderr?.setEncoding('utf8');
    this.#process.stderr?.on('data', (text: string) => {
      said = (said + text).slice(-KEPT);
    });
    this.#process.on('message', (message: TrialMessage) => {
      if (message.type === 'epoch') {
        onEpoch(message);
        return;
      }
      // All it did is on disk by now.
      answer = message;
      overdue = setTimeout(() => this.#process.kill('SIGKILL'), grace);
    });
    const failed = (problem: string): TrialResult =>
      failedResult(trial.hash, join(runs, trial.hash), problem);
    return new Promise((resolve) => {
      this.#process.once('error', (error) =>
        resolve(failed(`its process cannot be started: ${error.message}`)),
      );
      this.#process.once('close', (code, signal) => {
        clearTimeout(overdue);
        if (answer?.type === 'done') resolve(answer.result);
        else if (answer?.type === 'failed') resolve(failed(answer.problem));
        else if (answer?.type === 'stopped' || this.#stopping) resolve(undefined);
        else {
          const how = signal === null ? `with code ${code}` : `by ${signal}`;
          const memory = signal === 'SIGKILL' ? ' (out of memory?)' : '';
          const last = said.trim() === '' ? '' : `: ${said.trim()}`;
          resolve(failed(`its process was ended ${how}${memory}${last}`));
        }
      });
    });
  }
}
