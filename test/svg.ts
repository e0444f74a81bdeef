import { type DefaultTreeAdapterTypes, parse, parseFragment } from 'parse5';

/** Reading SVG and HTML as a browser does, for tests of what is in a picture or page. */

type Node = DefaultTreeAdapterTypes.ChildNode;
export type Element = DefaultTreeAdapterTypes.Element;

/** The elements of a document or fragment that match, in its order. */
export function elements(
  markup: string | Element,
  matches: string | ((element: Element) => boolean),
): Element[] {
  const wanted = typeof matches === 'string' ? (element: Element) => element.tagName === matches : matches;
  const roots =
    typeof markup !== 'string'
      ? markup.childNodes
      : /^<!doctype/i.test(markup)
        ? parse(markup).childNodes
        : parseFragment(markup).childNodes;
  const found: Element[] = [];
  const visit = (node: Node): void => {
    if (!('tagName' in node)) return;
    if (wanted(node)) found.push(node);
    node.childNodes.forEach(visit);
  };
  roots.forEach(visit);
  return found;
}

export function attribute(element: Element, name: string): string | undefined {
  return element.attrs.find((each) => each.name === name)?.value;
}

/** All text in an element. */
export function textOf(element: Element): string {
  return element.childNodes
    .map((node) => ('value' in node ? node.value : 'tagName' in node ? textOf(node) : ''))
    .join('');
}

/** A text of a picture and where it stands in its group. */
export interface PlacedText {
  readonly text: string;
  readonly x: number;
  readonly y: number;
  readonly size: number;
}

export function placedTexts(svg: string | Element): PlacedText[] {
  return elements(svg, 'text').map((element) => {
    const [, x, y] = /translate\(([-\d.]+),([-\d.]+)\)/.exec(attribute(element, 'transform') ?? '') ?? [];
    return {
      text: textOf(element),
      x: Number(x),
      y: Number(y),
      size: Number.parseFloat(attribute(element, 'font-size') ?? ''),
    };
  });
}

/** Texts of one size that form a grid: rows from the top, each from the left. */
export function textGrid(texts: readonly PlacedText[], size: number): string[][] {
  const rows = new Map<number, PlacedText[]>();
  for (const text of texts.filter((each) => each.size === size)) {
    rows.set(text.y, [...(rows.get(text.y) ?? []), text]);
  }
  return [...rows]
    .sort(([a], [b]) => a - b)
    .map(([, row]) => row.sort((a, b) => a.x - b.x).map(({ text }) => text));
}
