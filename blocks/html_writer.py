"""Writes the tree of a rich text as HTML, as Tiptap does.

It is sanitised, so it may be put into any page. Nodes that are not known here are written as their text, or
as a note that they are unreadable, with `data-unreadable` telling their type. Total.
"""

from collections.abc import Sequence
from html import escape

from blocks import tiptap
from blocks.html_policy import sanitize
from blocks.nesting import nest_marks
from blocks.richtext import mention_text, text_attribute
from blocks.tree import Element, Json, Mark, Node, Text, join_texts, texts_of

_MARKS = {
    "link": "a",
    "bold": "strong",
    "code": "code",
    "italic": "em",
    "strike": "s",
    "underline": "u",
    "highlight": "mark",
}
_PLAIN = {
    "paragraph": "p",
    "blockquote": "blockquote",
    "bulletList": "ul",
    "listItem": "li",
    "tableRow": "tr",
    "tableCell": "td",
    "tableHeader": "th",
}


def to_html(document: Element) -> str:
    """Return a document as HTML that may be put into any page."""
    return sanitize(_write_all(document.content))


def write_table(node: Element) -> str:
    """Return a table as HTML in one line, as it may stand in Markdown."""
    return sanitize(_write(node)).replace("\r", "&#13;").replace("\n", "&#10;")


def write_image(node: Element) -> str:
    """Return an image as HTML."""
    return sanitize(_write(node)).replace("\r", "&#13;").replace("\n", "&#10;")


def note(node: Element) -> str:
    """Return what is shown of a node that nothing can be read of."""
    return f"(unreadable: {node.type})"


def _write_all(nodes: Sequence[Node]) -> str:
    written: list[str] = []
    for ended, begun, node in nest_marks(_known(nodes)):
        written += [f"</{_MARKS[mark.type]}>" for mark in ended]
        written += [f"<{_MARKS[mark.type]}{_mark_attributes(mark)}>" for mark in begun]
        if node is not None:
            written.append(_write(node))
    return "".join(written)


def _known(nodes: Sequence[Node]) -> tuple[Node, ...]:
    """Return nodes without the marks that HTML has no tags for, nor two of one type."""
    return join_texts(
        [Text(node.text, _known_marks(node)) if isinstance(node, Text) else node for node in nodes]
    )


def _known_marks(node: Text) -> tuple[Mark, ...]:
    marks = {mark.type: mark for mark in node.marks}
    return tuple(marks[kind] for kind in tiptap.MARKS if kind in marks)


def _write(node: Node) -> str:
    if isinstance(node, Text):
        return escape(node.text, quote=False)
    attrs = node.attrs
    match node.type:
        case "heading":
            level = attrs.get("level")
            return _tag(f"h{min(max(level, 1), 6) if isinstance(level, int) else 1}", {}, node.content)
        case "codeBlock":
            language = text_attribute(attrs, "language")
            code = _element("code", {"class": f"language-{language}" if language else None}, _code(node))
            return f"<pre>{code}</pre>"
        case "orderedList":
            start = attrs.get("start")
            return _tag(
                "ol", {"start": start if start != 1 else None, "type": attrs.get("type")}, node.content
            )
        case "taskList":
            return _tag("ul", {"data-type": "taskList"}, node.content)
        case "listItem":
            return _tag("li", {}, _without_first_empty(node.content))
        case "taskItem":
            return _write_task(node)
        case "table":
            return f"<table><tbody>{_write_all(node.content)}</tbody></table>"
        case "tableCell" | "tableHeader":
            return _write_cell(node)
        case "horizontalRule":
            return "<hr>"
        case "hardBreak":
            return "<br>"
        case "image":
            return _write_image(node)
        case "mention":
            return _write_mention(node)
        case _ if node.type in _PLAIN:
            return _tag(_PLAIN[node.type], {}, node.content)
        case _:
            return _write_unknown(node)


def _tag(name: str, attrs: dict[str, Json], content: Sequence[Node]) -> str:
    return _element(name, attrs, _write_all(content))


def _element(name: str, attrs: dict[str, Json], inner: str) -> str:
    return f"<{name}{_attributes(attrs)}>{inner}</{name}>"


def _attributes(attrs: dict[str, Json]) -> str:
    told = ((name, text_attribute({name: value}, name)) for name, value in attrs.items() if value is not None)
    return "".join(f' {name}="{escape(value)}"' for name, value in told)


def _mark_attributes(mark: Mark) -> str:
    if mark.type != "link":
        return _attributes({"data-color": mark.attrs.get("color")})
    told: dict[str, Json] = {"href": text_attribute(mark.attrs, "href")}
    return _attributes(told | {name: mark.attrs.get(name) or None for name in ("title", "target", "rel")})


def _code(node: Element) -> str:
    code = "".join(escape(child.text, quote=False) for child in texts_of(node))
    return f"{code}\n" if code else ""


def _without_first_empty(content: Sequence[Node]) -> Sequence[Node]:
    """Return the content of an item without the empty paragraph that the schema wants before what is none."""
    is_needless = (
        len(content) > 1
        and content[0] == tiptap.paragraph()
        and isinstance(second := content[1], Element)
        and second.type != "paragraph"
    )
    return content[1:] if is_needless else content


def _write_task(node: Element) -> str:
    is_done = node.attrs.get("checked") is True
    checked = ' checked=""' if is_done else ""
    box = f'<input type="checkbox" disabled=""{checked}>'
    inner = f"<label>{box}<span></span></label><div>{_write_all(node.content)}</div>"
    return _element("li", {"data-type": "taskItem", "data-checked": "true" if is_done else "false"}, inner)


def _write_cell(node: Element) -> str:
    attrs: dict[str, Json] = {
        name: value for name in ("colspan", "rowspan") if (value := node.attrs.get(name, 1)) != 1
    }
    widths = node.attrs.get("colwidth")
    if isinstance(widths, list) and all(isinstance(width, int) for width in widths):
        attrs["colwidth"] = ",".join(map(str, widths))
    if node.attrs.get("align") in tiptap.ALIGNMENTS:
        attrs["align"] = node.attrs["align"]
    return _tag(_PLAIN[node.type], attrs, node.content)


def _write_image(node: Element) -> str:
    attrs: dict[str, Json] = {
        "src": text_attribute(node.attrs, "src"),
        "alt": text_attribute(node.attrs, "alt"),
    }
    attrs |= {name: node.attrs.get(name) for name in ("title", "width", "height")}
    image = f"<img{_attributes(attrs)}>"
    return (
        _element("a", {"href": text_attribute(node.attrs, "href")}, image)
        if node.attrs.get("href")
        else image
    )


def _write_mention(node: Element) -> str:
    attrs: dict[str, Json] = {"data-type": "mention"}
    for name in ("id", "kind", "label"):
        attrs[f"data-{name}"] = node.attrs.get(name)
    attrs["data-mention-suggestion-char"] = node.attrs.get("mentionSuggestionChar")
    return _element("span", attrs, escape(mention_text(node.attrs), quote=False))


def _write_unknown(node: Element) -> str:
    text = _write_all(node.content) or escape(note(node), quote=False)
    is_block = any(isinstance(child, Element) and child.type in tiptap.BLOCKS for child in node.content)
    return _element("div" if is_block else "span", {"data-unreadable": node.type}, text)
