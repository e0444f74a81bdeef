import { PictureError, UsageError } from '../errors.ts';
import type { ModelDescription } from '../nn/description.ts';
import type { PhotoRecognizer, RecognizedFace, RecognizeOptions } from '../recognize/types.ts';

/** Thrown while the network cannot answer: its thread has ended, or its device was lost. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

/**
 * A recogniser for a service that runs for months: one that cannot answer any more is replaced by a fresh one, and
 * until that is there requests are refused.
 */
export class SteadyRecognizer<Picture> {
  readonly #load: () => Promise<PhotoRecognizer<Picture>>;
  #recognizer: PhotoRecognizer<Picture>;
  #problem: Error | undefined;
  #renewal: Promise<void> | undefined;
  #closed = false;

  private constructor(load: () => Promise<PhotoRecognizer<Picture>>, recognizer: PhotoRecognizer<Picture>) {
    this.#load = load;
    this.#recognizer = recognizer;
  }

  static async open<Picture>(
    load: () => Promise<PhotoRecognizer<Picture>>,
  ): Promise<SteadyRecognizer<Picture>> {
    return new SteadyRecognizer(load, await load());
  }

  get model(): ModelDescription {
    return this.#recognizer.model;
  }

  get device(): string {
    return this.#recognizer.device;
  }

  /** Why it cannot answer now; undefined while it can. */
  get problem(): Error | undefined {
    // A thread may have ended while nobody asked it anything.
    const problem = this.#problem ?? this.#recognizer.problem;
    if (problem) this.#renew(this.#recognizer, problem);
    return problem;
  }

  /**
   * @throws PictureError for what is no picture, or one that cannot be read
   * @throws UsageError for an option that it does not take
   * @throws Unavailable while it cannot answer
   */
  async recognize(picture: Picture, options?: RecognizeOptions): Promise<RecognizedFace[]> {
    if (this.problem) throw new Unavailable();
    const recognizer = this.#recognizer;
    try {
      return await recognizer.recognize(picture, options);
    } catch (error) {
      if (error instanceof PictureError || error instanceof UsageError) throw error;
      this.#renew(recognizer, error as Error);
      throw new Unavailable();
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#renewal;
    await this.#recognizer.close();
  }

  /** Once for all the calls that fail together; where it fails, the next call or probe tries again. */
  #renew(broken: PhotoRecognizer<Picture>, reason: Error): void {
    if (this.#renewal || broken !== this.#recognizer || this.#closed) return;
    console.error(`the network does not answer, and is loaded anew: ${reason.stack ?? reason.message}`);
    this.#problem = reason;
    this.#renewal = (async () => {
      try {
        await broken.close();
        this.#recognizer = await this.#load();
        this.#problem = undefined;
        console.error(`the network answers again, on ${this.device}`);
      } catch (error) {
        console.error(`the network cannot be loaded: ${(error as Error).message}`);
      } finally {
        this.#renewal = undefined;
      }
    })();
  }
}
