import { expect, test } from 'vitest';
import { didYouMean, nearest } from './suggest.ts';

test.each<[string, string[], string[]]>([
  ['widht', ['width', 'bs', 'weight_decay'], ['width']],
  ['epochs', ['n_epochs', 'start_epoch', 'seed'], ['n_epochs']],
  ['decay', ['weight_decay', 'lr'], ['weight_decay']],
  ['BS', ['bs', 'lr'], ['bs']],
  ['x', ['bs', 'lr', 'name'], []],
  ['plateau_', ['plateau_factor', 'plateau_patience', 'momentum'], ['plateau_factor', 'plateau_patience']],
])('%s', (typed, valid, expected) => {
  expect(nearest(typed, valid)).toEqual(expected);
});

test('at most three', () => {
  expect(nearest('aa', ['ab', 'ac', 'ad', 'ae'])).toHaveLength(3);
});

test('didYouMean', () => {
  expect(didYouMean('vg', ['vgg'], (word) => `network=${word}`)).toBe(' Did you mean network=vgg?');
  expect(didYouMean('resnet', ['vgg'])).toBe('');
});
