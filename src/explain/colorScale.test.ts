import { describe, expect, it } from 'vitest';
import { COLOR_SCALE, colorOf, type Rgb } from './colorScale.ts';

const linear = (part: number): number =>
  part <= 10.31475 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4;

/** CIE L*a*b* under D65: another space than the scale was made in. */
function cielab([r, g, b]: Rgb): [number, number, number] {
  const [R, G, B] = [linear(r), linear(g), linear(b)];
  const f = (t: number): number => (t > 216 / 24389 ? Math.cbrt(t) : ((24389 / 27) * t + 16) / 116);
  const x = f((0.4124564 * R + 0.3575761 * G + 0.1804375 * B) / 0.95047);
  const y = f(0.2126729 * R + 0.7151522 * G + 0.072175 * B);
  const z = f((0.0193339 * R + 0.119192 * G + 0.9503041 * B) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** As somebody without green (or red) cones sees it, by Viénot, Brettel & Mollon 1999, in linear RGB. */
function withoutRedGreen([r, g, b]: Rgb, kind: 'protan' | 'deutan'): Rgb {
  const [R, G, B] = [linear(r), linear(g), linear(b)];
  const [share, blue] = kind === 'protan' ? [0.11238, 0.00401] : [0.29275, -0.02234];
  const yellow = share * R + (1 - share) * G;
  const encode = (v: number): number => 255 * Math.max(0, v) ** (1 / 2.2);
  return [encode(yellow), encode(yellow), encode(blue * R - blue * G + B)];
}

describe('the colour scale', () => {
  it('goes from near black to a light yellow', () => {
    expect(COLOR_SCALE).toHaveLength(256);
    expect(Math.max(...COLOR_SCALE[0])).toBeLessThan(40);
    const [r, g, b] = COLOR_SCALE[255];
    expect(Math.min(r, g)).toBeGreaterThan(220);
    expect(b).toBeLessThan(r);
    for (const color of COLOR_SCALE) {
      for (const part of color) expect(Number.isInteger(part) && part >= 0 && part <= 255).toBe(true);
    }
  });

  it('gets lighter all the way, for every kind of colour vision', () => {
    const seen = {
      normal: COLOR_SCALE.map((color) => cielab(color)[0]),
      protan: COLOR_SCALE.map((color) => cielab(withoutRedGreen(color, 'protan'))[0]),
      deutan: COLOR_SCALE.map((color) => cielab(withoutRedGreen(color, 'deutan'))[0]),
    };
    for (const [vision, lightness] of Object.entries(seen)) {
      for (let i = 8; i < 256; i++)
        expect(lightness[i] - lightness[i - 8], `${vision} ${i}`).toBeGreaterThan(0.3);
      expect(lightness[255] - lightness[0], vision).toBeGreaterThan(80);
    }
  });

  it('has steps that look alike', () => {
    const steps: number[] = [];
    for (let i = 16; i < 256; i += 16) {
      const [a, b] = [cielab(COLOR_SCALE[i - 16]), cielab(COLOR_SCALE[i])];
      steps.push(Math.hypot(...a.map((part, k) => part - b[k])));
    }
    const mean = steps.reduce((sum, step) => sum + step) / steps.length;
    // Equal in OKLab; CIELAB, an older measure of the same, exaggerates saturated colours.
    for (const step of steps) {
      expect(step / mean).toBeGreaterThan(0.5);
      expect(step / mean).toBeLessThan(1.8);
    }
  });

  it('gives values their colours, those outside its ends', () => {
    expect(colorOf(0)).toBe(COLOR_SCALE[0]);
    expect(colorOf(0.5)).toBe(COLOR_SCALE[128]);
    expect(colorOf(1)).toBe(COLOR_SCALE[255]);
    expect(colorOf(-3)).toBe(COLOR_SCALE[0]);
    expect(colorOf(7)).toBe(COLOR_SCALE[255]);
  });
});
