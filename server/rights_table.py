"""Writes the table of rights in `docs/rights.md`: `python -m server.rights_table`."""

import re
from pathlib import Path

from storage.access import LEAST_ROLE, ROLES, can

BEGIN = "<!-- rights: written by `python -m server.rights_table` -->"
END = "<!-- /rights -->"


def rights_table() -> str:
    """Return the table of actions and roles in Markdown."""
    rows = [f"| action | {' | '.join(ROLES)} |", "|---" * (1 + len(ROLES)) + "|"]
    for action in sorted(LEAST_ROLE):
        marks = " | ".join("yes" if can(role, action) else "" for role in ROLES)
        rows.append(f"| `{action}` | {marks} |")
    return "\n".join(rows)


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: f"{BEGIN}\n{rights_table()}\n{END}", document, flags=re.DOTALL)


if __name__ == "__main__":
    path = Path("docs/rights.md")
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
