"""The file of results: one section for each kind of measuring, and each run writes its own alone."""

import re
from pathlib import Path

RESULTS = Path(__file__).with_name("results.md")

_HEADING = re.compile(r"^(?=# )", re.MULTILINE)


def put_section(words: str, file: Path = RESULTS) -> None:
    """Write a section, which begins with its heading, in the place of the one with the same heading."""
    heading = words.partition("\n")[0]
    before = file.read_text("utf-8") if file.exists() else ""
    sections = [section.strip("\n") for section in _HEADING.split(before) if section.strip()]
    headings = [section.partition("\n")[0] for section in sections]
    if heading in headings:
        sections[headings.index(heading)] = words.strip("\n")
    else:
        sections.append(words.strip("\n"))
    file.write_text("\n\n".join(sections) + "\n", "utf-8")
