import { join } from 'node:path';
import type { TrainConfig } from '../config.ts';
import { FerError } from '../errors.ts';
import type { EpochRow } from './history.ts';
import { TensorboardFolder } from './tensorboardFolder.ts';

/** Something beside the run's own files that is kept at the state of its history. */
interface Observer {
  /** Completes `... could not be written`. */
  readonly what: string;
  update(history: readonly EpochRow[], best: EpochRow | null): Promise<void> | void;
}

/**
 * Keeps pictures and logs of a run current. None of them is worth a training: a failure is told once, and
 * tried again after the next epoch.
 */
export class Observers {
  readonly #observers: readonly Observer[];
  readonly #onNote: (line: string) => void;
  readonly #told = new Set<Observer>();

  /** @param run the run folder */
  constructor(run: string, config: TrainConfig, onNote: (line: string) => void = () => {}) {
    this.#onNote = onNote;
    this.#observers = [
      ...(config.curves ? [curvesOf(run, config)] : []),
      ...(config.tensorboard ? [tensorboardOf(run)] : []),
    ];
  }

  /** After every epoch, and when a run starts or goes on. */
  async update(history: readonly EpochRow[], best: EpochRow | null): Promise<void> {
    for (const observer of this.#observers) {
      try {
        await observer.update(history, best);
      } catch (error) {
        if (!this.#told.has(observer)) this.#onNote(`${observer.what} could not be written: ${tell(error)}`);
        this.#told.add(observer);
      }
    }
  }
}

/** `curves.svg` and `curves.png`. Charts are loaded with the first epoch to draw. */
function curvesOf(run: string, { name, val, theme }: TrainConfig): Observer {
  return {
    what: 'curves',
    async update(history, best) {
      if (history.length === 0) return;
      const [{ curvesChart }, { writeChart }] = await Promise.all([
        import('../charts/curvesChart.ts'),
        import('../charts/writeChart.ts'),
      ]);
      const marked = best === null || best.valAccuracy === null ? null : best.epoch;
      await writeChart(curvesChart(history, { name, val, best: marked }), join(run, 'curves'), { theme });
    },
  };
}

function tensorboardOf(run: string): Observer {
  const folder = new TensorboardFolder(run);
  return { what: 'event files of TensorBoard', update: (history) => folder.update(history) };
}

function tell(error: unknown): string {
  if (error instanceof FerError) return error.message;
  return error instanceof Error ? `${error.name}: ${error.message}` : String(error);
}
