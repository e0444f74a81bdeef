import { UsageError } from '../../errors.ts';
import { baselineOf } from '../baseline.ts';
import type { Found, Method, MethodSettings, Subject } from '../method.ts';
import type { Probe } from '../probe.ts';

/**
 * Occlusion (Zeiler & Fergus, arXiv 1311.2901): how much the score falls when a square patch is covered with
 * the baseline, for patches all over the face. A pixel gets the mean of the patches that cover it. It needs
 * no gradient, so it also finds what a saturated network no longer shows in one.
 */
export const occlusion: Method = {
  title: 'Occlusion',
  unit: 'fall of the logit',
  grain: 'region',
  check({ patch, stride }, { size }) {
    if (patch > size)
      throw new UsageError(
        `patch=${patch}: the faces of this model are ${size}x${size}; choose a smaller patch=.`,
      );
    if (stride > patch)
      throw new UsageError(
        `stride=${stride} leaves pixels between patches of ${patch}: give stride=${patch} or less.`,
      );
  },
  async explain(probe, subjects, settings) {
    const found: Found[] = [];
    for (const subject of subjects) found.push({ values: await occlude(probe, subject, settings) });
    return found;
  },
};

async function occlude(
  probe: Probe,
  { pixels, target, score }: Subject,
  { patch, stride, baseline }: MethodSettings,
): Promise<Float64Array> {
  const { size } = probe.crops;
  const starts = startsOf(size, patch, stride);
  const base = baselineOf(pixels, baseline);
  const boxOf = (i: number): Box => ({
    left: starts[i % starts.length],
    top: starts[Math.floor(i / starts.length)],
    side: patch,
  });
  const count = starts.length ** 2;
  const scores = await probe.scores({
    count,
    draw(i) {
      const covered = pixels.slice();
      eachPixel(boxOf(i), size, (p) => {
        covered[p] = base[p];
      });
      return covered;
    },
  });
  const falls = new Float64Array(pixels.length);
  const times = new Float64Array(pixels.length);
  for (let i = 0; i < count; i++) {
    eachPixel(boxOf(i), size, (p) => {
      falls[p] += score - scores[i * probe.labels + target];
      times[p]++;
    });
  }
  return falls.map((fall, p) => fall / times[p]);
}

interface Box {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

function eachPixel({ left, top, side }: Box, size: number, visit: (pixel: number) => void): void {
  for (let y = top; y < top + side; y++) for (let x = left; x < left + side; x++) visit(y * size + x);
}

/** First rows (or columns) of the patches: every `stride`, and the last that fits. */
function startsOf(size: number, patch: number, stride: number): number[] {
  const starts: number[] = [];
  for (let start = 0; start < size - patch; start += stride) starts.push(start);
  return [...starts, size - patch];
}
