"""Writes the table of an agent's settings in `docs/agents.md`: `python -m server.agent_config_table`."""

import re
from pathlib import Path

from agents.config_schema import config_table

BEGIN = "<!-- configuration: written by `python -m server.agent_config_table` -->"
END = "<!-- /configuration -->"


def with_table(document: str) -> str:
    """Return a document with the table between its two markers."""
    pattern = f"{re.escape(BEGIN)}.*{re.escape(END)}"
    return re.sub(pattern, lambda _: f"{BEGIN}\n{config_table()}\n{END}", document, flags=re.DOTALL)


if __name__ == "__main__":
    path = Path("docs/agents.md")
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
