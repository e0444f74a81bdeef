/** Red, green and blue, 0..255. */
export type Rgb = readonly [number, number, number];

/** The share of the pixels of a fine map that gets colours of its own (Smilkov et al., section 3). */
export const CAP = 0.99;
/** How much of the face the brightest spots of an overlay hide. */
export const OPACITY = 0.85;

/** Colours of the scale. */
const STEPS = 256;

/**
 * The way of the scale through OKLab (Björn Ottosson, https://bottosson.github.io/posts/oklab/), in which
 * equal distances look equally different: lightness rises all the way, so the order is seen with any colour
 * vision and in grey, while the hue turns from violet (280 degrees) over red to yellow (462 = 102).
 */
const PATH = { darkest: 0.12, lightest: 0.97, firstHue: 280, lastHue: 462, bend: 1.15 } as const;
/** Chroma: what the screen can show at this lightness and hue, less a margin, and nowhere garish. */
const CHROMA = { most: 0.19, share: 0.9 } as const;
/** Points of the path that the colours are picked from. */
const FINE = 1024;

/** Colours from dark to light, `STEPS` of them, each as far from the next as every other. */
export const COLOR_SCALE: readonly Rgb[] = /* @__PURE__ */ makeScale();

function makeScale(): Rgb[] {
  const path = Array.from({ length: FINE + 1 }, (_, i) => pathAt(i / FINE));
  return evenly(path, STEPS).map(toRgb);
}

/** The colour of a value 0..1. */
export function colorOf(value: number): Rgb {
  return COLOR_SCALE[Math.min(STEPS - 1, Math.max(0, Math.round(value * (STEPS - 1))))];
}

type Lab = readonly [number, number, number];

function pathAt(t: number): Lab {
  const lightness = PATH.darkest + (PATH.lightest - PATH.darkest) * t;
  const hue = ((PATH.firstHue + (PATH.lastHue - PATH.firstHue) * t ** PATH.bend) * Math.PI) / 180;
  const chroma = Math.min(CHROMA.share * mostChroma(lightness, hue), CHROMA.most);
  return [lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)];
}

/** The largest chroma in sRGB at a lightness and hue, by bisection. */
function mostChroma(lightness: number, hue: number): number {
  let [inside, outside] = [0, 0.5];
  while (outside - inside > 1e-6) {
    const chroma = (inside + outside) / 2;
    const color = linearOf([lightness, chroma * Math.cos(hue), chroma * Math.sin(hue)]);
    if (color.every((part) => part >= 0 && part <= 1)) inside = chroma;
    else outside = chroma;
  }
  return inside;
}

/** Points at equal distances along a polygon of many short sides. */
function evenly(points: readonly Lab[], count: number): Lab[] {
  const along = [0];
  for (let i = 1; i < points.length; i++) along.push(along[i - 1] + distance(points[i - 1], points[i]));
  const total = along[along.length - 1];
  return Array.from({ length: count }, (_, i) => {
    const wanted = (total * i) / (count - 1);
    const next = Math.max(
      1,
      along.findIndex((reached) => reached >= wanted - 1e-12),
    );
    const share = (wanted - along[next - 1]) / (along[next] - along[next - 1]);
    const mix = (k: 0 | 1 | 2) => points[next - 1][k] + share * (points[next][k] - points[next - 1][k]);
    return [mix(0), mix(1), mix(2)] as const;
  });
}

function distance(a: Lab, b: Lab): number {
  return Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2]);
}

/** OKLab to linear sRGB. */
function linearOf([L, a, b]: Lab): Lab {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** Gamma-encoded as sRGB has it (IEC 61966-2-1). */
function toRgb(lab: Lab): Rgb {
  const encode = (linear: number): number => {
    const v = Math.min(1, Math.max(0, linear));
    return Math.round(255 * (v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055));
  };
  const [r, g, b] = linearOf(lab);
  return [encode(r), encode(g), encode(b)];
}
