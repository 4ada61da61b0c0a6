// HTML of other programs, made ready for an editor: Word and Google Docs say in styles what others say in elements.
// The page's security policy takes no styles of others, so what they mean is read first.

/** Styles that mean something in a text: what their value has to look like, and the element that says the same. */
const MEANINGS: readonly [property: string, value: RegExp, element: string][] = [
  ['font-weight', /^(bold|bolder|[6-9]00)$/, 'strong'],
  ['font-style', /^(italic|oblique)$/, 'em'],
  ['text-decoration', /line-through/, 's'],
  ['text-decoration', /underline/, 'u'],
];

export function readPastedHtml(html: string): string {
  const renamed = html.replace(/(<[a-z][^<>]*?)\sstyle\s*=/gi, '$1 data-style=');
  const { body } = new DOMParser().parseFromString(renamed, 'text/html');
  for (const element of body.querySelectorAll('[data-style]')) {
    const style = readStyle(element.getAttribute('data-style') ?? '');
    element.removeAttribute('data-style');
    if (/^(b|strong)$/i.test(element.localName) && style.get('font-weight') === 'normal') unwrap(element);
    else if (element.localName === 'span') say(element, style);
  }
  for (const element of body.querySelectorAll('script, style, meta, link, title')) element.remove();
  return body.innerHTML;
}

function readStyle(text: string): Map<string, string> {
  const pairs = text.split(';').map((part) => part.split(':').map((word) => word.trim().toLowerCase()));
  return new Map(pairs.flatMap(([name, value]) => (name && value ? [[name, value] as const] : [])));
}

function say(element: Element, style: ReadonlyMap<string, string>): void {
  for (const [property, value, name] of MEANINGS) {
    if (!value.test(style.get(property) ?? '')) continue;
    const meaning = element.ownerDocument.createElement(name);
    meaning.append(...element.childNodes);
    element.append(meaning);
  }
}

function unwrap(element: Element): void {
  element.replaceWith(...element.childNodes);
}
