import type { benchOptions } from '../config.ts';
import { createBackend } from '../engine/createBackend.ts';
import { type BenchResult, bench, benchSteps } from '../train/bench.ts';
import type { Run } from './verb.ts';

/** `fer bench`: images a second of a whole step, and where the time goes. */
export const run: Run<typeof benchOptions> = async ({ config }, out) => {
  const backend = await createBackend(config);
  try {
    const { what, bs } = config;
    const bar = out.progress({ label: `${what} on ${backend.name}`, total: benchSteps(config) * bs });
    const result = await bench(config, backend, (steps) => bar.update(steps * bs));
    out.result([result], () => text(result));
  } finally {
    await backend.close();
  }
  return 0;
};

function text(result: BenchResult): string {
  const { what, bs, crops, device, imagesPerSecond, seconds, profile } = result;
  const step = `${(1000 * seconds).toFixed(1)} ms a step`;
  const lines = [
    `${what} bs=${bs} crops=${crops} on ${device}: ${imagesPerSecond.toFixed(1)} images/s, ${step}`,
  ];
  if (profile) {
    const total = profile.reduce((sum, row) => sum + row.seconds, 0);
    const width = Math.max(...profile.map(({ kernel }) => kernel.length));
    lines.push('', `${'kernel'.padEnd(width)}  calls       ms   share  GFLOP/s`);
    for (const row of profile) {
      const share = `${((100 * row.seconds) / total).toFixed(1)} %`;
      const gflops = row.gflops === null ? '' : row.gflops.toFixed(1);
      const figures = [String(row.calls).padStart(5), (1000 * row.seconds).toFixed(2).padStart(7)];
      lines.push(
        `${row.kernel.padEnd(width)}  ${figures.join('  ')}  ${share.padStart(6)}  ${gflops.padStart(7)}`,
      );
    }
  }
  return lines.join('\n');
}
