import { expect, test } from 'vitest';
import { FER2013_LABELS } from './dataset.ts';
import { canonicalLabel, nearMiss, orderLabels } from './labels.ts';

test('aliases in any case become FER2013 names, other names stay', () => {
  const names = [
    'Anger',
    'disgusted',
    'FEARFUL',
    'joy',
    'sadness',
    'Surprised',
    'Neutral',
    'contempt',
    ' Bored ',
  ];
  expect(names.map(canonicalLabel)).toEqual([
    'angry',
    'disgust',
    'fear',
    'happy',
    'sad',
    'surprise',
    'neutral',
    'contempt',
    'Bored',
  ]);
  expect(canonicalLabel('constructor')).toBe('constructor');
});

test('order is FER2013 for its own labels, else alphabetical', () => {
  expect(orderLabels([...FER2013_LABELS].sort())).toEqual(FER2013_LABELS);
  expect(orderLabels(['sad', 'angry', 'sad'])).toEqual(['angry', 'sad']);
  expect(orderLabels(['sad', 'contempt', 'angry', 'neutral'])).toEqual([
    'angry',
    'contempt',
    'neutral',
    'sad',
  ]);
});

test('near misses of known names', () => {
  expect(nearMiss('hapy')).toBe('happy');
  expect(nearMiss('suprise')).toBe('surprise');
  expect(nearMiss('sadnes')).toBe('sad');
  expect(nearMiss('happy')).toBeUndefined();
  expect(nearMiss('bored')).toBeUndefined();
  expect(nearMiss('bad')).toBeUndefined();
});
