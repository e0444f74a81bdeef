// What `fer evaluate` answers for each image of a split, for scripts that compare another program with it.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const cli = fileURLToPath(new URL('../../dist/cli.js', import.meta.url));

/** Runs the built command line, its messages on this terminal; resolves to its JSON. */
export function fer(...args) {
  if (!existsSync(cli)) throw new Error('dist/cli.js is missing: run "npm run build" first');
  const { status, stdout } = spawnSync(process.execPath, [cli, ...args, 'json=true'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`fer ${args[0]} ended with code ${status}`);
  return JSON.parse(stdout);
}

/** `{ metrics, predictions }`: the figures, and the label of each image in the order of the split. */
export function evaluate(...args) {
  const folder = mkdtempSync(join(tmpdir(), 'fer-evaluate-'));
  try {
    const metrics = fer('evaluate', ...args, `out=${folder}`);
    const [, ...rows] = readFileSync(join(folder, 'predictions.csv'), 'utf8').trimEnd().split('\n');
    return { metrics, predictions: rows.map((row) => row.split(',')[2]) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** `key=value` arguments over defaults; an unknown key is refused. */
export function options(defaults) {
  const found = { ...defaults };
  for (const arg of process.argv.slice(2)) {
    const [key, ...rest] = arg.split('=');
    if (!Object.hasOwn(defaults, key) || rest.length === 0) {
      throw new Error(
        `${arg}: expected ${Object.keys(defaults)
          .map((name) => `${name}=`)
          .join(', ')}`,
      );
    }
    found[key] = typeof defaults[key] === 'number' ? Number(rest.join('=')) : rest.join('=');
  }
  return found;
}

/** Accuracy, its standard error and the recall of each label, from labels by name. */
export function figures(targets, predictions, labels) {
  const hits = targets.map((target, i) => target === predictions[i]);
  const accuracy = hits.filter(Boolean).length / hits.length;
  const recall = Object.fromEntries(
    labels.map((label) => {
      const own = hits.filter((_, i) => targets[i] === label);
      return [label, own.length === 0 ? null : own.filter(Boolean).length / own.length];
    }),
  );
  const right = hits.filter(Boolean).length;
  return {
    n: hits.length,
    right,
    accuracy,
    error: Math.sqrt((accuracy * (1 - accuracy)) / hits.length),
    recall,
  };
}
