import { textWidth } from './font.ts';

/** A text in lines of at most `width` pixels, broken between words. */
export function wrapText(text: string, width: number, size = 12): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && textWidth(longer, size) > width) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}
