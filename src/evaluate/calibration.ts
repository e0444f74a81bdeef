/** Answers of about the same confidence. */
export interface CalibrationBin {
  /** Confidences above `low` up to `high`. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
  /** Mean confidence, and share that is right; null without answers. */
  readonly confidence: number | null;
  readonly accuracy: number | null;
}

export interface Calibration {
  readonly bins: readonly CalibrationBin[];
  /**
   * Expected calibration error: mean distance of confidence and accuracy, bins weighted by their answers
   * (Guo et al. 2017, arXiv 1706.04599, equation 3).
   */
  readonly ece: number;
  /** Mean confidence less accuracy: above 0 the network is too sure of itself. */
  readonly overconfidence: number;
}

/** Bins of equal width; the number that Guo et al. use. */
export const CALIBRATION_BINS = 15;

/** The bin of a confidence: the upper border belongs to it. */
export function calibrationBin(confidence: number, bins = CALIBRATION_BINS): number {
  return Math.min(bins - 1, Math.max(0, Math.ceil(confidence * bins) - 1));
}

/**
 * How far confidence can be taken at its word.
 *
 * @param confidences [N], 0..1: the softmax of each predicted label
 * @param correct [N], whether that label is the target
 */
export function calibration(
  confidences: ArrayLike<number>,
  correct: ArrayLike<number | boolean>,
  bins = CALIBRATION_BINS,
): Calibration {
  const sums = Array.from({ length: bins }, () => ({ count: 0, confidence: 0, hits: 0 }));
  for (let n = 0; n < confidences.length; n++) {
    const bin = sums[calibrationBin(confidences[n], bins)];
    bin.count++;
    bin.confidence += confidences[n];
    if (correct[n]) bin.hits++;
  }
  const N = confidences.length;
  const over = sums.reduce((total, { confidence, hits }) => total + confidence - hits, 0);
  return {
    bins: sums.map(({ count, confidence, hits }, b) => ({
      low: b / bins,
      high: (b + 1) / bins,
      count,
      confidence: count === 0 ? null : confidence / count,
      accuracy: count === 0 ? null : hits / count,
    })),
    ece:
      N === 0 ? 0 : sums.reduce((total, { confidence, hits }) => total + Math.abs(confidence - hits), 0) / N,
    overconfidence: N === 0 ? 0 : over / N,
  };
}
