import { describe, expect, test } from 'vitest';
import { anchorCentres, DETECTORS } from './anchors.ts';
import { blend, type Detection, decode, overlap } from './detection.ts';

const at = (x: number, y: number, side: number, score: number): Detection => ({
  box: { x, y, width: side, height: side },
  score,
  keypoints: [{ x: x + side / 2, y: y + side / 4 }],
});

describe('anchors', () => {
  test('are as many as the networks answer for', () => {
    expect(anchorCentres(DETECTORS.shortRange.grids)).toHaveLength(2 * 896);
    expect(anchorCentres(DETECTORS.fullRange.grids)).toHaveLength(2 * 2304);
  });

  test('lie in the middle of their cells, row by row, those of a cell together', () => {
    const centres = anchorCentres([
      { cells: 2, anchors: 2 },
      { cells: 1, anchors: 1 },
    ]);
    const [a, b] = [0.25, 0.75];
    expect([...centres]).toEqual([a, a, a, a, b, a, b, a, a, b, a, b, b, b, b, b, 0.5, 0.5]);
  });
});

describe('decoding', () => {
  const regressors = new Float32Array(3 * 16);
  regressors.set([10, -20, 30, 40, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], 16);
  const centres = Float32Array.of(0, 0, 0.5, 0.25, 0, 0);

  test('boxes and points are relative to their anchor, in pixels', () => {
    const [face, ...others] = decode(regressors, Float32Array.of(-9, 0, -9), centres, 100, 0.5);
    expect(others).toEqual([]);
    expect(face.box).toEqual({ x: 50 + 10 - 15, y: 25 - 20 - 20, width: 30, height: 40 });
    expect(face.score).toBe(0.5);
    expect(face.keypoints).toHaveLength(6);
    expect(face.keypoints[1]).toEqual({ x: 53, y: 29 });
  });

  test('scores are the sigmoid, extreme ones too', () => {
    const scores = (...raw: number[]) =>
      decode(
        new Float32Array(raw.length * 16).fill(1),
        Float32Array.from(raw),
        new Float32Array(2 * raw.length),
        9,
        1e-50,
      ).map(({ score }) => score);
    expect(scores(2)[0]).toBeCloseTo(1 / (1 + Math.exp(-2)), 9);
    expect(scores(1e30, -1e30)).toEqual([1, expect.closeTo(0, 20)]);
  });

  test('what is no number, and a box without an area, is no face', () => {
    const odd = new Float32Array(16).fill(Number.NaN);
    expect(decode(odd, Float32Array.of(9), Float32Array.of(0, 0), 9, 0.5)).toEqual([]);
    expect(decode(new Float32Array(16), Float32Array.of(9), Float32Array.of(0, 0), 9, 0.5)).toEqual([]);
    const sized = new Float32Array(16).fill(1);
    expect(decode(sized, Float32Array.of(Number.NaN), Float32Array.of(0, 0), 9, 0.5)).toEqual([]);
  });
});

test('overlap is intersection over union', () => {
  const box = { x: 0, y: 0, width: 10, height: 10 };
  expect(overlap(box, box)).toBe(1);
  expect(overlap(box, { ...box, x: 5 })).toBeCloseTo(50 / 150, 12);
  expect(overlap(box, { ...box, x: 10 })).toBe(0);
  expect(overlap(box, { x: 2, y: 2, width: 5, height: 5 })).toBeCloseTo(0.25, 12);
});

describe('blending', () => {
  test('what overlaps the best one becomes its weighted mean, with the best score', () => {
    const faces = blend([at(0, 0, 100, 0.6), at(300, 0, 50, 0.7), at(10, 20, 100, 0.9)], 0.3);
    expect(faces).toHaveLength(2);
    const weight = 0.9 / 1.5;
    expect(faces[0].score).toBe(0.9);
    expect(faces[0].box.x).toBeCloseTo(10 * weight, 9);
    expect(faces[0].box.y).toBeCloseTo(20 * weight, 9);
    expect(faces[0].keypoints[0].x).toBeCloseTo(50 + 10 * weight, 9);
    expect(faces[1]).toMatchObject({ score: 0.7, box: { x: 300, width: 50 } });
  });

  test('overlap counts with the best one, not from one to the next', () => {
    const chain = [at(0, 0, 100, 0.9), at(60, 0, 100, 0.8), at(120, 0, 100, 0.7)];
    expect(blend(chain, 0.2)).toHaveLength(2);
    expect(blend(chain, 0.3)).toHaveLength(3);
  });

  test('of nothing is nothing, and the order given does not matter', () => {
    expect(blend([], 0.3)).toEqual([]);
    const some = [at(0, 0, 10, 0.5), at(1, 0, 10, 0.6), at(40, 0, 10, 0.9)];
    expect(blend(some, 0.3)).toEqual(blend([...some].reverse(), 0.3));
  });
});
