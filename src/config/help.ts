import type { Option } from './option.ts';
import type { VerbSpec } from './parse.ts';

const WIDTH = 100;
/** Where the explanation of an option starts. */
const COLUMN = 28;

/** The text of `fer VERB --help`: usage, every option with default, reason and accepted values, examples. */
export function verbHelp(spec: VerbSpec): string {
  const entries = Object.entries(spec.options);
  const needed = entries.filter(([, option]) => option.default === undefined).map(([key]) => `${key}=...`);
  const usage = ['fer', spec.name, spec.positionals?.label, ...needed, '[key=value ...]'];
  const lines = [`fer ${spec.name}: ${spec.summary}`, '', `Usage: ${usage.filter(Boolean).join(' ')}`];
  if (spec.positionals) lines.push('', ...columns(`  ${spec.positionals.label}`, spec.positionals.help));
  if (spec.about !== undefined) lines.push('', ...columns('', spec.about, 0));
  let heading = '';
  for (const [key, option] of entries) {
    if (option.group !== heading) lines.push('', option.group);
    heading = option.group;
    lines.push(...columns(`  ${key}=${showDefault(option)}`, option.help + accepted(option)));
  }
  for (const [name, values] of Object.entries(spec.recipes ?? {})) {
    const settings = Object.entries(values).map(
      ([key, value]) => `${key}=${spec.options[key].type.show(value)}`,
    );
    if (settings.length > 0) lines.push('', ...columns(`recipe=${name}`, settings.join(' ')));
  }
  lines.push('', 'Examples', ...spec.examples.map((example) => `  ${example}`));
  return lines.join('\n');
}

/** The text of `fer --help`. */
export function programHelp(verbs: readonly VerbSpec[], version: string): string {
  const without = verbs.filter(({ options }) => !Object.hasOwn(options, 'json')).map(({ name }) => name);
  const withJson = `any verb${without.length > 0 ? ` but ${without.join(', ')}` : ''}`;
  return [
    `fer ${version}: facial expression recognition, trained and run on this machine`,
    '',
    'Usage: fer VERB [key=value ...]',
    '',
    ...verbs.flatMap((spec) => columns(`  ${spec.name}`, spec.summary, 14)),
    '',
    'fer VERB --help   options of a verb, each with its default and reason',
    'fer --version     version',
    `json=true         with ${withJson}: one JSON value on standard output, and nothing else`,
  ].join('\n');
}

function showDefault(option: Option<unknown>): string {
  return option.default === undefined ? '' : option.type.show(option.default);
}

/** ` (required)`, ` (>= 1)`, ` (sgd|sgd_nesterov)` or nothing. A switch's default says what it accepts. */
function accepted({ default: value, type }: Option<unknown>): string {
  const facts = [value === undefined ? 'required' : '', typeof value === 'boolean' ? '' : type.brief];
  const text = facts.filter((fact) => fact !== '').join(', ');
  return text === '' ? '' : ` (${text})`;
}

/** `left` padded to `column`, then `text` wrapped to the width with a hanging indent. */
function columns(left: string, text: string, column = COLUMN): string[] {
  const lines: string[] = [];
  let line = left === '' || left.length < column ? left.padEnd(column) : `${left}  `;
  let empty = true;
  for (const { space, word } of pieces(text, WIDTH - column)) {
    if (!empty && line.length + space.length + word.length > WIDTH) {
      lines.push(line);
      line = ' '.repeat(column);
      empty = true;
    }
    line += empty ? word : space + word;
    empty = false;
  }
  return [...lines, line];
}

/** What a line may be broken between: words, and the choices of a list that is too long for one line. */
function pieces(text: string, width: number): { space: string; word: string }[] {
  return text.split(' ').flatMap((word) => {
    const parts = word.length > width ? word.split(/(?<=\|)/) : [word];
    return parts.map((part, i) => ({ space: i === 0 ? ' ' : '', word: part }));
  });
}
