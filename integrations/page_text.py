"""What the bytes of a page or of a text say, for people and models. Pure."""

from blocks.html_reader import from_html
from blocks.markdown_writer import to_markdown
from integrations.embeds.reading import decode, read_head

HTML = ("text/html", "application/xhtml+xml")


def read_text(body: bytes, content_type: str) -> str:
    """Return a text as it is, and of HTML what it says, as Markdown."""
    if not content_type.startswith(HTML):
        return decode(body, content_type)
    title = read_head(body, content_type).title.strip()
    text = to_markdown(from_html(decode(body, content_type)))
    return f"# {' '.join(title.split())}\n\n{text}" if title else text
