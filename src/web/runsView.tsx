import type { JSX } from 'preact';
import type { RunDetails, RunSummary } from '../server/runs.ts';
import { ConfusionTable } from './confusionTable.tsx';
import { CurvesChart } from './curvesChart.tsx';
import { percent, plural } from './format.ts';
import { useJson } from './useJson.ts';

/** Often enough to watch a training, whose epochs take seconds at least. */
const SECONDS = 2;

/** The runs of `runs/`, or one of them. */
export function RunsView({ name }: { name: string | undefined }): JSX.Element {
  return name === undefined ? <RunList /> : <Run key={name} name={name} />;
}

function RunList(): JSX.Element {
  const { value, problem } = useJson<{ runs: RunSummary[] }>('api/runs', SECONDS);
  return (
    <>
      <h1>Runs</h1>
      {problem && <p class="problem">{problem}</p>}
      {value?.runs.length === 0 && (
        <p class="lead">
          There is none yet. <code>npm run quickstart</code> trains a small one on drawn faces; it appears
          here while it trains.
        </p>
      )}
      {value && value.runs.length > 0 && (
        <div class="scroll">
          <table class="runs">
            <thead>
              <tr>
                <th scope="col">Run</th>
                <th scope="col">Network</th>
                <th scope="col">Data</th>
                <th scope="col" class="number">
                  Epochs
                </th>
                <th scope="col" class="number">
                  Best accuracy
                </th>
              </tr>
            </thead>
            <tbody>
              {value.runs.map((run) => (
                <tr key={run.name}>
                  <th scope="row">
                    <a href={`#runs/${encodeURIComponent(run.name)}`}>{run.name}</a>
                    {run.training && <Training />}
                  </th>
                  <td>
                    {run.network}, width {run.width}
                  </td>
                  <td>{run.data}</td>
                  <td class="number">
                    {run.epochs} of {run.epochsAsked}
                  </td>
                  <td class="number">{accuracyOf(run)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}

function Run({ name }: { name: string }): JSX.Element {
  const { value: run, problem } = useJson<RunDetails>(`api/runs/${encodeURIComponent(name)}`, SECONDS);
  return (
    <>
      <p class="back">
        <a href="#runs">← All runs</a>
      </p>
      <h1>
        {name} {run?.training && <Training />}
      </h1>
      {problem && <p class="problem">{problem}</p>}
      {run && <RunContent run={run} />}
    </>
  );
}

function RunContent({ run }: { run: RunDetails }): JSX.Element {
  const { history, best, val, evaluations, settings } = run;
  const last = history[history.length - 1];
  return (
    <>
      <ul class="tiles">
        {run.averaged > 0 ? (
          <li>
            <span>Weights</span>
            <b>mean of {run.averaged}</b>
            <small>epochs and curves are those of the first</small>
          </li>
        ) : (
          <li>
            <span>Best accuracy{best?.valAccuracy == null ? '' : ` on ${val}`}</span>
            <b>{accuracyOf(run)}</b>
            <small>{best ? `epoch ${best.epoch}` : 'no epoch has ended'}</small>
          </li>
        )}
        <li>
          <span>Epochs</span>
          <b>{run.epochs}</b>
          <small>of {run.epochsAsked}</small>
        </li>
        <li>
          <span>Network</span>
          <b>{run.network}</b>
          <small>width {run.width}</small>
        </li>
        {last && (
          <li>
            <span>Speed</span>
            <b>{Math.round(last.imagesPerSecond).toLocaleString('en')}</b>
            <small>images a second</small>
          </li>
        )}
      </ul>
      {history.length > 0 && (
        <section>
          <h2>Curves</h2>
          <div class="charts">
            <CurvesChart
              title="Accuracy"
              history={history}
              best={best?.epoch}
              series={[
                { name: 'training', of: ({ trainAccuracy }) => trainAccuracy },
                { name: val, of: ({ valAccuracy }) => valAccuracy },
              ]}
              show={(value) => percent(value, 1)}
            />
            <CurvesChart
              title="Loss"
              history={history}
              best={best?.epoch}
              series={[
                { name: 'training', of: ({ trainLoss }) => trainLoss },
                { name: val, of: ({ valLoss }) => valLoss },
              ]}
              show={(value) => value.toFixed(3)}
            />
            <CurvesChart
              title="Learning rate"
              history={history}
              series={[{ name: 'learning rate', of: ({ lr }) => lr }]}
              show={(value) =>
                value === 0 ? '0' : value < 1e-3 ? value.toExponential(1) : value.toPrecision(2)
              }
            />
          </div>
        </section>
      )}
      <section>
        <h2>Confusion matrix</h2>
        {evaluations.length === 0 && (
          <p>
            Nobody has evaluated this run yet. This does, and the figures appear here:
            <br />
            <code>{run.evaluate}</code>
          </p>
        )}
        {evaluations.map((evaluation) => (
          <ConfusionTable key={evaluation.file} {...evaluation} />
        ))}
      </section>
      <section>
        <h2>Settings</h2>
        <details>
          <summary>{plural(Object.keys(settings).length, 'setting')}</summary>
          <dl class="settings">
            {Object.entries(settings).map(([key, value]) => (
              <div key={key}>
                <dt>{key}</dt>
                <dd>{Array.isArray(value) ? value.join('+') || 'none' : String(value)}</dd>
              </div>
            ))}
          </dl>
        </details>
      </section>
    </>
  );
}

function Training(): JSX.Element {
  return <span class="training">training</span>;
}

/** An average has an accuracy of its own, which no history knows. */
function accuracyOf({ best, averaged }: RunSummary): string {
  if (averaged > 0) return `mean of ${averaged}`;
  return best?.valAccuracy == null ? '–' : percent(best.valAccuracy, 2);
}
