"""Writes the operator's table of settings in `docs/operations.md`: `python -m server.settings_table`."""

import re
from pathlib import Path

from server.settings import describe_settings

BEGIN = "<!-- settings: written by `python -m server.settings_table` -->"
END = "<!-- /settings -->"


def settings_table() -> str:
    """Return the table in Markdown."""
    rows = ["| variable | default | meaning |", "|---|---|---|"]
    for setting in describe_settings():
        default = f"`{setting.default}`" if setting.default else ""
        rows.append(
            f"| `{setting.variable}` | {default} | {setting.description.replace('|', chr(92) + '|')} |"
        )
    return "\n".join(rows)


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: f"{BEGIN}\n{settings_table()}\n{END}", document, flags=re.DOTALL)


if __name__ == "__main__":
    path = Path("docs/operations.md")
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
