"""Pages to take away: as Markdown, HTML or JSON, alone or with all below them and their files."""

from typing import Annotated
from urllib.parse import quote
from uuid import UUID

import msgspec
from msgspec import Meta

from server.downloads import Download
from server.files import one_part
from server.pages.copies import find_tree
from server.pages.exporting import MEDIA_TYPES, SUFFIXES, Format, PageExport
from server.rest.gate import find_page
from server.routing import Routes, UserCall

routes = Routes("Pages as text")


class ExportQuery(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is wanted."""

    format: Format = "markdown"
    with_children: Annotated[bool, Meta(description="With all below it that one may see: a zip.")] = False
    as_zip: Annotated[bool, Meta(description="With the files that the page shows: a zip.")] = False


@routes.get("/v1/pages/{page_id}/export", "pages.read", refuses=(409, 503))
async def export_page(call: UserCall, page_id: UUID, query: ExportQuery) -> Download:
    """Take a page away, as it is committed now.

    JSON has all of each block, and can be imported again. In a zip, pages lie in folders named after those
    above them, and links among them and to their files are relative.
    """
    async with call.services.database.read() as uow:
        page = await find_page(call, uow, page_id, "pages.read")
        tree = await find_tree(uow, call.caller, page) if query.with_children else [page]
    export = PageExport(call.services, call.caller, tree, query.format)
    if query.with_children or query.as_zip:
        return Download(200, _headers("application/zip", f"{export.name}.zip"), export.archive())
    content = await export.single()
    headers = _headers(MEDIA_TYPES[query.format], f"{export.name}.{SUFFIXES[query.format]}")
    return Download(200, {**headers, "Content-Length": str(len(content))}, one_part(content))


def _headers(media_type: str, name: str) -> dict[str, str]:
    return {
        "Content-Type": media_type,
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }
