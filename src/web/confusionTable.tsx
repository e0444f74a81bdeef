import type { JSX } from 'preact';
import type { RunEvaluation } from '../server/runs.ts';
import { percent, plural } from './format.ts';

/** Shares from which on a cell's text is of another colour: on each it has a contrast of 4.5 or more, in light and in dark. */
const STEPS = [0.45, 0.55, 0.715];

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
                    class={`heat-${STEPS.filter((step) => share > step).length}`}
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
