import type { ValueType } from './value.ts';

/** A hyper-parameter or setting: declared once, and everything else about it is derived from here. */
export interface Option<T> {
  readonly type: ValueType<T>;
  /** Undefined: the user must give it. */
  readonly default: T | undefined;
  /** One line: what it is, or why it has this default. */
  readonly help: string;
  /** Heading it stands under in the help text. */
  readonly group: string;
}

// biome-ignore lint/suspicious/noExplicitAny: options of every type side by side
export type Options = Readonly<Record<string, Option<any>>>;

/** The type of a configuration, inferred from its declaration. */
export type ConfigOf<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

export function option<T>(type: ValueType<T>, defaultValue: NoInfer<T>, help: string): Option<T> {
  return { type, default: defaultValue, help, group: 'Options' };
}

/** An option without a default. */
export function required<T>(type: ValueType<T>, help: string): Option<T> {
  return { type, default: undefined, help, group: 'Options' };
}

/** The same option with another default or another line of help, for another verb. */
export function variant<T>(base: Option<T>, change: { default?: NoInfer<T>; help?: string }): Option<T> {
  return { ...base, ...change };
}

/** Puts options under a heading of the help text. */
export function group<O extends Options>(heading: string, options: O): O {
  return Object.fromEntries(
    Object.entries(options).map(([key, value]) => [key, { ...value, group: heading }]),
  ) as O;
}

/** What a user gets who gives none of these options, all of which have a default. */
export function defaultsOf<O extends Options>(options: O): ConfigOf<O> {
  return Object.fromEntries(
    Object.entries(options).map(([key, { default: value }]) => [key, value]),
  ) as ConfigOf<O>;
}

/** The options without some of them. */
export function omit<O extends Options, K extends keyof O>(options: O, keys: readonly K[]): Omit<O, K> {
  return Object.fromEntries(
    Object.entries(options).filter(([key]) => !keys.includes(key as unknown as K)),
  ) as unknown as Omit<O, K>;
}

/** Without what is undefined, which would hide a default in a spread. */
export function given<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
