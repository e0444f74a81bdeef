import type { StoredTensor } from '../io/safetensors.ts';
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
   * Saves everything needed to go on. The weights kept under names of their own are written first, so that
   * a checkpoint never claims an epoch whose `best` is not there: killed in between, the run repeats the
   * epoch and writes them again.
   *
   * @param kept names besides `last`: `best`, `epoch_N`
   * @throws FerError if values are not finite (what was saved before stays) or the disk fails
   */
  async save(kept: readonly string[] = []): Promise<void> {
    const { progress } = this.#trainer;
    const weights = await this.#trainer.weights();
    const memory = await this.#trainer.memory();
    if (!allFinite(weights) || !allFinite(memory)) throw this.#trainer.diverged();
    const metadata = { ...this.#about, epoch: String(progress.epoch) };
    for (const name of kept) {
      // Weights that were gone back to keep their number where those that follow have others.
      const { epoch } = (name === 'best' && progress.best) || progress;
      this.#folder.writeWeights(name, weights, { ...metadata, epoch: String(epoch) });
    }
    this.#folder.writeState(weights, metadata, memory, progress);
    this.#written = performance.now();
  }
}

/** A step can have a finite loss and leave weights that are not. */
function allFinite(tensors: Readonly<Record<string, StoredTensor>>): boolean {
  return Object.values(tensors).every(({ data }) => {
    const values = data as Float32Array;
    let sum = 0;
    // 0 times infinity is NaN, and NaN stays in the sum. Counting takes a fifth of an iterator's time.
    for (let i = 0; i < values.length; i++) sum += values[i] * 0;
    return sum === 0;
  });
}
