import type { JSX } from 'preact';
import type { RunEvaluation } from '../server/runs.ts';
import { percent, plural } from './format.ts';

/** From this share on, a cell's colour is so deep that its text must be light. */
const DEEP = 0.5;

/** A confusion matrix as a table that can be read aloud: rows are what people said, columns what the network says. */
export function ConfusionTable({
  file,
  n,
  accuracy,
  labels,
  confusion,
  confusionNormalized,
}: RunEvaluation): JSX.Element {
  return (
    <div class="scroll">
      <table class="matrix">
        <caption>
          <b>{percent(accuracy, 2)}</b> of {plural(n, 'image')} right ({file}). Rows: the label; columns: the
          answer; percent of the row, and images.
        </caption>
        <thead>
          <tr>
            <td />
            {labels.map((label) => (
              <th key={label} scope="col">
                <span>{label}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {labels.map((label, r) => (
            <tr key={label}>
              <th scope="row">{label}</th>
              {confusion[r].map((count, c) => {
                const share = confusionNormalized[r][c] ?? 0;
                return (
                  <td
                    key={labels[c]}
                    class={share > DEEP ? 'deep' : undefined}
                    style={{ '--share': share.toFixed(4) }}
                  >
                    <b>{Math.round(100 * share)}</b>
                    <small>{count}</small>
                  </td>
                );
              })}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
