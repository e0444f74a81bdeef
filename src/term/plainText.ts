/** Sequences that set colours and weights (SGR), and control characters but the line feed. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROLS = /\u001b\[[\d;]*m|[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g;

/** One line without control characters: a terminal would obey them. */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ').slice(0, 1000);
}

/**
 * Text for a terminal: names of files and labels are strangers', and whatever they hold, it is shown and not obeyed.
 *
 * @param color it is coloured: such sequences stay
 */
export function printable(text: string, color = false): string {
  return text.replace(CONTROLS, (found) => (found.length === 1 ? ' ' : color ? found : ''));
}
