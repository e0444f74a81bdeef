import { expect, test } from 'vitest';
import { VERBS } from '../cli/verbs.ts';
import { programHelp, verbHelp } from './help.ts';
import { parseArguments } from './parse.ts';

test.each(VERBS.map((verb) => [verb.name, verb] as const))(
  '%s: help names every option once, in 100 columns',
  (_, verb) => {
    const lines = verbHelp(verb).split('\n');
    for (const [key, { default: value, type }] of Object.entries(verb.options)) {
      const shown = value === undefined ? '' : type.show(value);
      expect(lines.filter((line) => line.startsWith(`  ${key}=${shown} `))).toHaveLength(1);
    }
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(100);
    expect(lines.at(-verb.examples.length - 1)).toBe('Examples');
  },
);

test('what differs from PyTorch is told', () => {
  const train = VERBS.find(({ name }) => name === 'train');
  expect(train?.options.scheduler.help).toMatch(/one_cycle leaves momentum as it is.*OneCycleLR/);
});

test.each(VERBS.flatMap((verb) => verb.examples.map((example) => [example, verb] as const)))(
  'the example "%s" is valid',
  (example, verb) => {
    const [program, name, ...argv] = example.replace(/ >.*/, '').split(' ');
    expect([program, name]).toEqual(['fer', verb.name]);
    expect(() => parseArguments(verb, argv)).not.toThrow();
  },
);

test('program help lists the verbs', () => {
  const text = programHelp(VERBS, '9.9.9');
  for (const { name, summary } of VERBS)
    expect(text).toMatch(new RegExp(`^  ${name} +${summary.slice(0, 20)}`, 'm'));
  expect(text).toContain('fer 9.9.9');
  expect(text).toContain('with any verb but worker: one JSON value');
  for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});
