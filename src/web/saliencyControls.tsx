import type { JSX } from 'preact';
import { METHOD_NAMES, METHODS, type MethodName } from '../explain/methods.ts';

/** What each method's map says, in a sentence. */
const MEANING: Readonly<Record<MethodName, string>> = {
  gradient: 'How strongly a small change of each pixel moves the score.',
  smoothgrad: 'The same, averaged over noisy copies of the face.',
  integrated: 'Each pixel’s share of the score’s rise from a plain grey face.',
  gradcam: 'Which regions’ features speak for the label. Coarse, but fast.',
  occlusion: 'How far the score falls when a patch over the place is covered.',
};

export interface SaliencyControlsProps {
  /** Undefined: no map. */
  readonly method: MethodName | undefined;
  readonly onMethod: (method: MethodName | undefined) => void;
  /** The label that is explained; undefined: the winning one. */
  readonly target: string | undefined;
  readonly onTarget: (target: string | undefined) => void;
  readonly labels: readonly string[];
  /** Methods offered; all of them by default. */
  readonly methods?: readonly MethodName[];
  readonly busy?: boolean;
  readonly problem?: string;
}

/** Chooses which map is laid over the selected face. */
export function SaliencyControls({
  method,
  onMethod,
  target,
  onTarget,
  labels,
  methods = METHOD_NAMES,
  busy = false,
  problem,
}: SaliencyControlsProps): JSX.Element {
  return (
    <fieldset class="saliency">
      <legend>Where the score comes from</legend>
      <div class="fields">
        <label>
          Method
          <select
            value={method ?? ''}
            onChange={({ currentTarget }) =>
              onMethod((currentTarget.value || undefined) as MethodName | undefined)
            }
          >
            <option value="">no map</option>
            {methods.map((name) => (
              <option key={name} value={name}>
                {METHODS[name].title}
              </option>
            ))}
          </select>
        </label>
        <label>
          Score of
          <select
            value={target ?? ''}
            disabled={method === undefined}
            onChange={({ currentTarget }) => onTarget(currentTarget.value || undefined)}
          >
            <option value="">the answer</option>
            {labels.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      </div>
      {method && <p class="hint">{MEANING[method]} Yellow: most.</p>}
      {busy && <progress class="thin" aria-label="Computing the map" />}
      {problem && (
        <p class="problem" role="alert">
          {problem}
        </p>
      )}
    </fieldset>
  );
}
