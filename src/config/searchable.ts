import type { Option, Options } from './option.ts';
import type { ValueType } from './value.ts';

/** What a search tries for one setting: the values of a list, or any number of a range. */
export type Values<T> =
  | { readonly kind: 'list'; readonly list: readonly T[] }
  | { readonly kind: 'range'; readonly low: number; readonly high: number };

export type Searchable<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? Option<Values<T>> : never;
};

/** A setting that is not searched over. */
export function one<T>(value: T): Values<T> {
  return { kind: 'list', list: [value] };
}

/** The same options, each taking several values: `lr=0.1,0.01`, or `lr=1e-4..1e-1` if it is a number. */
export function searchable<O extends Options>(options: O): Searchable<O> {
  return Object.fromEntries(
    Object.entries(options).map(([key, option]) => [
      key,
      {
        ...option,
        type: valuesOf(option.type),
        default: option.default === undefined ? undefined : one(option.default),
      },
    ]),
  ) as Searchable<O>;
}

/** A comma separates the values, so a value that is itself a list is joined with `+`. */
function valuesOf<T>(type: ValueType<T>): ValueType<Values<T>> {
  const { numeric } = type;
  const range = numeric ? `, or a range LOW..HIGH${numeric.log ? ' (logarithmic, LOW above 0)' : ''}` : '';
  return {
    expects: `${type.expects.replace(', separated by commas', ', joined with +')}; several separated by commas${range}`,
    brief: type.brief,
    choices: type.choices,
    parse(text) {
      const ends = numeric && /^(.+?)\.\.(.+)$/.exec(text);
      if (ends) {
        const [low, high] = [type.parse(ends[1]), type.parse(ends[2])] as unknown as (number | undefined)[];
        if (low === undefined || high === undefined || low >= high || (numeric.log && low <= 0))
          return undefined;
        return { kind: 'range', low, high };
      }
      const list: T[] = [];
      for (const item of text.split(',')) {
        const value = type.parse(item.trim());
        if (value === undefined) return undefined;
        list.push(value);
      }
      return { kind: 'list', list };
    },
    show: (values) =>
      values.kind === 'range'
        ? `${values.low}..${values.high}`
        : values.list.map((value) => type.show(value).replaceAll(',', '+')).join(','),
  };
}
