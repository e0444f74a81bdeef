/**
 * The `key=value` arguments of a measurement over its `defaults`; a number's key takes whole numbers above 0.
 *
 * @throws Error for a key that is not among the defaults, or a value that does not fit
 */
export function parseOptions(args, defaults) {
  const options = { ...defaults };
  for (const arg of args) {
    const [key, value] = arg.split('=');
    if (!Object.hasOwn(defaults, key) || !value) {
      throw new Error(`${arg}: expected key=value with one of the keys ${Object.keys(defaults).join(' ')}`);
    }
    options[key] = typeof defaults[key] === 'number' ? Number(value) : value;
    const count = options[key];
    if (typeof count === 'number' && !(Number.isInteger(count) && count > 0)) {
      throw new Error(`${arg}: expected a whole number above 0`);
    }
  }
  return options;
}
