import { expect, test } from 'vitest';
import { html, raw } from './html.ts';

test('whatever is not markup is escaped, in content and in attributes', () => {
  const nasty = `</p><script>alert("1")</script>&'`;
  const escaped = '&lt;/p&gt;&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&amp;&#39;';
  expect(html`<p title="${nasty}">${nasty}</p>`.markup).toBe(`<p title="${escaped}">${escaped}</p>`);
});

test('markup, lists and nothing', () => {
  const items = ['a', '<b>', 3].map((each) => html`<li>${each}</li>`);
  expect(html`<ul>${items}</ul>`.markup).toBe('<ul><li>a</li><li>&lt;b&gt;</li><li>3</li></ul>');
  expect(html`${null}${undefined}${false}${''}${0}`.markup).toBe('0');
  expect(html`${raw('<hr>')}${['<', [html`<i></i>`]]}`.markup).toBe('<hr>&lt;<i></i>');
});
