/**
 * `JSON.parse` for text from strangers: refuses a key given twice (`JSON.parse` would keep the last without
 * a word) and nesting deeper than `maxDepth`.
 *
 * @throws SyntaxError saying what was found
 */
export function parseStrictJson(text: string, maxDepth: number): unknown {
  checkStructure(text, maxDepth);
  return JSON.parse(text);
}

/** One pass over the brackets and strings; that the rest is JSON at all is left to `JSON.parse`. */
function checkStructure(text: string, maxDepth: number): void {
  /** For each open bracket the keys met so far, or null inside an array. */
  const open: (Set<string> | null)[] = [];
  let expectKey = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') {
      const start = i;
      i = endOfString(text, i);
      const keys = open.at(-1);
      if (expectKey && keys) {
        const key = JSON.parse(text.slice(start, i + 1)) as string;
        if (keys.has(key)) throw new SyntaxError(`the key ${JSON.stringify(key.slice(0, 60))} appears twice`);
        keys.add(key);
        expectKey = false;
      }
    } else if (char === '{' || char === '[') {
      if (open.length === maxDepth) throw new SyntaxError(`it is nested deeper than ${maxDepth} levels`);
      open.push(char === '{' ? new Set() : null);
      expectKey = char === '{';
    } else if (char === '}' || char === ']') {
      open.pop();
    } else if (char === ',') {
      expectKey = open.at(-1) instanceof Set;
    }
  }
}

/** Index of the quote that closes the string opened at `start`. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  throw new SyntaxError('a string is not closed');
}
