import { FACE_SIZE, type Fer2013Label } from '../dataset.ts';
import { Canvas } from './canvas.ts';
import { type Expression, sampleExpression } from './expression.ts';
import { combineSeeds, Random } from './random.ts';

// Resting places of the features in face units; (0, 0) is the middle of the face.
const EYE_V = -4;
const BROW_V = -9.6;
const NOSE_V = 3.6;
const MOUTH_V = 11.4;

/** What stays the same of a person whatever the expression. Tones are grey levels before lighting. */
interface Person {
  readonly skin: number;
  readonly hair: number;
  readonly hairCut: 'bald' | 'short' | 'long';
  /** u at which the fringe is parted; null for hair combed back. */
  readonly parting: number | null;
  readonly headWidth: number;
  readonly headHeight: number;
  readonly eyeSpacing: number;
  readonly eyeWidth: number;
  readonly browWidth: number;
  readonly noseWidth: number;
  readonly mouthScale: number;
  readonly glasses: boolean;
  readonly moustache: boolean;
}

/** Where the head looks: how far the features move on it, in face units. */
interface Gaze {
  readonly yaw: number;
  readonly pitch: number;
}

/**
 * Draws one face showing `label`: `[48, 48]` grey pixels. Person, strength of the expression, pose, place,
 * size, light, contrast and noise follow from the integer `seed`; the same seed with another label is the
 * same person in the same light. Bit-identical on every machine.
 */
export function drawFace(label: Fer2013Label, seed: number): Uint8Array {
  const pixels = new Uint8Array(FACE_SIZE * FACE_SIZE);
  drawFaceInto(pixels, 0, label, seed);
  return pixels;
}

const canvas = new Canvas(FACE_SIZE);

/** As `drawFace`, into `out` from `at`. */
export function drawFaceInto(out: Uint8Array, at: number, label: Fer2013Label, seed: number): void {
  // Separate streams, so that what one label draws more of does not shift the other draws.
  const person = samplePerson(new Random(combineSeeds(seed, 1)));
  const pose = new Random(combineSeeds(seed, 2));
  const play = new Random(combineSeeds(seed, 3));
  const gaze: Gaze = { yaw: pose.jitter(2.6), pitch: pose.jitter(1.5) };
  // Never the skin's own tone, or the head would have no outline.
  const backdrop = pose.uniform(20, 180);
  canvas.pixels.fill(backdrop < person.skin - 25 ? backdrop : backdrop + 50);
  const middle = (FACE_SIZE - 1) / 2;
  canvas.place(
    middle + pose.jitter(3),
    middle + pose.jitter(2.5),
    pose.uniform(0.88, 1.12),
    pose.jitter(0.13),
  );

  const expression = sampleExpression(label, play);
  drawHead(person, gaze);
  drawWrinkles(person, gaze, expression);
  drawNose(person, gaze, expression);
  for (const side of [-1, 1]) {
    drawEye(person, gaze, expression, side, play);
    drawBrow(person, gaze, expression, side, play);
  }
  drawMouth(person, gaze, expression, play);
  if (person.glasses) drawGlasses(person, gaze);
  if (label === 'sad' && play.chance(0.2)) {
    const u = featureU(person, gaze, play.chance(0.5) ? 1 : -1);
    canvas.ellipse(u, EYE_V + gaze.pitch + play.uniform(4, 7), 0.9, 1.6, 250, 0.85);
  }
  develop(out, at, new Random(combineSeeds(seed, 4)));
}

function samplePerson(random: Random): Person {
  const skin = random.uniform(95, 215);
  return {
    skin,
    hair: random.chance(0.15) ? random.uniform(150, 230) : random.uniform(10, Math.min(95, skin - 55)),
    hairCut: random.pick(['short', 'short', 'long', 'long', 'bald'] as const),
    parting: random.chance(0.65) ? random.jitter(8) : null,
    headWidth: random.uniform(15.4, 18),
    headHeight: random.uniform(19.6, 22),
    eyeSpacing: random.uniform(6.8, 8),
    eyeWidth: random.uniform(3.3, 4.2),
    browWidth: random.uniform(1, 2.1),
    noseWidth: random.uniform(2, 3.2),
    mouthScale: random.uniform(0.88, 1.12),
    glasses: random.chance(0.1),
    moustache: random.chance(0.08),
  };
}

/** u of the left (-1) or right (1) eye: the side turned away is foreshortened. */
function featureU(person: Person, { yaw }: Gaze, side: number): number {
  return yaw + side * person.eyeSpacing * (1 - 0.035 * yaw * side);
}

function drawHead(person: Person, { yaw, pitch }: Gaze): void {
  const { skin, hair, hairCut, parting, headWidth: w, headHeight: h } = person;
  if (hairCut === 'long') canvas.ellipse(0, 5, w + 4, h + 7, hair);
  canvas.ellipse(0, h + 10, w + 9, 9, hair * 0.6 + 40); // shoulders
  canvas.ellipse(0, h - 1, w * 0.5, 9, skin * 0.78); // neck
  const ears = hairCut === 'long' ? [] : [-1, 1];
  for (const side of ears) canvas.ellipse(side * w - yaw * 0.5, -1, 2.2, 4, skin * 0.88);
  if (hairCut !== 'bald') canvas.ellipse(0, -3.5, w + 1.4, h - 0.5, hair);
  // The face: a wide upper part and a narrower jaw, and for hair a hairline below the skull's top.
  const top = hairCut === 'bald' ? 0 : 3;
  canvas.ellipse(0, top - 1.5, w, h - 1 - top, skin);
  canvas.ellipse(yaw * 0.3, h * 0.42, w * 0.83, h * 0.58, skin);
  canvas.glow(yaw * 1.4, -10 + pitch, w * 0.7, 8, 14); // forehead
  for (const side of [-1, 1]) {
    canvas.glow(yaw + side * w * 0.5, 5 + pitch, 6, 6, 9);
    canvas.glow(yaw + side * w * 0.95, 4, 6, 17, -skin * 0.2);
    if (parting === null || hairCut === 'bald') continue;
    const crown = 4 - h;
    canvas.stroke(
      [parting, crown],
      [parting + side * w * 0.4, crown + 1.5],
      [side * w * 0.92, -7.5],
      4,
      hair,
      1,
      2.5,
    );
  }
}

function drawWrinkles(person: Person, gaze: Gaze, e: Expression): void {
  const { skin } = person;
  const { yaw, pitch } = gaze;
  const line = skin * 0.58;
  for (const side of [-1, 1]) {
    const cheekU = yaw + side * 9.6;
    if (e.cheeks > 0) {
      canvas.glow(cheekU, 4 + pitch, 5, 4, 26 * e.cheeks);
      const v = 0.4 + pitch;
      canvas.stroke([cheekU - 3.2, v], [cheekU, v + 1.6], [cheekU + 3.2, v], 0.7, line, 0.5 * e.cheeks, 0.5);
    }
    const noseU = yaw + side * (person.noseWidth + 1.2);
    canvas.stroke(
      [noseU, NOSE_V - 1 + pitch],
      [noseU + side * 2.6, 5.4 + pitch],
      [yaw + side * 8, 11 + pitch],
      1,
      line,
      0.75 * e.folds,
    );
    for (let i = 0; i < 2; i++) {
      const v = EYE_V + 2.4 + 2.2 * i + pitch;
      canvas.stroke(
        [yaw + side * 0.4, v - 0.4],
        [yaw + side * 2, v],
        [yaw + side * 3.6, v - 1.4],
        0.9,
        line,
        0.85 * e.noseWrinkles,
      );
    }
    const innerV = BROW_V + 0.5 + pitch;
    canvas.stroke(
      [yaw + side * 1.3, innerV - 2],
      [yaw + side * 0.9, innerV],
      [yaw + side * 1.2, innerV + 2.6],
      0.9,
      line,
      0.8 * e.furrow,
    );
  }
  for (let i = 0; i < 2; i++) {
    const v = BROW_V - 4.4 - 1.8 * i + pitch;
    canvas.stroke([yaw - 6, v + 0.4], [yaw, v - 0.8], [yaw + 6, v + 0.4], 0.8, line, 0.55 * e.forehead);
  }
}

function drawNose({ skin, noseWidth: w }: Person, { yaw, pitch }: Gaze, e: Expression): void {
  const u = yaw * 1.5;
  const v = NOSE_V + pitch - 0.9 * e.noseWrinkles;
  canvas.glow(u, v - 4, 1.8, 6, 16);
  canvas.glow(u, v + 1.4, w + 2, 2.6, -skin * 0.2);
  canvas.stroke([yaw - 0.8, EYE_V + pitch], [u - 1.6, v - 3], [u - w * 0.6, v - 0.6], 0.7, skin * 0.75, 0.5);
  for (const side of [-1, 1]) canvas.ellipse(u + side * w * 0.55, v + 0.6, 0.9, 0.6, skin * 0.4, 0.8);
  canvas.glow(u, v - 0.6, 2, 1.8, 22);
}

function drawEye(person: Person, gaze: Gaze, e: Expression, side: number, play: Random): void {
  const { skin } = person;
  const u = featureU(person, gaze, side);
  const v = EYE_V + gaze.pitch;
  const w = person.eyeWidth;
  const upper = Math.min(e.lidUpper, -0.5);
  const lower = Math.max(e.lidLower, 0.25);
  const skew = -side * e.lidSlant;
  canvas.glow(u, v - 1, w + 2.4, 5, -skin * 0.16);
  canvas.lens(u, v, w, upper, lower, 0.35, skew, Math.min(245, skin + 70));
  const iris = 1.75;
  const look = gaze.yaw * 0.25 + play.jitter(0.4);
  canvas.lens(u + look, v, iris, Math.max(upper, -iris), Math.min(lower, iris), 0.9, skew * 0.3, 28);
  canvas.ellipse(u + look - 0.6, v - 0.7, 0.55, 0.55, 255, upper < -1.6 ? 0.9 : 0);
  const lash = skin * 0.28;
  canvas.stroke([u - w, v - skew], [u, v + 2 * upper], [u + w, v + skew], 1, lash);
  canvas.stroke([u - w, v - skew], [u, v + 2 * lower], [u + w, v + skew], 0.6, skin * 0.55, 0.7);
}

function drawBrow(person: Person, gaze: Gaze, e: Expression, side: number, play: Random): void {
  const eyeU = featureU(person, gaze, side);
  const v = BROW_V + gaze.pitch + play.jitter(0.4);
  const innerU = eyeU - side * (4.2 + e.browClose);
  const outerU = eyeU + side * 4.8;
  const innerV = v + e.browInner;
  const outerV = v + e.browOuter;
  const tone = person.hairCut === 'bald' ? person.skin * 0.35 : Math.min(person.hair, person.skin * 0.55);
  const bendV = (innerV + outerV) / 2 + e.browArch;
  const width = person.browWidth + 0.5;
  canvas.stroke([innerU, innerV], [eyeU, bendV], [outerU, outerV], width, tone, 0.95, width * 0.5);
}

function drawMouth(person: Person, { yaw, pitch }: Gaze, e: Expression, play: Random): void {
  const { skin } = person;
  const u = yaw * 1.1;
  const v = MOUTH_V + pitch;
  const w = e.mouthWidth * person.mouthScale;
  const corner = v + e.mouthCorner;
  const upper = e.mouthUpper - e.mouthCorner;
  const lower = Math.max(e.mouthLower - e.mouthCorner, upper);
  const skew = play.jitter(0.5);
  const lip = skin * 0.62;
  const lips = Math.max(e.lips, 0.5);
  if (person.moustache) {
    canvas.lens(u, v - 2.6 + Math.min(e.mouthUpper, 0), 6, -1.6, 0.8, 0, 0, person.hair, 0.9);
  }
  canvas.glow(u, v + e.mouthLower + 3.4, w * 0.8, 2.2, -skin * 0.12); // shade under the lower lip
  canvas.lens(u, corner, w + lips * 0.5, upper - lips * 0.7, lower + lips, e.mouthSquare, skew, lip, 0.85);
  const opening = lower - upper;
  if (opening < 1) {
    canvas.stroke(
      [u - w, corner - skew],
      [u, corner + upper + lower],
      [u + w, corner + skew],
      1,
      skin * 0.22,
      0.95,
    );
    return;
  }
  canvas.lens(u, corner, w, upper, lower, e.mouthSquare, skew, skin * 0.14 + 6);
  if (e.tongue > 0.3) canvas.ellipse(u, corner + lower, w * 0.5, opening * 0.5, skin * 0.66, e.tongue);
  if (e.teeth > 0.15) {
    const bottom = upper + opening * Math.min(e.teeth, 0.95);
    canvas.lens(u, corner, w * 0.9, upper, bottom, e.mouthSquare, skew, 235, 0.95);
    if (e.teeth > 0.75) {
      const bite = corner + (upper + bottom) / 2;
      canvas.stroke([u - w * 0.8, bite], [u, bite], [u + w * 0.8, bite], 0.6, 90, 0.8);
    }
  }
}

function drawGlasses(person: Person, gaze: Gaze): void {
  const v = EYE_V + gaze.pitch;
  for (const side of [-1, 1]) {
    const u = featureU(person, gaze, side);
    const r = person.eyeWidth + 1.2;
    canvas.stroke([u - r, v], [u - r, v - 5.4], [u, v - 4], 0.7, 25);
    canvas.stroke([u, v - 4], [u + r, v - 5.4], [u + r, v], 0.7, 25);
    canvas.stroke([u - r, v], [u - r, v + 5.4], [u, v + 4], 0.7, 25);
    canvas.stroke([u, v + 4], [u + r, v + 5.4], [u + r, v], 0.7, 25);
  }
  canvas.stroke([gaze.yaw - 2.4, v - 1], [gaze.yaw, v - 2], [gaze.yaw + 2.4, v - 1], 0.8, 25);
}

/** Light across the picture, contrast, brightness, noise; rounds into bytes. */
function develop(out: Uint8Array, at: number, random: Random): void {
  const slopeX = random.jitter(0.4) / FACE_SIZE;
  const slopeY = random.jitter(0.35) / FACE_SIZE;
  const contrast = random.uniform(0.5, 1.05);
  const brightness = random.jitter(35) + 128;
  const noise = random.uniform(1, 11);
  // The sum of four uniform bytes: near enough to a normal distribution, from one hash a pixel.
  const perUnit = noise / 148; // standard deviation of the sum of four bytes
  const middle = (FACE_SIZE - 1) / 2;
  const { pixels } = canvas;
  for (let y = 0, i = 0; y < FACE_SIZE; y++) {
    for (let x = 0; x < FACE_SIZE; x++, i++) {
      const light = 1 + slopeX * (x - middle) + slopeY * (y - middle);
      const bits = random.bits();
      const sum = (bits & 255) + ((bits >>> 8) & 255) + ((bits >>> 16) & 255) + (bits >>> 24) - 510;
      const value = (pixels[i] * light - 128) * contrast + brightness + sum * perUnit;
      out[at + i] = value <= 0 ? 0 : value >= 255 ? 255 : Math.floor(value + 0.5);
    }
  }
}
