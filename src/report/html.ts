import { escapeXml } from '../charts/renderSvg.ts';

/** Markup that is safe to stand in a page. */
export class Html {
  readonly markup: string;

  constructor(markup: string) {
    this.markup = markup;
  }

  toString(): string {
    return this.markup;
  }
}

export type Content = Html | string | number | null | undefined | false | readonly Content[];

/**
 * Markup with values in it, as a template: html`<p>${name}</p>`. Whatever is not markup already is escaped, in
 * content and in quoted attributes; lists are joined, nothing is left of null, undefined and false.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.reduce((all, part, i) => `${all}${markupOf(values[i - 1])}${part}`));
}

/** Markup that another part of the program made: an SVG of `renderSvg`, a style sheet. */
export function raw(markup: string): Html {
  return new Html(markup);
}

function markupOf(value: Content): string {
  if (value instanceof Html) return value.markup;
  if (Array.isArray(value)) return value.map(markupOf).join('');
  if (value === null || value === undefined || value === false) return '';
  return escapeXml(String(value));
}
