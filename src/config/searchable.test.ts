import { describe, expect, test } from 'vitest';
import { group, option, required } from './option.ts';
import { one, searchable } from './searchable.ts';
import { bool, choice, float, int, several, text } from './value.ts';

const options = searchable(
  group('Some', {
    lr: option(float({ above: 0, log: true }), 0.1, 'rate'),
    drop: option(float({ min: 0, below: 1 }), 0, 'dropout'),
    bs: option(int({ min: 1, words: { auto: 0 } }), 64, 'images'),
    optimizer: option(choice(['sgd', 'adam'], { best: 'sgd' }), 'sgd', 'which'),
    augment: option(bool(), true, 'whether'),
    train: option(several(['a', 'b']), ['a'], 'splits'),
    file: required(text(), 'path'),
  }),
);
const list = (...values: unknown[]) => ({ kind: 'list', list: values });

test.each([
  ['lr', '0.1', list(0.1)],
  ['lr', '0.1, 1e-2', list(0.1, 0.01)],
  ['lr', '1e-4..1e-1', { kind: 'range', low: 1e-4, high: 0.1 }],
  ['drop', '0...5', { kind: 'range', low: 0, high: 0.5 }],
  ['drop', '.1...5', { kind: 'range', low: 0.1, high: 0.5 }],
  ['bs', '16..128', { kind: 'range', low: 16, high: 128 }],
  ['bs', 'auto,8', list(0, 8)],
  ['optimizer', 'adam,best', list('adam', 'sgd')],
  ['augment', 'true,false', list(true, false)],
  ['train', 'a+b,b', list(['a', 'b'], ['b'])],
  ['file', 'x..y', list('x..y')],
] as const)('%s=%s', (key, given, expected) => {
  const { type } = options[key];
  const values = type.parse(given);
  expect(values).toEqual(expected);
  // What is printed reads back as the same.
  expect(type.parse(type.show(values as never))).toEqual(expected);
});

test.each([
  ['lr', ''],
  ['lr', '0.1,'],
  ['lr', '0.1,-1'],
  ['lr', '0..1'],
  ['lr', '1..0.1'],
  ['lr', '1..1'],
  ['lr', '0.1..x'],
  ['drop', '0..1'],
  ['bs', '1.5'],
  ['bs', '1..2.5'],
  ['optimizer', 'sgd,adm'],
  ['optimizer', 'sgd..adam'],
  ['train', 'a+c'],
] as const)('%s=%s is refused', (key, given) => {
  expect(options[key].type.parse(given)).toBeUndefined();
});

describe('the rest is that of the option', () => {
  test('default, help and heading', () => {
    expect(options.lr).toMatchObject({ default: one(0.1), help: 'rate', group: 'Some' });
    expect(options.file.default).toBeUndefined();
  });

  test('what it accepts', () => {
    expect(options.lr.type.expects).toBe(
      'a number > 0; several separated by commas, or a range LOW..HIGH (logarithmic, LOW above 0)',
    );
    expect(options.train.type.expects).toBe(
      'one or more of a, b, joined with +; several separated by commas',
    );
    expect(options.optimizer.type.choices).toEqual(['sgd', 'adam']);
  });
});
