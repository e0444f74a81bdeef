import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { svgToPng } from '../charts/svgToPng.ts';
import { PALETTES } from '../charts/theme.ts';
import { COLOR_SCALE, colorOf } from './colorScale.ts';
import type { Explanation, SaliencyMap } from './explainer.ts';
import { facePng, mapPng, overlayPng } from './mapImage.ts';
import { METHOD_NAMES, METHODS } from './methods.ts';
import { saliencyPanel } from './panel.ts';

const SIZE = 12;
const AREA = SIZE * SIZE;
const face = Uint8Array.from({ length: AREA }, (_, p) => (p * 7) % 256);

/** Rises from the top left to the bottom right. */
const ramp = (method: SaliencyMap['method']): SaliencyMap => ({
  method,
  values: Float32Array.from({ length: AREA }, (_, p) => p / (AREA - 1)),
  figures: method === 'integrated' ? { difference: 72.5, sum: 72, gap: 0.007, points: 32 } : {},
});
const explanation: Explanation = {
  label: 'happy',
  scores: { angry: 0.05, happy: 0.9, 'very <sad>': 0.05 },
  target: 'happy',
  logit: 4.25,
  maps: METHOD_NAMES.map(ramp),
};

async function pixelsOf(png: Uint8Array): Promise<{ at: (x: number, y: number) => number[]; width: number }> {
  const { data, info } = await sharp(png)
    .removeAlpha()
    .toColourspace('srgb')
    .raw()
    .toBuffer({ resolveWithObject: true });
  const at = (x: number, y: number): number[] => [
    ...data.subarray(3 * (y * info.width + x), 3 * (y * info.width + x) + 3),
  ];
  return { at, width: info.width };
}

const count = (text: string, part: string): number => text.split(part).length - 1;

describe('pictures of maps', () => {
  it('show every pixel of a fine map in its colour, the largest percent alike', async () => {
    const { at, width } = await pixelsOf(await mapPng(ramp('gradient'), 4 * SIZE));
    expect(width).toBe(4 * SIZE);
    for (const p of [0, 1, 40, 71, 143]) {
      const [x, y] = [4 * (p % SIZE), 4 * Math.floor(p / SIZE)];
      // The 99th percentile of 144 pixels is the 143rd.
      const value = Math.round(255 * Math.min(1, p / 142)) / 255;
      for (const [dx, dy] of [
        [0, 0],
        [3, 0],
        [1, 3],
      ])
        expect(at(x + dx, y + dy)).toEqual([...colorOf(value)]);
    }
  });

  it('show a map of regions smoothly', async () => {
    const { at } = await pixelsOf(await mapPng(ramp('gradcam'), 4 * SIZE));
    const row = Array.from({ length: 4 * SIZE }, (_, x) => at(x, 24).join());
    expect(new Set(row).size).toBeGreaterThan(SIZE);
  });

  it('show the face through the overlay, the less the more a pixel matters', async () => {
    const { at } = await pixelsOf(await overlayPng(new Uint8Array(AREA).fill(200), ramp('occlusion'), SIZE));
    const [nothing, most] = [at(0, 0), at(SIZE - 1, SIZE - 1)];
    expect(nothing).toEqual([160, 160, 160]);
    const light = COLOR_SCALE[255];
    most.forEach((part, k) => {
      expect(Math.abs(part - (0.15 * 160 + 0.85 * light[k]))).toBeLessThanOrEqual(4);
    });
  });

  it('leave a grey face grey', async () => {
    const { at } = await pixelsOf(await facePng(face, SIZE));
    for (const p of [0, 17, 143])
      expect(at(p % SIZE, Math.floor(p / SIZE))).toEqual([face[p], face[p], face[p]]);
  });
});

describe('a panel', () => {
  it('has face, scores, and for each method a heading, a map, an overlay and what the colours stand for', async () => {
    const svg = await saliencyPanel(face, explanation, { title: 'a & b.png' });
    expect(svg).toMatch(/^<svg [^>]*viewBox="0 0 [\d. ]+"/);
    expect(svg).toContain('<title>a &amp; b.png</title>');
    expect(svg).toContain('predicted happy, 90 %');
    expect(svg).not.toContain('explained:');
    expect(svg).toContain('very &lt;sad&gt;');
    expect(count(svg, '<image ')).toBe(2 + 2 * METHOD_NAMES.length);
    for (const method of METHOD_NAMES) expect(count(svg, `>${METHODS[method].title}<`)).toBe(1);
    expect(count(svg, '>0 to 0.99, 1 % above<')).toBe(3);
    expect(count(svg, '>0 to 1<')).toBe(2);
    expect(svg).toContain('logit; sum 72 of 73');
    // Bars are as long as the scores.
    const lengths = [...svg.matchAll(/<rect x="[\d.]+" y="[\d.]+" width="([\d.]+)"/g)].map(([, w]) =>
      Number(w),
    );
    expect(lengths).toHaveLength(6);
    expect(lengths[3] / lengths[2]).toBeCloseTo(0.9, 2);
    expect(lengths[1] / lengths[0]).toBeCloseTo(0.05, 2);
  });

  it('says what was explained where it is not the answer', async () => {
    const svg = await saliencyPanel(face, { ...explanation, target: 'angry' }, { title: 'x' });
    expect(svg).toContain('predicted happy, 90 %; explained: angry, 5.0 %');
  });

  it('has the colours of its theme, and the font where it stands alone', async () => {
    const [light, dark] = [
      await saliencyPanel(face, explanation, { title: 'x' }),
      await saliencyPanel(face, explanation, { title: 'x', theme: 'dark', font: true }),
    ];
    expect(light).toContain(`fill="${PALETTES.light.background}"`);
    expect(dark).toContain(`fill="${PALETTES.dark.background}"`);
    expect(light).not.toContain('@font-face');
    expect(dark).toContain('@font-face');
  });

  it('becomes a PNG of twice its size, with text and pictures in it', async () => {
    const one = { ...explanation, maps: [ramp('gradcam')] };
    const svg = await saliencyPanel(face, one, { title: 'One' });
    const [, width, height] = /width="([\d.]+)" height="([\d.]+)"/.exec(svg) as RegExpExecArray;
    const png = await svgToPng(svg);
    const { at, width: found } = await pixelsOf(png);
    expect(found).toBe(2 * Number(width));
    const area = (left: number, top: number, w: number, h: number): Set<string> => {
      const colors = new Set<string>();
      for (let y = top; y < top + h; y++)
        for (let x = left; x < left + w; x++) colors.add(at(2 * x, 2 * y).join());
      return colors;
    };
    expect(area(0, 0, Number(width), 15)).toEqual(new Set(['255,255,255']));
    expect(area(20, 20, 60, 20).size).toBeGreaterThan(5);
    expect(area(226, 98, 192, 192).size).toBeGreaterThan(100);
    expect(Number(height)).toBeGreaterThan(500);
  });

  it('keeps a long name inside, its end in sight', async () => {
    const name = `${'a/very/long/folder/'.repeat(12)}face.png`;
    const svg = await saliencyPanel(face, { ...explanation, maps: [ramp('gradient')] }, { title: name });
    const [, shown] = /font-size="16"[^>]*>([^<]*)</.exec(svg) as RegExpExecArray;
    expect(shown).toMatch(/^….*face\.png$/);
    expect(shown.length).toBeLessThan(80);
  });
});

describe('the answers beside a face', () => {
  const shares = (labels: readonly string[]) =>
    Object.fromEntries(
      labels.map((label, i) => [label, (i + 1) / ((labels.length * (labels.length + 1)) / 2)]),
    );
  const panel = (of: Partial<Explanation>) =>
    saliencyPanel(face, { ...explanation, ...of }, { title: 'a', font: false });

  it('have room for bars where names are long', async () => {
    const svg = await panel({ scores: shares(['extremely surprised and rather afraid', 'happy']) });
    const widths = [...svg.matchAll(/<rect [^>]*width="(-?[\d.]+)"/g)].map(([, width]) => Number(width));
    expect(Math.min(...widths)).toBeGreaterThanOrEqual(0);
    expect(svg).toMatch(/>extremely [^<]*…</);
    expect(svg).not.toContain('rather afraid');
  });

  it('are the likeliest and those of interest where there are many', async () => {
    const labels = Array.from({ length: 28 }, (_, i) => `class ${i}`);
    const svg = await panel({ scores: shares(labels), label: 'class 27', target: 'class 0' });
    const named = labels.filter((label) => svg.includes(`>${label}<`));
    expect(named).toEqual(['class 0', ...labels.slice(-12)]);
  });
});
