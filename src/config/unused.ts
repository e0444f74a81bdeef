import { UsageError } from '../errors.ts';

/** What an option needs to have any effect: one of some values of another one; without `values`, any text there. */
export interface Need {
  readonly of: string;
  readonly values?: readonly unknown[];
}

/** What the options need that do not always have an effect. */
export type Needs<C> = {
  readonly [K in keyof C]?: {
    readonly [Other in keyof C & string]: { readonly of: Other; readonly values?: readonly One<C[Other]>[] };
  }[keyof C & string];
};
type One<T> = T extends readonly (infer E)[] ? E : T;

/** Whether an option has any effect beside the others, where one may be a list: of its values one will do. */
export function hasEffect(
  needs: Readonly<Record<string, Need | undefined>>,
  config: Readonly<Record<string, unknown>>,
  key: string,
): boolean {
  const need = needs[key];
  if (need === undefined) return true;
  const { of, values } = need;
  if (values === undefined) return config[of] !== '';
  return [config[of]].flat().some((value) => values.includes(value));
}

/**
 * Refuses options that were given and would have no effect beside the others.
 *
 * @throws UsageError naming them, why, and what to do
 */
export function refuseWithoutEffect(
  needs: Readonly<Record<string, Need | undefined>>,
  config: Readonly<Record<string, unknown>>,
  typed: ReadonlySet<string>,
): void {
  const alike = new Map<string, { need: Need; keys: string[] }>();
  for (const key of typed) {
    const need = needs[key];
    if (need === undefined || hasEffect(needs, config, key)) continue;
    // Who says that there is no teacher may say the rest, too.
    if (need.values === undefined && typed.has(need.of)) continue;
    const id = JSON.stringify(need);
    alike.set(id, { need, keys: [...(alike.get(id)?.keys ?? []), key] });
  }
  const lines = [...alike.values()].map(({ need: { of, values }, keys }) => {
    const it = keys.length === 1 ? 'it' : 'them';
    const why = values
      ? `${of}=${[config[of]].flat().join(',')} makes no use of ${it}. Give ${of}=${either(values)}`
      : `there is no ${of}=. Give ${of}= too`;
    return withoutEffect(keys, `${why}, or leave ${it} out`);
  });
  if (lines.length > 0) throw new UsageError(lines.join('\n'));
}

/**
 * The same where what they need is no value of one option.
 *
 * @param why nothing comes of them, and what to do
 * @throws UsageError
 */
export function refuseUnused(typed: ReadonlySet<string>, keys: readonly string[], why: string): void {
  const given = keys.filter((key) => typed.has(key));
  if (given.length > 0) throw new UsageError(withoutEffect(given, why));
}

function withoutEffect(keys: readonly string[], why: string): string {
  return `${keys.map((key) => `${key}=`).join(' and ')} would have no effect: ${why}.`;
}

/** `a`, `a or b`, `a, b or c`. */
function either(values: readonly unknown[]): string {
  return values.join(', ').replace(/, ([^,]*)$/, ' or $1');
}
