"""Pages as files to take away: Markdown, HTML or JSON, alone or many with what they show in a zip.

Nothing is held but one page, or a part of one file, at a time.
"""

import asyncio
import posixpath
import zipfile
from collections.abc import AsyncIterator, Mapping, Sequence
from html import escape
from typing import Any, Literal
from urllib.parse import quote
from uuid import UUID

import msgspec

from blocks.html_writer import to_html
from blocks.links import file_of, page_of
from blocks.markdown_writer import to_markdown
from blocks.page_json import read_shown
from blocks.retargeting import addresses_in, retarget
from server.bootstrap import Services
from server.exports.folder import file_name, free_path, page_paths, write_head
from server.pages.files import may_read_file
from server.pages.making import page_document
from storage.callers import Caller
from storage.errors import FilesUnavailableError
from storage.files import READ_BYTES
from storage.models import File, Page

Format = Literal["markdown", "html", "json"]

SUFFIXES: Mapping[Format, str] = {"markdown": "md", "html": "html", "json": "json"}
MEDIA_TYPES: Mapping[Format, str] = {
    "markdown": "text/markdown; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "json": "application/json",
}
PAGE_FORMAT = "ionflux.page.1"

_HTML = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>{title}</title>
</head>
<body>
<h1>{title}</h1>
{body}
</body>
</html>
"""


class PageExport:
    """One export under way."""

    def __init__(self, services: Services, caller: Caller, tree: Sequence[Page], format_: Format) -> None:
        self._services = services
        self._caller = caller
        self._tree = tree
        self._format: Format = format_
        self._paths: dict[UUID, str] = {}
        self._files: dict[UUID, tuple[str, File]] = {}
        self._taken: set[str] = set()

    @property
    def name(self) -> str:
        """What the file is called, without a suffix."""
        return file_name(self._tree[0].title)

    async def single(self) -> bytes:
        """Return the first page alone; its files are named by their addresses here."""
        return await self._write(self._tree[0], "")

    async def archive(self) -> AsyncIterator[bytes]:
        """Yield a zip of all pages, in folders as they lie below each other, and of their files."""
        rows = [
            {
                "id": page.id,
                "parent_page_id": page.parent_page_id,
                "order_key": page.order_key,
                "title": page.title,
                "trashed_at": None,
            }
            for page in self._tree
        ]
        suffix = SUFFIXES[self._format]
        for page_id, path in page_paths(rows).items():
            self._paths[page_id] = f"{path.removeprefix('pages/').removesuffix('.md')}.{suffix}"
        sink = _Sink()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            for page in self._tree:
                path = self._paths[page.id]
                archive.writestr(path, await self._write(page, posixpath.dirname(path)))
                yield sink.take()
            for path, file in self._files.values():
                async for part in self._add_file(archive, sink, path, file):
                    yield part
        yield sink.take()

    async def _add_file(
        self, archive: zipfile.ZipFile, sink: "_Sink", path: str, file: File
    ) -> AsyncIterator[bytes]:
        files = self._services.files
        first = min(file.size, READ_BYTES)
        try:
            begin = [part async for part in files.read(file.workspace_id, file.id, 0, first)]
        except FilesUnavailableError:
            return  # it was deleted meanwhile
        with archive.open(zipfile.ZipInfo(path), "w", force_zip64=True) as member:
            for part in begin:
                member.write(part)
            async for part in files.read(file.workspace_id, file.id, first, file.size):
                member.write(part)
                yield sink.take()
        yield sink.take()

    async def _write(self, page: Page, folder: str) -> bytes:
        is_zip = bool(self._paths)
        shown, _, _ = await self._services.documents.render(page_document(page.id), read_shown)
        addresses = {address for tree in shown.trees for address in addresses_in(tree)}
        known = await self._find_files(addresses) if is_zip else {}

        def lead(address: str) -> str | None:
            if (file_id := file_of(address)) is not None:
                if not is_zip:
                    return f"{self._services.settings.effective_public_url}/v1/files/{file_id}/content"
                return _relative(known[file_id], folder) if file_id in known else None
            if (page_id := page_of(address)) is not None and page_id in self._paths:
                return _relative(self._paths[page_id], folder)
            return address

        if self._format == "json":
            files = {str(file_id): _relative(path, folder) for file_id, path in known.items()}
            return _json(page, shown.blocks, files)
        write = to_markdown if self._format == "markdown" else to_html
        texts: list[str] = []
        for tree in shown.trees:
            texts.append(write(retarget(tree, link=lead, image=lead)))
            await asyncio.sleep(0)  # there may be ten thousand
        return _markdown(page, texts) if self._format == "markdown" else _html(page, texts)

    async def _find_files(self, addresses: set[str]) -> dict[UUID, str]:
        """Return where in the zip the files are that a page names and the caller may read."""
        known: dict[UUID, str] = {}
        async with self._services.database.read() as uow:
            for address in sorted(addresses):
                file_id = file_of(address)
                if file_id is None:
                    continue
                if file_id not in self._files:
                    file = await uow.files.get(file_id)
                    if file is None or not await may_read_file(uow, self._caller, file):
                        continue
                    stem, dot, suffix = file.name.rpartition(".")
                    name = file_name(stem if dot else file.name)
                    path = free_path(f"files/{name}", f".{file_name(suffix)}" if dot else "", self._taken)
                    self._files[file_id] = path, file
                known[file_id] = self._files[file_id][0]
        return known


class _Sink:
    """Takes what a zip writes until it is sent. It cannot go back, so sizes stand behind members."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        """Return what was written since."""
        parts, self._parts = self._parts, []
        return b"".join(parts)


def _html(page: Page, texts: Sequence[str]) -> bytes:
    return _HTML.format(title=escape(page.title or "Untitled"), body="\n".join(texts)).encode()


def _markdown(page: Page, texts: Sequence[str]) -> bytes:
    head = {"id": str(page.id), "title": page.title, "icon_url": page.icon_url}
    parts = write_head({name: value for name, value in head.items() if value}, page.title)
    parts += filter(None, texts)
    return "\n".join(parts).encode()


def _json(page: Page, blocks: list[dict[str, Any]], files: Mapping[str, str]) -> bytes:
    said: dict[str, Any] = {
        "format": PAGE_FORMAT,
        "id": str(page.id),
        "title": page.title,
        "icon_url": page.icon_url,
        "created_at": page.created_at,
        "updated_at": page.updated_at,
        "files": files,
        "blocks": blocks,
    }
    return msgspec.json.format(msgspec.json.encode(said), indent=2)


def _relative(path: str, folder: str) -> str:
    return quote(posixpath.relpath(path, folder or "."))
