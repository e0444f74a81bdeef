import { expect, test } from 'vitest';
import { resultNames } from './pictures.ts';

test('pictures of the same name have results of different names', () => {
  expect(resultNames(['a/face.png', 'b/face.jpg', 'b/FACE.webp', 'face-2.png', 'x.y.png', 'plain'])).toEqual([
    'face',
    'face-2',
    'FACE-3',
    'face-2-2',
    'x.y',
    'plain',
  ]);
});
