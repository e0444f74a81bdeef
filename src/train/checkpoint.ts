import { allFinite } from '../nn/checkWeights.ts';
import type { ModelDescription } from '../nn/model.ts';
import type { RunFolder } from './runFolder.ts';
import type { Trainer } from './trainer.ts';

/** Writes a trainer's state to its run folder. */
export class Checkpoints {
  readonly #folder: RunFolder;
  readonly #trainer: Trainer;
  readonly #about: Readonly<Record<string, string>>;
  #written = performance.now();

  constructor(folder: RunFolder, trainer: Trainer, { network, labels }: ModelDescription, version: string) {
    this.#folder = folder;
    this.#trainer = trainer;
    // 'pt': PyTorch's names and shapes, as other writers of safetensors declare it.
    this.#about = { format: 'pt', network, labels: JSON.stringify(labels), version };
  }

  /** Seconds since the last checkpoint, or since the start. */
  get age(): number {
    return (performance.now() - this.#written) / 1000;
  }

  /**
   * Saves everything needed to go on. Weights of a numbered epoch are written before: killed in between, the run
   * repeats the epoch and writes them again. The best ones follow, since they replace those of an earlier epoch:
   * these stay until the history knows of better ones, and `RunFolder.readState` writes what was left undone.
   *
   * @param kept names besides `last`: `best`, `epoch_N`
   * @throws FerError if values are not finite (what was saved before stays) or the disk fails
   */
  async save(kept: readonly string[] = []): Promise<void> {
    const { progress } = this.#trainer;
    const weights = await this.#trainer.weights();
    const memory = await this.#trainer.memory();
    // A step can have a finite loss and leave weights that are not.
    if (![weights, memory].every((tensors) => Object.values(tensors).every(allFinite)))
      throw this.#trainer.diverged();
    const metadata = { ...this.#about, epoch: String(progress.epoch) };
    for (const name of kept.filter((name) => name !== 'best')) {
      this.#folder.writeWeights(name, weights, metadata);
    }
    this.#folder.writeState(weights, metadata, memory, progress);
    if (kept.includes('best')) {
      // Weights that were gone back to keep their number where those that follow have others.
      const { epoch } = progress.best ?? progress;
      this.#folder.writeWeights('best', weights, { ...metadata, epoch: String(epoch) });
    }
    this.#written = performance.now();
  }
}
