"""Writes the table of tools in `docs/agents.md`: `python -m server.tools_table`."""

from agents.tools.everything import FAMILIES
from server.doc_tables import DocTable

TABLE = DocTable("tools", "server.tools_table", "docs/agents.md")


def tools_table() -> str:
    """Return the table in Markdown."""
    rows = ["| tool | what it does | right | writes | approval |", "|---|---|---|---|---|"]
    for family in FAMILIES:
        for declared in family.tools.declared:
            spec = declared.spec
            writes = "yes" if spec.is_write else ""
            rows.append(
                f"| `{spec.name}` | {spec.description} | `{spec.action}` | {writes} | {spec.approval} |"
            )
    return "\n".join(rows)


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    return TABLE.put_into(document, tools_table())


if __name__ == "__main__":
    TABLE.write(tools_table())
