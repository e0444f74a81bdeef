import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { makeFolder } from '../io/files.ts';
import { writeExplanation } from './files.ts';

const folder = mkdtempSync(join(tmpdir(), 'fer-explain-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('an explanation is written as PNG, SVG and raw maps, and nothing else', async () => {
  const out = join(folder, 'out');
  makeFolder(out);
  const values = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i));
  const explanation = {
    label: 'happy',
    scores: { happy: 1 },
    target: 'happy',
    logit: 1,
    maps: [{ method: 'gradient', values, figures: {} }],
  } as const;
  const place = { folder: out, name: 'face', title: 'face.png' };
  const written = await writeExplanation(new Uint8Array(64).fill(90), explanation, place);
  expect(readdirSync(out).sort()).toEqual(['face.gradient.npy', 'face.saliency.png', 'face.saliency.svg']);
  expect(written).toEqual({
    png: join(out, 'face.saliency.png'),
    svg: join(out, 'face.saliency.svg'),
    npy: { gradient: join(out, 'face.gradient.npy') },
  });
  const npy = readFileSync(written.npy.gradient as string);
  expect(npy.toString('latin1')).toContain("'shape': (8, 8)");
  const raw = npy.subarray(npy.length - 256);
  expect(Array.from({ length: 64 }, (_, i) => raw.readFloatLE(4 * i))).toEqual([...values]);
  expect(readFileSync(written.png).subarray(1, 4).toString()).toBe('PNG');
  expect(readFileSync(written.svg, 'utf8')).toContain('@font-face');
});
