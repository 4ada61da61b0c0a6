"""Rich text: an XmlFragment with ProseMirror's and Tiptap's node names, so a stock editor binds to it."""

from collections.abc import Sequence

import pycrdt


def write_paragraphs(fragment: pycrdt.XmlFragment, lines: Sequence[str]) -> None:
    """Append lines to a fragment that is in a document: the first as a heading, the rest as paragraphs."""
    for index, line in enumerate(lines):
        node = fragment.children.append(pycrdt.XmlElement("heading" if index == 0 else "paragraph"))
        if index == 0:
            node.attributes["level"] = 1
        node.children.append(pycrdt.XmlText(line))
