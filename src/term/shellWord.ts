/** A text as one word of this system's shell, in quotes where it needs them. */
export function shellWord(text: string): string {
  return process.platform === 'win32' ? windowsWord(text) : posixWord(text);
}

export function posixWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** For cmd.exe and PowerShell. Backslashes count as such, but before a quotation mark, where each takes two. */
export function windowsWord(text: string): string {
  if (/^[\w@+=:,./\\-]+$/.test(text)) return text;
  return `"${text.replace(/(\\*)"/g, '$1$1\\"').replace(/\\+$/, '$&$&')}"`;
}
