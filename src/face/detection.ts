import type { Box, Point } from '../image/image.ts';

/** The points of a face; right and left are the person's. */
export const KEYPOINTS = ['rightEye', 'leftEye', 'nose', 'mouth', 'rightEar', 'leftEar'] as const;

/** A box, a score and the points in it, in any one unit. */
export interface Detection {
  readonly box: Box;
  /** 0..1 */
  readonly score: number;
  readonly keypoints: readonly Point[];
}

/** Values that the network gives for an anchor: centre, size, points. */
export const COORDINATES = 4 + 2 * KEYPOINTS.length;

/** Raw scores are held within it, as MediaPipe does. */
const CLIP = 100;

/**
 * The anchors whose score reaches `minScore`, as detections in pixels of the network's input.
 *
 * @param regressors [n, 16]: centre x and y and the points as distances from the anchor, width and height, all in
 *   pixels of the input
 * @param scores [n] before the sigmoid
 * @param centres [n, 2] of the anchors, as shares of the side
 */
export function decode(
  regressors: Float32Array,
  scores: Float32Array,
  centres: Float32Array,
  side: number,
  minScore: number,
): Detection[] {
  const found: Detection[] = [];
  for (let i = 0; i < scores.length; i++) {
    const score = 1 / (1 + Math.exp(-Math.min(CLIP, Math.max(-CLIP, scores[i]))));
    if (!(score >= minScore)) continue;
    const at = i * COORDINATES;
    const x = centres[2 * i] * side;
    const y = centres[2 * i + 1] * side;
    const [width, height] = [regressors[at + 2], regressors[at + 3]];
    // A network's answer, not a measurement: a box without an area is none.
    if (!(width > 0 && height > 0)) continue;
    found.push({
      box: {
        x: x + regressors[at] - width / 2,
        y: y + regressors[at + 1] - height / 2,
        width,
        height,
      },
      score,
      keypoints: KEYPOINTS.map((_, k) => ({
        x: x + regressors[at + 4 + 2 * k],
        y: y + regressors[at + 5 + 2 * k],
      })),
    });
  }
  return found;
}

/** Area of the intersection over area of the union, 0..1. */
export function overlap(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  return (width * height) / (a.width * a.height + b.width * b.height - width * height);
}

/**
 * One detection for each face: the best one stays, and its box and points become the mean of all that overlap it
 * by more than `threshold`, weighted by their scores (BlazeFace, arXiv 1907.05047, section 5: less jitter than
 * dropping them).
 *
 * @returns by score, the best first
 */
export function blend(detections: readonly Detection[], threshold: number): Detection[] {
  let left = [...detections].sort((a, b) => b.score - a.score);
  const faces: Detection[] = [];
  while (left.length > 0) {
    const [best] = left;
    const same = left.filter(({ box }) => box === best.box || overlap(best.box, box) > threshold);
    left = left.filter((detection) => !same.includes(detection));
    faces.push({ ...weightedMean(same), score: best.score });
  }
  return faces;
}

function weightedMean(detections: readonly Detection[]): Pick<Detection, 'box' | 'keypoints'> {
  const total = detections.reduce((sum, { score }) => sum + score, 0);
  const mean = (value: (detection: Detection) => number): number =>
    detections.reduce((sum, detection) => sum + detection.score * value(detection), 0) / total;
  return {
    box: {
      x: mean(({ box }) => box.x),
      y: mean(({ box }) => box.y),
      width: mean(({ box }) => box.width),
      height: mean(({ box }) => box.height),
    },
    keypoints: detections[0].keypoints.map((_, k) => ({
      x: mean(({ keypoints }) => keypoints[k].x),
      y: mean(({ keypoints }) => keypoints[k].y),
    })),
  };
}
