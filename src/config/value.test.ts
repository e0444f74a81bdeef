import { describe, expect, test } from 'vitest';
import { bool, choice, float, int, several, text, type ValueType } from './value.ts';

const accepts = <T>(type: ValueType<T>, cases: [string, T][]) => {
  for (const [given, value] of cases) {
    expect(type.parse(given), given).toEqual(value);
    expect(type.parse(type.show(value))).toEqual(value);
  }
};
const refuses = (type: ValueType<unknown>, cases: string[]) => {
  for (const given of cases) expect(type.parse(given), JSON.stringify(given)).toBeUndefined();
};

describe('values', () => {
  test('int', () => {
    accepts(int(), [
      ['0', 0],
      ['-12', -12],
      ['+3', 3],
      ['007', 7],
    ]);
    refuses(int(), ['', ' ', '1.5', '1e3', '0x10', 'NaN', 'Infinity', '9007199254740993', '1 2', '１']);
    refuses(int({ min: 1, max: 8 }), ['0', '9', '-1']);
    expect(int({ min: 1, max: 8 }).expects).toBe('a whole number >= 1 and <= 8');
  });

  test('int with words', () => {
    const threads = int({ min: 0, words: { auto: 0 } });
    accepts(threads, [
      ['auto', 0],
      ['0', 0],
      ['4', 4],
    ]);
    refuses(threads, ['Auto', 'toString', '-1']);
    expect(threads.show(0)).toBe('auto');
    expect(threads.expects).toBe('a whole number >= 0 or auto');
  });

  test('float', () => {
    accepts(float(), [
      ['.75', 0.75],
      ['1e-4', 1e-4],
      ['1.', 1],
      ['-2.5E+2', -250],
    ]);
    refuses(float(), ['', '.', 'e5', 'NaN', 'inf', '1e999', '1,5', '0x1', '1.2.3']);
    refuses(float({ above: 0, below: 1 }), ['0', '1', '-0.1']);
    refuses(float({ min: 0, max: 1 }), ['-1e-9', '1.0001']);
    accepts(float({ min: 0, max: 1 }), [
      ['0', 0],
      ['1', 1],
    ]);
  });

  test('bool', () => {
    accepts(bool(), [
      ['true', true],
      ['false', false],
    ]);
    refuses(bool(), ['', '1', 'yes', 'True']);
  });

  test('choice of words with aliases, and of numbers', () => {
    const type = choice(['plateau', 'constant'], { none: 'constant' });
    accepts(type, [
      ['plateau', 'plateau'],
      ['none', 'constant'],
    ]);
    refuses(type, ['', 'Plateau', 'constructor', '__proto__']);
    accepts(choice([1, 10]), [['10', 10]]);
    refuses(choice([1, 10]), ['2', '10.0', '']);
  });

  test('several', () => {
    accepts(several(['a', 'b']), [
      ['a', ['a']],
      ['b, a', ['b', 'a']],
      ['b+a', ['b', 'a']],
    ]);
    refuses(several(['a', 'b']), ['', 'a,', 'a+', 'a,a', 'a+a', 'c', 'a b', 'none']);
    expect(several(['a', 'b']).show(['b', 'a'])).toBe('b+a');
    const perhaps = several(['a', 'b'], { none: 'none' });
    accepts(perhaps, [
      ['none', []],
      ['', []],
      ['a+b', ['a', 'b']],
    ]);
    refuses(perhaps, ['none+a', ',']);
    expect(perhaps.show([])).toBe('none');
    expect(perhaps.expects).toBe('one or more of a, b, joined with +, or none');
  });

  test('text', () => {
    accepts(text(), [
      ['a b=c', 'a b=c'],
      ['é\n', 'é\n'],
    ]);
    refuses(text(), ['']);
    refuses(text(/^\w+$/), ['../x']);
  });
});
