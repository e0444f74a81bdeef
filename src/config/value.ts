/**
 * The kinds of value an option can have. Each knows how to read itself from text, how to print itself so
 * that reading gives the same value back, and how to say what it accepts. Lists of values (for a search over
 * settings) are built from these and need nothing more.
 */
export interface ValueType<T> {
  /** Completes the sentence `key must be ...`. */
  readonly expects: string;
  /** The same in a word or two for the help text; empty where the default makes it plain. */
  readonly brief: string;
  /** Every accepted text, where they can be counted. */
  readonly choices?: readonly string[];
  /** Of a number: what a search over a range of it needs to know. */
  readonly numeric?: { readonly whole: boolean; readonly log: boolean; readonly step?: number };
  /** Values may hold a password: messages do not repeat them. */
  readonly secret?: boolean;
  /** The value, or undefined if `text` is none. */
  parse(text: string): T | undefined;
  show(value: T): string;
}

/** Bounds of a number: `min` and `max` belong to the range, `above` and `below` do not. */
export interface Bounds {
  readonly min?: number;
  readonly max?: number;
  readonly above?: number;
  readonly below?: number;
  /** Words that stand for a number: `{ auto: 0 }`. */
  readonly words?: Readonly<Record<string, number>>;
  /** What counts is the factor between two values, so a search draws from a range on a logarithmic scale. */
  readonly log?: boolean;
  /** Of a whole number: a search draws multiples of it from a range. Others are no mistake by themselves. */
  readonly step?: number;
}

const WHOLE = 'a whole number';

/** A whole number. */
export function int(bounds: Bounds = {}): ValueType<number> {
  return number(WHOLE, /^[+-]?\d+$/, { ...bounds, max: bounds.max ?? Number.MAX_SAFE_INTEGER }, bounds.max);
}

/** A decimal number: `0.01`, `.75`, `1e-4`. */
export function float(bounds: Bounds = {}): ValueType<number> {
  return number('a number', /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i, bounds, bounds.max);
}

function number(noun: string, form: RegExp, bounds: Bounds, shownMax?: number): ValueType<number> {
  const { min, max, above, below, words = {}, log = false, step } = bounds;
  const limits = [
    min === undefined ? '' : `>= ${min}`,
    above === undefined ? '' : `> ${above}`,
    shownMax === undefined ? '' : `<= ${shownMax}`,
    below === undefined ? '' : `< ${below}`,
  ].filter((limit) => limit !== '');
  const names = Object.keys(words).map((word) => ` or ${word}`);
  return {
    expects: [noun, limits.join(' and ')].join(' ').trimEnd() + names.join(''),
    brief: limits.join(', '),
    numeric: { whole: noun === WHOLE, log, step },
    parse(text) {
      if (Object.hasOwn(words, text)) return words[text];
      const value = form.test(text) ? Number(text) : Number.NaN;
      const inside =
        Number.isFinite(value) &&
        !(min !== undefined && value < min) &&
        !(max !== undefined && value > max) &&
        !(above !== undefined && value <= above) &&
        !(below !== undefined && value >= below);
      return inside ? value : undefined;
    },
    show: (value) => Object.keys(words).find((word) => words[word] === value) ?? String(value),
  };
}

/** `true` or `false`. */
export function bool(): ValueType<boolean> {
  const choices = ['true', 'false'];
  return {
    expects: 'true or false',
    brief: 'true|false',
    choices,
    parse: (text) => (choices.includes(text) ? text === 'true' : undefined),
    show: String,
  };
}

/**
 * One of a few values.
 *
 * @param aliases other spellings of a value; accepted, not listed
 */
export function choice<const T extends string | number>(
  values: readonly T[],
  aliases: Readonly<Record<string, NoInfer<T>>> = {},
): ValueType<T> {
  return {
    expects: `one of ${values.join(', ')}`,
    brief: values.join('|'),
    choices: values.map(String),
    parse: (text) =>
      values.find((value) => String(value) === text) ??
      (Object.hasOwn(aliases, text) ? aliases[text] : undefined),
    show: String,
  };
}

/**
 * One or more of a few values, each once: `Training+PublicTest`. A comma joins them as well where the
 * values of a search are not what it separates.
 *
 * @param none the word for no value at all, if that is one
 */
export function several<const T extends string>(
  values: readonly T[],
  { none }: { none?: string } = {},
): ValueType<readonly T[]> {
  const isNone = (text: string): boolean => none !== undefined && (text === none || text === '');
  return {
    expects: `one or more of ${values.join(', ')}, joined with +${none === undefined ? '' : `, or ${none}`}`,
    brief: `${values.join('+')}${none === undefined ? '' : `|${none}`}`,
    choices: none === undefined ? values : [...values, none],
    parse(text) {
      if (isNone(text)) return [];
      const items = text.split(/[,+]/).map((item) => values.find((value) => value === item.trim()));
      return items.includes(undefined) || new Set(items).size < items.length ? undefined : (items as T[]);
    },
    show: (items) => (items.length === 0 && none !== undefined ? none : items.join('+')),
  };
}

/**
 * Text, for paths and names.
 *
 * @param pattern what it must match as a whole, with `expects` to say so; default: anything but nothing
 */
export function text(pattern = /^.+$/s, expects = 'text'): ValueType<string> {
  return {
    expects,
    brief: '',
    parse: (given) => (pattern.test(given) ? given : undefined),
    show: (value) => value,
  };
}

/** The same, never repeated in a message. */
export function secret<T>(type: ValueType<T>): ValueType<T> {
  return { ...type, secret: true };
}
