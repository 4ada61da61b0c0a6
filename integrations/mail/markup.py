"""The HTML of a mail, made from its text, so that both say the same.

Blank lines part paragraphs, a line of `=` below another makes that a heading, and addresses of the web become
links. Everything else is text: what people called themselves cannot be markup. Pure.
"""

import re
from html import escape

_ADDRESS = re.compile(r"https?://[^\s<>\"']+")
_PAGE = """\
<!doctype html>
<html><body style="font-family: sans-serif; line-height: 1.5; color: #222; max-width: 40em">
{content}
</body></html>
"""


def as_html(text: str) -> str:
    """Return a text as a page that loads nothing."""
    paragraphs = [part.strip("\n") for part in re.split(r"\n\s*\n", text) if part.strip()]
    return _PAGE.format(content="\n".join(map(_as_block, paragraphs)))


def _as_block(paragraph: str) -> str:
    lines = paragraph.split("\n")
    if len(lines) > 1 and set(lines[1].strip()) == {"="}:
        rest = "\n".join(lines[2:])
        return f"<h2>{escape(lines[0])}</h2>" + (f"\n<p>{_with_links(rest)}</p>" if rest else "")
    return f"<p>{_with_links(paragraph)}</p>"


def _with_links(text: str) -> str:
    parts: list[str] = []
    end = 0
    for found in _ADDRESS.finditer(text):
        address = escape(found[0])
        parts += [escape(text[end : found.start()]), f'<a href="{address}">{address}</a>']
        end = found.end()
    return "".join([*parts, escape(text[end:])]).replace("\n", "<br>\n")
