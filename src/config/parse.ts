import { FerError, UsageError } from '../errors.ts';
import { maskPasswords } from './maskPasswords.ts';
import type { ConfigOf, Options } from './option.ts';
import { didYouMean } from './suggest.ts';

/** What a verb takes from the command line. */
export interface VerbSpec<O extends Options = Options> {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  readonly options: O;
  /** What holds for many of the options, in the help text. */
  readonly about?: string;
  /** Arguments that are not `key=value`. */
  readonly positionals?: {
    readonly label: string;
    readonly help: string;
    readonly min: number;
    readonly max: number;
  };
  /** For each value of the option `recipe`, the defaults it replaces. */
  readonly recipes?: Readonly<Record<string, Partial<ConfigOf<O>>>>;
  /** Names other programs use for an option, to point the user to ours. */
  readonly synonyms?: Readonly<Record<string, string>>;
  readonly examples: readonly string[];
  /**
   * Refuses combinations of values that make no sense together, with a UsageError.
   *
   * @param typed the keys that were written, without those of a recipe
   */
  check?(config: ConfigOf<O>, typed: ReadonlySet<string>, positionals: readonly string[]): void;
}

/** A command line understood. */
export interface Parsed<O extends Options = Options> {
  readonly config: ConfigOf<O>;
  /** The keys the user typed, or set by `recipe=`; the others have their defaults. */
  readonly chosen: ReadonlySet<keyof O & string>;
  /** Of these, those typed. */
  readonly typed: ReadonlySet<keyof O & string>;
  readonly positionals: readonly string[];
}

/**
 * Reads the arguments of a verb. `--key=value` and `--key value` are taken as `key=value`, hyphens in a key
 * as underscores, `--key` alone as true if the option is a switch; after `--` everything is positional.
 *
 * @throws UsageError naming the nearest valid keys or values
 */
export function parseArguments<O extends Options>(spec: VerbSpec<O>, argv: readonly string[]): Parsed<O> {
  const { given, positionals } = splitArguments(spec, argv);
  const { min = 0, max = 0, label = '' } = spec.positionals ?? {};
  if (positionals.length > max) {
    const extra = positionals[max];
    const key = Object.hasOwn(spec.options, extra) ? ` Options are written key=value: ${extra}=...` : '';
    throw usage(spec, `unexpected argument ${quote(extra)}.${key}`);
  }
  if (positionals.length < min) throw usage(spec, `${label} is missing.`);

  const values: Record<string, unknown> = {};
  for (const [key, text] of given) values[key] = parseValue(spec, key, text);
  const recipe = given.has('recipe') ? spec.recipes?.[String(values.recipe)] : undefined;
  const fixed: Record<string, unknown> = { ...recipe, ...values };
  const config: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(spec.options)) {
    config[key] = Object.hasOwn(fixed, key) ? fixed[key] : option.default;
    if (config[key] === undefined) throw usage(spec, `${key}= is missing: ${option.help}.`);
  }
  const typed = new Set(given.keys());
  spec.check?.(config as ConfigOf<O>, typed, positionals);
  return { config: config as ConfigOf<O>, chosen: new Set(Object.keys(fixed)), typed, positionals };
}

/**
 * The value of one option from text.
 *
 * @throws UsageError naming the option, what was found, what is accepted and the nearest of it
 */
export function parseValue<O extends Options>(
  spec: VerbSpec<O>,
  key: keyof O & string,
  text: string,
): unknown {
  const { type } = spec.options[key];
  const value = type.parse(text);
  if (value !== undefined) return value;
  const hint = didYouMean(text, type.choices ?? [], (word) => `${key}=${word}`);
  throw usage(spec, `${key}=${shown(spec, key, text)}: ${key} must be ${type.expects}.${hint}`);
}

/**
 * A configuration saved as JSON, checked like one from the command line. Options the file lacks (it was
 * written by an earlier version) take their defaults; keys that are no options are left out.
 *
 * @throws FerError naming the file and the value
 */
export function configFromJson<O extends Options>(options: O, json: unknown, fileName: string): ConfigOf<O> {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    throw new FerError(`${fileName}: expected an object of settings; the file is damaged`);
  }
  const saved = json as Record<string, unknown>;
  const config: Record<string, unknown> = {};
  for (const [key, { type, default: fallback }] of Object.entries(options)) {
    if (!Object.hasOwn(saved, key)) {
      if (fallback === undefined) throw new FerError(`${fileName}: ${key} is missing; the file is damaged`);
      config[key] = fallback;
      continue;
    }
    const found = saved[key];
    // `show` says a number that stands for a word as that word.
    const text = typeof found === 'number' ? type.show(found) : found;
    const value = type.parse(Array.isArray(text) ? text.join(',') : String(text));
    // Text accepts anything, so a number or an object must not pass as text.
    if (value === undefined || typeof value !== typeof found) {
      throw new FerError(`${fileName}: ${key} is ${JSON.stringify(found)}; it must be ${type.expects}`);
    }
    config[key] = value;
  }
  return config as ConfigOf<O>;
}

function splitArguments<O extends Options>(spec: VerbSpec<O>, argv: readonly string[]) {
  const given = new Map<string, string>();
  const positionals: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const argument = argv[i];
    if (argument === '--') {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    const match = /^(--)?([A-Za-z][\w-]*)(?:=(.*))?$/s.exec(argument);
    if (match === null || (match[1] === undefined && match[3] === undefined)) {
      if (/^-./.test(argument))
        throw usage(spec, `unknown option ${quote(argument)}: options are written key=value.`);
      positionals.push(argument);
      continue;
    }
    const key = knownKey(spec, match[2].replaceAll('-', '_'), argument);
    let value = match[3];
    if (value === undefined) {
      const next = argv[i + 1];
      const isSwitch = typeof spec.options[key].default === 'boolean';
      if (next !== undefined && (!isSwitch || next === 'true' || next === 'false')) {
        value = next;
        i++;
      } else if (isSwitch) {
        value = 'true';
      } else {
        throw usage(spec, `--${key} has no value: write ${key}=VALUE.`);
      }
    }
    const before = given.get(key);
    if (before !== undefined)
      throw usage(
        spec,
        `${key} is given twice: ${key}=${shown(spec, key, before)} and ${key}=${shown(spec, key, value)}.`,
      );
    given.set(key, value);
  }
  return { given, positionals };
}

function knownKey<O extends Options>(spec: VerbSpec<O>, key: string, argument: string): keyof O & string {
  if (Object.hasOwn(spec.options, key)) return key;
  const known = Object.keys(spec.options);
  const synonym = spec.synonyms?.[key];
  const hint =
    synonym !== undefined && known.includes(synonym)
      ? ` Did you mean ${synonym}=?`
      : didYouMean(key, known, (word) => `${word}=`) || ` Options: ${known.join(' ')}.`;
  const file = spec.positionals === undefined ? '' : ` For a file of that name write ./${argument}.`;
  throw usage(spec, `unknown option ${key}=.${hint}${file}`);
}

/** What the user wrote, unless it may be a password. */
function shown<O extends Options>(spec: VerbSpec<O>, key: keyof O & string, text: string): string {
  return spec.options[key].type.secret ? '...' : text;
}

/** A URL in a wrong place may hold a password all the same. */
function usage(spec: { readonly name: string }, problem: string): UsageError {
  return new UsageError(`fer ${spec.name}: ${maskPasswords(problem)}\nSee: fer ${spec.name} --help`);
}

function quote(text: string): string {
  return JSON.stringify(text);
}
