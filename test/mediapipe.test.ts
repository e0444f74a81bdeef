import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Blaze } from '../src/face/blaze.ts';
import { overlap } from '../src/face/detection.ts';
import { FaceDetector } from '../src/face/detector.ts';
import type { Box } from '../src/face/image.ts';
import { loadFaceModels } from '../src/face/loadModels.ts';
import { Pyramid } from '../src/face/pyramid.ts';
import { wholeWindow } from '../src/face/windows.ts';
import { readPhoto } from '../src/image/read.ts';
import { hasChromium } from './chromium.ts';
import { MediaPipe, type TheirFace } from './mediapipe.ts';
import { ran } from './ran.ts';
import { readSample, SAMPLES } from './samplePhotos.ts';

const LEAST_OVERLAP = 0.85;

const centre = ({ x, y, width, height }: Box) => ({ x: x + width / 2, y: y + height / 2 });
const inside = (point: { x: number; y: number }, { x, y, width, height }: Box): boolean =>
  point.x > x && point.x < x + width && point.y > y && point.y < y + height;

/** How far the points are from each other, over the width of the box. */
function distance(a: TheirFace, b: TheirFace): number {
  const each = a.keypoints.map((p, k) => Math.hypot(p.x - b.keypoints[k].x, p.y - b.keypoints[k].y));
  return Math.max(...each) / a.box.width;
}

describe.runIf(hasChromium())("MediaPipe's own JavaScript in Chromium", () => {
  let mediapipe: MediaPipe;
  let detector: FaceDetector;
  let short: Blaze;
  beforeAll(async () => {
    mediapipe = await MediaPipe.start();
    const models = await loadFaceModels();
    detector = FaceDetector.create(models);
    short = new Blaze('shortRange', models.shortRange);
    ran('face detector next to MediaPipe in Chromium');
  }, 120_000);
  afterAll(() => mediapipe?.stop());

  // At the network's own size both sides see the same pixels: what differs is arithmetic (theirs has 16 bits).
  test.each(SAMPLES)('$name, one look of the short-range network at the same pixels', async ({ name }) => {
    const fit = { fit: 'contain', background: '#000' } as const;
    const small = await sharp(readSample(name)).resize(128, 128, fit).png().toBuffer();
    const theirs = await mediapipe.detect('short', small);
    const { image } = await readPhoto(small);
    const ours = short.detect(new Pyramid(image), wholeWindow(image.width, image.height), 0.5);
    expect(theirs.length).toBeGreaterThan(0);
    expect(ours).toHaveLength(theirs.length);
    for (const their of theirs) {
      const [best] = [...ours].sort((a, b) => overlap(b.box, their.box) - overlap(a.box, their.box));
      expect(overlap(best.box, their.box)).toBeGreaterThan(0.99);
      expect(distance(best, their)).toBeLessThan(0.005);
    }
  });

  // A whole group at once shows them faces of 15 pixels, whose boxes are rough: their own two models agree by 0.55.
  // So boxes are compared from close by, faces in the whole photograph.
  test.each(SAMPLES)('$name: the same faces', async ({ name, faces }) => {
    const photo = readSample(name);
    const { image } = await readPhoto(photo);
    const ours = detector.detect(image);
    expect(ours).toHaveLength(faces);
    const full = await mediapipe.detect('full', photo);
    expect(full).toHaveLength(faces);
    for (const model of [full, await mediapipe.detect('short', photo)]) {
      const matched = model.map(({ box }) => ours.filter((our) => inside(centre(box), our.box)));
      expect(matched.map(({ length }) => length)).toEqual(model.map(() => 1));
      expect(new Set(matched.flat()).size).toBe(model.length);
    }
  });

  test.each(SAMPLES)('$name: the same boxes, from close by', async ({ name }) => {
    const photo = readSample(name);
    const { image } = await readPhoto(photo);
    for (const { box } of detector.detect(image)) {
      const side = Math.round(3 * box.width);
      const [left, top] = [centre(box).x, centre(box).y].map((at) => Math.round(at - side / 2));
      const cut = await sharp(photo)
        .extend({ left: side, right: side, top: side, bottom: side, background: '#000' })
        .toBuffer()
        .then((wide) =>
          sharp(wide).extract({ left: left + side, top: top + side, width: side, height: side }),
        )
        .then((part) => part.resize(256, 256).png().toBuffer());
      const scale = side / 256;
      const boxes = (await mediapipe.detect('short', cut)).map((face) => ({
        x: left + scale * face.box.x,
        y: top + scale * face.box.y,
        width: scale * face.box.width,
        height: scale * face.box.height,
      }));
      const best = Math.max(...boxes.map((theirs) => overlap(theirs, box)));
      expect(best).toBeGreaterThanOrEqual(LEAST_OVERLAP);
    }
  });
});
