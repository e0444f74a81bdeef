import sharp from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { readSample, SAMPLES } from '../../test/samplePhotos.ts';
import { FerError, UsageError } from '../errors.ts';
import type { RgbaImage } from '../image/image.ts';
import { readPhoto } from '../image/read.ts';
import { overlap } from './detection.ts';
import { type Face, FaceDetector } from './detector.ts';
import { loadFaceModels } from './loadModels.ts';

let models: Awaited<ReturnType<typeof loadFaceModels>>;
let detector: FaceDetector;
let image: RgbaImage;
let faces: Face[];
const [{ name, faces: count }] = SAMPLES;
beforeAll(async () => {
  models = await loadFaceModels();
  detector = FaceDetector.create(models);
  ({ image } = await readPhoto(readSample(name)));
  faces = detector.detect(image);
});

const plain = (width: number, height: number, value: (i: number) => number): RgbaImage => ({
  width,
  height,
  data: Uint8Array.from({ length: 4 * width * height }, (_, i) => value(i)),
});

/** Each of the photograph's faces at its place, moved and scaled, and no others. */
function expectSameFaces(found: readonly Face[], scale: number, left = 0, top = 0): void {
  expect(found).toHaveLength(faces.length);
  for (const { box } of faces) {
    const { x, y, width, height } = box;
    const moved = { x: left + x * scale, y: top + y * scale, width: width * scale, height: height * scale };
    expect(Math.max(...found.map((face) => overlap(face.box, moved)))).toBeGreaterThan(0.7);
  }
}

describe('a photograph', () => {
  test('shows its faces, the most certain first, with the eyes above the mouth', () => {
    expect(faces).toHaveLength(count);
    expect(faces.map(({ score }) => score)).toEqual(faces.map(({ score }) => score).sort((a, b) => b - a));
    for (const { box, score, keypoints } of faces) {
      expect(score).toBeGreaterThan(0.7);
      expect(score).toBeLessThanOrEqual(1);
      expect(keypoints).toHaveLength(6);
      const [rightEye, leftEye, nose, mouth] = keypoints;
      expect(rightEye.x).toBeLessThan(leftEye.x);
      expect(Math.max(rightEye.y, leftEye.y)).toBeLessThan(mouth.y);
      expect(nose.x > box.x && nose.x < box.x + box.width).toBe(true);
      expect(nose.y > box.y && nose.y < box.y + box.height).toBe(true);
    }
  });

  test('gives the same again', () => {
    expect(detector.detect(image)).toEqual(faces);
  });

  test('shows them small too: sides of a sixtieth of the picture', async () => {
    const part = { width: 480, height: 320 };
    const [left, top] = [1100, 500];
    const small = await sharp(readSample(name)).resize(part.width, part.height).toBuffer();
    const wide = await sharp({ create: { width: 2400, height: 1600, channels: 3, background: '#345' } })
      .composite([{ input: small, left, top }])
      .png()
      .toBuffer();
    expectSameFaces(detector.detect((await readPhoto(wide)).image), 0.25, left, top);
  });

  test('shows one that fills it', async () => {
    const { box } = faces[0];
    const [left, top, width, height] = [box.x, box.y, box.width, box.height].map(Math.round);
    const close = await sharp(readSample(name)).extract({ left, top, width, height }).toBuffer();
    const found = detector.detect((await readPhoto(close)).image);
    expect(found).toHaveLength(1);
    expect(overlap(found[0].box, { x: 0, y: 0, width, height })).toBeGreaterThan(0.7);
  });

  test('without the full-range network shows those near enough', () => {
    const near = FaceDetector.create({ shortRange: models.shortRange });
    const [{ box }] = faces;
    const side = Math.round(5 * box.width);
    const left = Math.max(0, Math.round(box.x - 2 * box.width));
    const top = Math.max(0, Math.round(box.y - 2 * box.width));
    const cut = { width: Math.min(side, image.width - left), height: Math.min(side, image.height - top) };
    const data = new Uint8Array(4 * cut.width * cut.height);
    for (let row = 0; row < cut.height; row++) {
      const from = 4 * ((top + row) * image.width + left);
      data.set(image.data.subarray(from, from + 4 * cut.width), 4 * row * cut.width);
    }
    const moved = { ...box, x: box.x - left, y: box.y - top };
    const found = near.detect({ ...cut, data });
    expect(Math.max(...found.map((face) => overlap(face.box, moved)))).toBeGreaterThan(0.7);
  });
});

test('where there is no face there is none', () => {
  let state = 1;
  const noise = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state >>> 24;
  };
  for (const value of [() => 0, () => 255, noise, (i: number) => (i >> 6) & 255]) {
    expect(detector.detect(plain(400, 300, value))).toEqual([]);
  }
  for (const [width, height] of [
    [1, 1],
    [1, 500],
    [700, 2],
  ]) {
    expect(detector.detect(plain(width, height, () => 128))).toEqual([]);
  }
});

test('options narrow the answer', () => {
  expect(detector.detect(image, { maxFaces: 1 })).toEqual(faces.slice(0, 1));
  expect(detector.detect(image, { minScore: faces[0].score })).toMatchObject([{ score: faces[0].score }]);
  expect(detector.detect(image, { minScore: 1 })).toEqual([]);
  const scores = detector.detect(image, { minScore: 0.02 }).map(({ score }) => score);
  // Less certain sightings of a face move its box a little.
  for (const [i, { score }] of faces.entries()) expect(Math.abs(scores[i] - score)).toBeLessThan(0.02);
  expect(Math.min(...scores)).toBeLessThan(0.3);
  expect(detector.detect(image, { minScore: undefined, smallest: undefined })).toEqual(faces);
  expect(() => detector.detect(image, { minScore: 0 })).toThrow(UsageError);
  expect(() => detector.detect(image, { smallest: 2 })).toThrow(UsageError);
  expect(() => detector.detect(image, { maxFaces: 0 })).toThrow(UsageError);
  expect(() => detector.detect({ ...image, width: image.width + 1 })).toThrow(/expected RGBA pixels/);
});

test('models in each other’s place are refused', () => {
  const { shortRange, fullRange } = models;
  expect(() => FaceDetector.create({ shortRange: fullRange })).toThrow(FerError);
  expect(() => FaceDetector.create({ shortRange, fullRange: shortRange })).toThrow(/expected a model of 192/);
  const { buffer, byteOffset, byteLength } = shortRange;
  const copy = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
  expect(FaceDetector.create({ shortRange: copy })).toBeInstanceOf(FaceDetector);
});
