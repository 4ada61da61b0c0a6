"""Tables that stand in documents and are written by the program, between two markers."""

import re
from pathlib import Path


class DocTable:
    """One table. The tests hold the document to it."""

    def __init__(self, name: str, module: str, document: str) -> None:
        self._begin = f"<!-- {name}: written by `python -m {module}` -->"
        self._end = f"<!-- /{name} -->"
        self._path = Path(document)

    def put_into(self, document: str, table: str) -> str:
        """Return a document with the table between its two markers."""
        pattern = f"{re.escape(self._begin)}.*{re.escape(self._end)}"
        return re.sub(pattern, lambda _: f"{self._begin}\n{table}\n{self._end}", document, flags=re.DOTALL)

    def write(self, table: str) -> None:
        """Write the table into its document."""
        self._path.write_text(self.put_into(self._path.read_text("utf-8"), table), "utf-8")
