"""Writes the table of an agent's settings in `docs/agents.md`: `python -m server.agent_config_table`."""

from agents.config_schema import config_table
from server.doc_tables import DocTable

TABLE = DocTable("configuration", "server.agent_config_table", "docs/agents.md")


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    return TABLE.put_into(document, config_table())


if __name__ == "__main__":
    TABLE.write(config_table())
