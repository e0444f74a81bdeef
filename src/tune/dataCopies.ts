import { loadDataset } from '../data/load.ts';
import type { CheckedJob } from './trialJob.ts';

/** The datasets that a worker has copies of, known by the hash of their content. */
export class DataCopies {
  readonly #sources: readonly string[];
  /** Hash of `limit` images of each split, by limit and source. */
  readonly #hashes = new Map<string, Promise<string>>();
  readonly #onNotice: (line: string) => void;

  constructor(sources: readonly string[], onNotice: (line: string) => void) {
    this.#sources = sources;
    this.#onNotice = onNotice;
  }

  /**
   * Reads each copy, so that what is wrong with it is told before any trial comes.
   *
   * @throws FerError for data that is missing or bad
   */
  async check(): Promise<{ source: string; hash: string }[]> {
    const found: { source: string; hash: string }[] = [];
    for (const source of this.#sources) found.push({ source, hash: await this.#hash(source, 0) });
    return found;
  }

  /** Where the data of a job is on this machine; undefined if there is no copy. */
  async find({ hash, limit, synthetic }: CheckedJob['data']): Promise<string | undefined> {
    if (synthetic !== null) return synthetic;
    for (const source of this.#sources) {
      if ((await this.#hash(source, limit)) === hash) return source;
    }
    return undefined;
  }

  #hash(source: string, limit: number): Promise<string> {
    const key = `${limit} ${source}`;
    const known = this.#hashes.get(key);
    if (known) return known;
    const hash = loadDataset(source, { limit: limit || undefined, onNotice: this.#onNotice }).then(
      (dataset) => dataset.hash,
    );
    // A copy that cannot be read now may be readable later.
    hash.catch(() => this.#hashes.delete(key));
    this.#hashes.set(key, hash);
    return hash;
  }
}
