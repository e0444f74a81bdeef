import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

const require = createRequire(import.meta.url);
const FOLDER = join(dirname(require.resolve('@vladmandic/face-api/package.json')), 'demo');

/** Photographs of 3 to 5 people each, in npm's `@vladmandic/face-api`; how many faces they show. */
export const SAMPLES = [3, 3, 3, 4, 5, 4].map((faces, i) => ({
  name: `sample${i + 1}.jpg`,
  path: join(FOLDER, `sample${i + 1}.jpg`),
  faces,
}));

export function readSample(name: string): Buffer {
  return readFileSync(join(FOLDER, name));
}
