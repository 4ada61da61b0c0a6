"""Writes the table of rights in `docs/rights.md`: `python -m server.rights_table`."""

from server.doc_tables import DocTable
from storage.actions import LEAST_ROLE, ROLES, can

TABLE = DocTable("rights", "server.rights_table", "docs/rights.md")


def rights_table() -> str:
    """Return the table of actions and roles in Markdown."""
    rows = [f"| action | {' | '.join(ROLES)} |", "|---" * (1 + len(ROLES)) + "|"]
    for action in sorted(LEAST_ROLE):
        marks = " | ".join("yes" if can(role, action) else "" for role in ROLES)
        rows.append(f"| `{action}` | {marks} |")
    return "\n".join(rows)


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    return TABLE.put_into(document, rights_table())


if __name__ == "__main__":
    TABLE.write(rights_table())
