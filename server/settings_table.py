"""Writes the operator's table of settings in `docs/operations.md`: `python -m server.settings_table`."""

from server.doc_tables import DocTable
from server.settings import describe_settings

TABLE = DocTable("settings", "server.settings_table", "docs/operations.md")


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
    return TABLE.put_into(document, settings_table())


if __name__ == "__main__":
    TABLE.write(settings_table())
