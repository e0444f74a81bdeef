import sharp from 'sharp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Blaze } from '../src/face/blaze.ts';
import { overlap } from '../src/face/detection.ts';
import { FaceDetector } from '../src/face/detector.ts';
import { loadFaceModels } from '../src/face/loadModels.ts';
import { wholeWindow } from '../src/face/windows.ts';
import type { Box, RgbaImage } from '../src/image/image.ts';
import { Pyramid } from '../src/image/pyramid.ts';
import { readPhoto } from '../src/image/read.ts';
import { hasChromium } from './chromium.ts';
import { MediaPipe, type TheirFace } from './mediapipe.ts';
import { ran } from './ran.ts';
import { readSample, SAMPLES } from './samplePhotos.ts';

const LEAST_OVERLAP = 0.85;

/** Side of the short-range network's input. */
const SIDE = 128;

type Point = { x: number; y: number };

const centre = ({ x, y, width, height }: Box): Point => ({ x: x + width / 2, y: y + height / 2 });
const inside = (point: Point, { x, y, width, height }: Box): boolean =>
  point.x > x && point.x < x + width && point.y > y && point.y < y + height;

/** How far the points are from each other, over the width of the box. */
function distance(a: TheirFace, b: TheirFace): number {
  const each = a.keypoints.map((p, k) => Math.hypot(p.x - b.keypoints[k].x, p.y - b.keypoints[k].y));
  return Math.max(...each) / a.box.width;
}

/** A window of a picture as WebGL's linear filter scales it without mipmaps: each pixel of four, black beyond the edge. */
function scaledByWebGl({ width, height, data }: RgbaImage, window: Box, side: number): RgbaImage {
  const out = new Uint8Array(side * side * 4);
  const scale = window.width / side;
  const split = (at: number, length: number) => {
    const low = Math.floor(at);
    const within = (i: number) => Math.min(length - 1, Math.max(0, i));
    return {
      low: within(low),
      high: within(low + 1),
      share: at - low,
      outside: at < -0.5 || at > length - 0.5,
    };
  };
  for (let i = 0; i < side * side; i++) {
    const x = split(window.x + ((i % side) + 0.5) * scale - 0.5, width);
    const y = split(window.y + (Math.floor(i / side) + 0.5) * scale - 0.5, height);
    out[4 * i + 3] = 255;
    if (x.outside || y.outside) continue;
    for (let c = 0; c < 3; c++) {
      const row = (at: number) =>
        data[(at * width + x.low) * 4 + c] * (1 - x.share) + data[(at * width + x.high) * 4 + c] * x.share;
      out[4 * i + c] = Math.round(row(y.low) * (1 - y.share) + row(y.high) * y.share);
    }
  }
  return { width: side, height: side, data: out };
}

/** The same faces, their boxes as good as equal, their points no further off than that share of the box. */
function expectSame(ours: readonly TheirFace[], theirs: readonly TheirFace[], furthest: number): void {
  expect(theirs.length).toBeGreaterThan(0);
  expect(ours).toHaveLength(theirs.length);
  for (const their of theirs) {
    const [best] = [...ours].sort((a, b) => overlap(b.box, their.box) - overlap(a.box, their.box));
    expect(overlap(best.box, their.box)).toBeGreaterThan(0.99);
    expect(distance(best, their)).toBeLessThan(furthest);
  }
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
    const small = await sharp(readSample(name)).resize(SIDE, SIDE, fit).png().toBuffer();
    const { image } = await readPhoto(small);
    const ours = short.detect(new Pyramid(image), wholeWindow(image.width, image.height), 0.5);
    expectSame(ours, await mediapipe.detect('short', small), 0.005);
  });

  // Theirs scales the photograph in WebGL, which looks at four of its pixels for each of the network's; so does this test.
  // Left to itself, ours averages them all.
  test.each(SAMPLES)(
    '$name, one look of the short-range network: the same faces and boxes',
    async ({ name }) => {
      const photo = readSample(name);
      const { image } = await readPhoto(photo);
      const window = wholeWindow(image.width, image.height);
      const scale = window.width / SIDE;
      const toPhoto = ({ x, y }: Point): Point => ({ x: window.x + scale * x, y: window.y + scale * y });
      const small = new Pyramid(scaledByWebGl(image, window, SIDE));
      const ours = short.detect(small, wholeWindow(SIDE, SIDE), 0.5).map(({ box, keypoints }) => ({
        box: { ...toPhoto(box), width: scale * box.width, height: scale * box.height },
        keypoints: keypoints.map(toPhoto),
      }));
      expectSame(ours, await mediapipe.detect('short', photo), 0.01);
    },
  );

  // What a user gets, which took a closer look. A whole group at once shows them faces of 15 pixels, whose boxes are
  // rough: their own two models agree by 0.55. So boxes are compared from close by, faces in the whole photograph.
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
