"""Reads what files say: texts as they are, HTML, PDF and Word by a program of its own (`server.text_probe`).

What cannot be read within the limits says nothing; scanned pages and encrypted files are such.
"""

import asyncio
from typing import Final

from server.contained import run_contained
from server.files import Files
from storage.models import File

MOST_BYTES: Final = 32 * 1024 * 1024
"""Of a file that has to be there as a whole."""

MOST_TEXT_BYTES: Final = 4 * 1024 * 1024
"""What is read of one that can be cut off."""

SECONDS: Final = 40.0
AT_ONCE: Final = 1

_WHOLE: Final = {
    "application/pdf": "pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
}
_HTML: Final = ("text/html", "application/xhtml+xml")
_TEXT: Final = ("text/", "application/json", "application/xml", "application/csv")


class TextReading:
    """Reads the texts of files, few at a time."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._slots = asyncio.Semaphore(AT_ONCE)

    async def read(self, file: File, most_characters: int) -> str | None:
        """Return the beginning of what a file says; None for one that has no text that can be read.

        Raises FilesUnavailableError.
        """
        kind = kind_of(file.content_type)
        if kind is None or (kind in _WHOLE.values() and file.size > MOST_BYTES):
            return None
        async with self._slots:
            upto = file.size if kind in _WHOLE.values() else min(file.size, MOST_TEXT_BYTES)
            parts = self._files.read(file.workspace_id, file.id, 0, upto)
            data = b"".join([part async for part in parts])
            if kind == "text":
                return decode(data, most_characters)
            said = await run_contained(
                "server.text_probe", kind, str(most_characters), data=data, seconds=SECONDS
            )
        return None if said is None else said.decode("utf-8", "replace")


def kind_of(content_type: str) -> str | None:
    """Return how a type is read, or None for one that has no text."""
    if content_type.startswith(_HTML):
        return "html"
    return _WHOLE.get(content_type) or ("text" if content_type.startswith(_TEXT) else None)


def decode(data: bytes, most_characters: int) -> str:
    """Return a text: UTF-8, or what the mark at its beginning says; what makes no sense is replaced."""
    encoding = "utf-16" if data.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    return data.decode(encoding, "replace")[:most_characters].replace("\x00", " ")
