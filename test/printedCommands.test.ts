import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { VERBS } from '../src/cli/verbs.ts';
import { parseArguments } from '../src/config/parse.ts';

const read = (path: string): string => readFileSync(new URL(`../${path}`, import.meta.url), 'utf8');
const inFolder = (path: string): string[] => readdirSync(new URL(`../${path}`, import.meta.url));
const FILES = [
  'README.md',
  ...inFolder('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...inFolder('models').map((name) => `models/${name}/README.md`),
];

/** The commands of `fer` in the code blocks of a page, each as its words. */
function commandsIn(page: string): string[][] {
  const blocks = [...page.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, block]) => block);
  return blocks
    .flatMap((block) => block.replace(/ *\\\n\s*/g, ' ').split('\n'))
    .map((line) => line.replace(/\s#\s.*/, '').match(/^\s*(?:(?:npx )?fer|node dist\/cli\.js) (.+)$/))
    .flatMap((match) => (match ? [match[1].trim().split(/\s+/)] : []));
}

const COMMANDS = FILES.flatMap((file) =>
  commandsIn(read(file)).map((words) => [`${file}: ${words.join(' ').slice(0, 100)}`, words] as const),
);

test.each(COMMANDS)('%s', (_, [name, ...argv]) => {
  const verb = VERBS.find((each) => each.name === name);
  if (!verb) throw new Error(`"${name}" is no verb`);
  expect(() => parseArguments(verb, argv)).not.toThrow();
});

test('there are such commands in all kinds of pages', () => {
  expect(COMMANDS.length).toBeGreaterThanOrEqual(50);
  for (const file of ['README.md', 'docs/training.md', 'models/vgg-fer2013/README.md'])
    expect(COMMANDS.filter(([title]) => title.startsWith(`${file}:`)).length, file).toBeGreaterThan(2);
});
