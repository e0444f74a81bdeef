import type { Fer2013Label } from '../dataset.ts';
import type { Random } from './random.ts';

/**
 * What the muscles of a face do, in face units (one pixel at scale 1; v grows downwards, so "up" is
 * negative). Offsets are from the feature's resting place.
 */
export interface Expression {
  /** Inner and outer end of the brows, the bend between them, and how far the inner ends draw together. */
  readonly browInner: number;
  readonly browOuter: number;
  readonly browArch: number;
  readonly browClose: number;
  /** Middle of the upper and of the lower lid. */
  readonly lidUpper: number;
  readonly lidLower: number;
  /** Slant of the eye: above 0 the inner corner is the lower one. */
  readonly lidSlant: number;
  /** Half the width of the mouth, its corners, the middle of its upper and lower edge. */
  readonly mouthWidth: number;
  readonly mouthCorner: number;
  readonly mouthUpper: number;
  readonly mouthLower: number;
  /** 0: the lips are arcs, 1: stretched to a box. */
  readonly mouthSquare: number;
  /** Thickness of the lips. */
  readonly lips: number;
  /** Part of the opening that the teeth fill from above; 1 is a clenched row. */
  readonly teeth: number;
  /** Strength, 0 to 1: raised cheeks, folds beside the nose, wrinkles on it, between and above the brows. */
  readonly cheeks: number;
  readonly folds: number;
  readonly noseWrinkles: number;
  readonly furrow: number;
  readonly forehead: number;
  /** Strength, 0 to 1: the tongue at the bottom of the opening. */
  readonly tongue: number;
}

const NEUTRAL: Expression = {
  browInner: -0.4,
  browOuter: 0.2,
  browArch: -2.2,
  browClose: 0,
  lidUpper: -2.2,
  lidLower: 1.5,
  lidSlant: 0,
  mouthWidth: 5.8,
  mouthCorner: 0,
  mouthUpper: 0,
  mouthLower: 0.2,
  mouthSquare: 0,
  lips: 1.6,
  teeth: 0,
  cheeks: 0,
  folds: 0,
  noseWrinkles: 0,
  furrow: 0,
  forehead: 0,
  tongue: 0,
};

const SMILE: Partial<Expression> = {
  browInner: -0.5,
  browOuter: -0.3,
  browArch: -2,
  lidUpper: -2,
  lidLower: 0.4,
  cheeks: 1,
  folds: 0.5,
};
const ANGER: Partial<Expression> = {
  browInner: 3,
  browOuter: -1.8,
  browArch: 0.4,
  browClose: 1.6,
  lidUpper: -1.7,
  lidLower: 1.2,
  lidSlant: 1.1,
  furrow: 1,
};
const DISGUST: Partial<Expression> = {
  browInner: 2,
  browOuter: 0.9,
  browArch: -0.4,
  browClose: 0.7,
  lidUpper: -1,
  lidLower: 0.4,
  lidSlant: 0.3,
  noseWrinkles: 1,
  folds: 1,
};

/** At full strength; each expression has one or more ways to show, all as likely. */
const FULL: Readonly<Record<Fer2013Label, readonly Partial<Expression>[]>> = {
  neutral: [{}],
  happy: [
    { ...SMILE, mouthWidth: 8, mouthCorner: -3, mouthUpper: -0.4, mouthLower: 4.4, teeth: 0.55 },
    { ...SMILE, mouthWidth: 7.4, mouthCorner: -2.6, mouthUpper: 1.3, mouthLower: 1.6 },
  ],
  sad: [
    {
      browInner: -2.8,
      browOuter: 1.6,
      browArch: 0.2,
      browClose: 0.6,
      lidUpper: -1.6,
      lidLower: 1.3,
      lidSlant: -1.1,
      mouthWidth: 5.2,
      mouthCorner: 2.8,
      mouthUpper: -0.6,
      mouthLower: -0.4,
      lips: 2,
    },
  ],
  surprise: [
    {
      browInner: -3.4,
      browOuter: -2.4,
      browArch: -3.6,
      lidUpper: -3.6,
      lidLower: 2.7,
      mouthWidth: 4.2,
      mouthCorner: 2,
      mouthUpper: -2.2,
      mouthLower: 6.4,
      mouthSquare: 0.35,
      forehead: 0.9,
    },
  ],
  angry: [
    { ...ANGER, mouthWidth: 5.4, mouthCorner: 1, mouthUpper: -0.1, mouthLower: 0.1, lips: 0.8 },
    {
      ...ANGER,
      mouthWidth: 6.4,
      mouthCorner: 0.9,
      mouthUpper: -1.6,
      mouthLower: 3.4,
      mouthSquare: 1,
      teeth: 1,
      lips: 1,
    },
  ],
  fear: [
    {
      browInner: -3.4,
      browOuter: -0.2,
      browArch: -0.3,
      browClose: 1.2,
      lidUpper: -3.4,
      lidLower: 2.2,
      lidSlant: -0.6,
      mouthWidth: 7.4,
      mouthCorner: 2.4,
      mouthUpper: -0.6,
      mouthLower: 4,
      mouthSquare: 1,
      teeth: 0.3,
      forehead: 0.5,
    },
  ],
  disgust: [
    { ...DISGUST, mouthWidth: 5.8, mouthCorner: 2.6, mouthUpper: -2.6, mouthLower: 0.6, teeth: 0.7 },
    { ...DISGUST, mouthWidth: 5.4, mouthCorner: 1.8, mouthUpper: -1.6, mouthLower: 3.6, tongue: 1 },
  ],
};

const NAMES = Object.keys(NEUTRAL) as (keyof Expression)[];

/**
 * One way to show `label`: a strength between half and full, and a little play in every muscle, so that
 * weak expressions come near to neutral without reaching it.
 */
export function sampleExpression(label: Fer2013Label, random: Random): Expression {
  const full: Expression = { ...NEUTRAL, ...random.pick(FULL[label]) };
  const strength = random.uniform(0.55, 1.05);
  const expression = { ...NEUTRAL } as Record<keyof Expression, number>;
  for (const name of NAMES) {
    const rest = NEUTRAL[name];
    expression[name] = rest + strength * (full[name] - rest) + random.jitter(PLAY[name]);
  }
  return expression;
}

/** Largest random deviation of each muscle. */
const PLAY: Expression = {
  browInner: 0.7,
  browOuter: 0.7,
  browArch: 0.5,
  browClose: 0.4,
  lidUpper: 0.4,
  lidLower: 0.3,
  lidSlant: 0.3,
  mouthWidth: 0.9,
  mouthCorner: 0.5,
  mouthUpper: 0.3,
  mouthLower: 0.4,
  mouthSquare: 0.2,
  lips: 0.4,
  teeth: 0.1,
  cheeks: 0.15,
  folds: 0.15,
  noseWrinkles: 0.15,
  furrow: 0.15,
  forehead: 0.15,
  tongue: 0.1,
};
