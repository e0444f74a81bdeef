/**
 * The `key=value` arguments of a measurement over its `defaults`; a number's key takes whole numbers above 0, a
 * boolean's true or false.
 *
 * @throws Error for a key that is not among the defaults, or a value that does not fit
 */
export function parseOptions(args, defaults) {
  const options = { ...defaults };
  for (const arg of args) {
    const [key, value] = arg.split(/=(.*)/s);
    if (!Object.hasOwn(defaults, key) || !value) {
      throw new Error(`${arg}: expected key=value with one of the keys ${Object.keys(defaults).join(' ')}`);
    }
    options[key] = parseValue(arg, value, typeof defaults[key]);
  }
  return options;
}

function parseValue(arg, value, type) {
  if (type === 'boolean') {
    if (value !== 'true' && value !== 'false') throw new Error(`${arg}: expected true or false`);
    return value === 'true';
  }
  if (type !== 'number') return value;
  const count = Number(value);
  if (!Number.isInteger(count) || count <= 0) throw new Error(`${arg}: expected a whole number above 0`);
  return count;
}
