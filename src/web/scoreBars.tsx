import type { JSX } from 'preact';
import type { RecognizedFace } from '../recognize/types.ts';
import { percent } from './format.ts';

/** A bar for each label, in the model's order so that they keep their places from face to face. */
export function ScoreBars({ label, scores }: Pick<RecognizedFace, 'label' | 'scores'>): JSX.Element {
  return (
    <dl class="bars">
      {Object.entries(scores).map(([name, score]) => (
        <div key={name} class={name === label ? 'bar first' : 'bar'}>
          <dt>{name}</dt>
          <dd>
            <span class="track" aria-hidden="true">
              <span style={{ '--share': score.toFixed(4) }} />
            </span>
            <span class="value">{percent(score, 1)}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}
