import { FerError } from '../errors.ts';
import type { ModelDescription } from '../nn/model.ts';
import { softmax } from './metrics.ts';
import type { Recognizer } from './recognizer.ts';

/** What names the expression of face crops: a network, or several of them. */
export type Judged = Pick<Recognizer, 'description' | 'logits'>;

/**
 * Networks that answer together: the mean of their scores. They may differ in everything but the size of images and
 * the labels, whose order is that of the first.
 */
export class Ensemble implements Judged {
  readonly description: ModelDescription;
  readonly #members: readonly Judged[];
  /** Of each member, where it has the labels of the first. */
  readonly #places: readonly number[][];

  /**
   * @param members at least one
   * @param names of the members, for messages
   * @throws FerError if they know other labels than the first, or take other images
   */
  constructor(members: readonly Judged[], names: readonly string[]) {
    const [{ description }] = members;
    this.description = description;
    this.#members = members;
    this.#places = members.map((member, m) => {
      const { labels, imageSize } = member.description;
      const refuse = (found: string, expected: string): never => {
        throw new FerError(
          `${names[m]} ${found}, ${names[0]} ${expected}: such networks cannot answer together`,
        );
      };
      if (imageSize !== description.imageSize) {
        refuse(`takes images of ${imageSize} pixels`, `of ${description.imageSize}`);
      }
      if ([...labels].sort().join() !== [...description.labels].sort().join()) {
        refuse(`knows ${labels.join(', ')}`, `knows ${description.labels.join(', ')}`);
      }
      return description.labels.map((label) => labels.indexOf(label));
    });
  }

  /**
   * Logarithms of the mean scores [n, L]: their softmax is that mean. See `Recognizer.logits`.
   */
  async logits(faces: Uint8Array, onBatch?: (done: number) => void): Promise<Float32Array> {
    const { labels, imageSize } = this.description;
    const L = labels.length;
    const n = faces.length / imageSize ** 2;
    const M = this.#members.length;
    const scores = new Float64Array(n * L);
    for (const [m, member] of this.#members.entries()) {
      const logits = await member.logits(faces, (done) => onBatch?.((m * n + done) / M));
      const places = this.#places[m];
      for (let i = 0; i < n; i++) {
        const shares = softmax(logits.subarray(i * L, (i + 1) * L));
        for (const [l, place] of places.entries()) scores[i * L + l] += shares[place] / M;
      }
    }
    // A score that underflows stays a number: that of the least one a double has.
    return Float32Array.from(scores, (score) => Math.log(Math.max(score, Number.MIN_VALUE)));
  }
}
