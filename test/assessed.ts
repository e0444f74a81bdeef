import { type Assessment, assess } from '../src/evaluate/assess.ts';
import type { ModelDescription } from '../src/nn/model.ts';

/** A narrow network with three labels. */
export const DESCRIPTION: ModelDescription = {
  network: 'vgg',
  width: 8,
  drop: 0.2,
  labels: ['angry', 'happy', 'sad'],
  imageSize: 48,
  inputSize: 40,
};

/** An answer of a made-up network. */
export interface MadeUp {
  readonly target: number;
  readonly prediction: number;
  /** By how much its logit is above the others, which are 0. */
  readonly lead: number;
}

/** What is known of a network that answers so. */
export function assessed(answers: readonly MadeUp[]): Promise<Assessment> {
  const { labels } = DESCRIPTION;
  const logits = new Float32Array(answers.length * labels.length);
  for (const [n, { prediction, lead }] of answers.entries()) logits[n * labels.length + prediction] = lead;
  const network = { description: DESCRIPTION, logits: async () => logits };
  const targets = Uint8Array.from(answers, ({ target }) => target);
  return assess(network, { images: new Uint8Array(), targets }, { resamples: 300 });
}
