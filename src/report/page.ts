import { type Content, type Html, html, raw } from './html.ts';
import { pageStyle } from './style.ts';

export interface Page {
  readonly title: string;
  /** Under the title. */
  readonly intro: Content;
  readonly sections: readonly Section[];
  readonly footer: Content;
}

export interface Section {
  /** Address within the page. */
  readonly id: string;
  readonly title: string;
  readonly content: Html;
}

/** What a page may load: what stands in it, and nothing else. */
const POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:";

/** A whole HTML document that needs no other file and no network. */
export function pageText({ title, intro, sections, footer }: Page): string {
  return html`<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(pageStyle())}</style>
</head>
<body>
<header>
<h1>${title}</h1>
${intro}
<nav aria-label="Sections"><ul>${sections.map(({ id, title: name }) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
</header>
<main>
${sections.map(
  ({ id, title: name, content }) => html`<section id="${id}" aria-labelledby="${id}-title">
<h2 id="${id}-title">${name}</h2>
${content}
</section>
`,
)}</main>
<footer>${footer}</footer>
</body>
</html>
`.markup;
}
