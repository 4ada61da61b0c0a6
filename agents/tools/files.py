"""The files of a workspace: finding them, reading texts, and keeping new ones."""

from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.ports import Kit
from agents.tools.base import Effect, Plan, ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.gate import workspace_of
from agents.tools.words import listed, short
from storage.access import document_right
from storage.unit_of_work import UnitOfWork

tools = Tools()

MOST_FILES = 100
MOST_BYTES = 1024 * 1024
MOST_TEXT = 16_000

FileName = Annotated[str, Meta(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f/\\]+$")]
DocumentName = Annotated[
    str,
    Meta(
        max_length=100,
        description="The page or channel it belongs to, `page:ID` or `channel:ID`: who reads that reads it.",
    ),
]


class ListFiles(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which files."""

    document: Annotated[DocumentName | None, Meta(description="Left out: those of the workspace.")] = None
    after: Annotated[UUID | None, Meta(description="The last file of the part before.")] = None


class ReadFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which file, and from where on."""

    file_id: Annotated[UUID, Meta(description="The id of a file.")]
    from_character: Annotated[int, Meta(ge=0, le=MOST_BYTES, description="Goes on there.")] = 0


class SaveFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A text to keep as a file."""

    name: FileName
    text: Annotated[str, Meta(min_length=1, max_length=200_000)]
    document: DocumentName | None = None


@tools.tool("files.read")
async def list_files(kit: Kit, context: ToolContext, arguments: ListFiles) -> ToolResult:
    """List the files of the workspace, or those that belong to a page or channel."""
    async with kit.database.read() as uow:
        await _check(uow, context, arguments.document, to_write=False)
        rows = await uow.files.list_in(
            context.workspace_id,
            {"document": arguments.document},
            after=arguments.after,
            limit=MOST_FILES + 1,
        )
    lines = [
        f"{row.id} {short(row.name)} ({row.content_type}, {row.size} bytes)" for row in rows[:MOST_FILES]
    ]
    if len(rows) > MOST_FILES:
        lines.append(f"[more: go on with after={rows[MOST_FILES - 1].id}]")
    return ToolResult(listed(lines, "There are no files."), source="the list of files")


@tools.tool("files.read")
async def read_file(kit: Kit, context: ToolContext, arguments: ReadFile) -> ToolResult:
    """Read a file that is a text, or what is written in one that is PDF or Word (`.docx`)."""
    async with kit.database.read() as uow:
        file = await uow.files.get(arguments.file_id)
        if file is None or file.workspace_id != context.workspace_id:
            raise _unknown()
        await _check(uow, context, file.document, to_write=False)
    text = await kit.contents.read_text(file, MOST_BYTES)
    if text is None:
        raise ToolError(f"The file is no text that can be read ({file.content_type}).")
    part = text[arguments.from_character : arguments.from_character + MOST_TEXT]
    end = arguments.from_character + len(part)
    more = f"\n[more: go on with from_character={end}]" if end < len(text) else ""
    return ToolResult(part + more, source=f"the file “{short(file.name)}”")


@tools.tool("files.write")
async def save_file(kit: Kit, context: ToolContext, arguments: SaveFile) -> Plan:
    """Keep a text as a file, in the workspace or with a page or channel."""
    async with kit.database.read() as uow:
        await _check(uow, context, arguments.document, to_write=True)
    file_id, content = context.new_id("file"), arguments.text.encode()

    async def commit() -> ToolResult:
        file = await kit.contents.save(context, file_id, arguments.name, arguments.document, content)
        effect = Effect(f"saved the file “{short(file.name)}”", arguments.document)
        return ToolResult(f"Saved the file {file.id}.", {"file_id": str(file.id)}, (effect,))

    return Plan(f"save the file “{short(arguments.name)}” of {len(content)} bytes", commit)


async def _check(uow: UnitOfWork, context: ToolContext, document: str | None, *, to_write: bool) -> None:
    """Raise ToolError unless a run may read a document's files, or add to them; None: the workspace's."""
    if document is None:
        await workspace_of(uow, context, "files.write" if to_write else "files.read")
        return
    right = await document_right(uow, context.caller, document)
    found = await uow.documents.get(document) if right != "none" else None
    if found is None or found.workspace_id != context.workspace_id:
        raise _unknown()
    if to_write and right not in ("write", "manage"):
        raise ToolError("This run may read this page or channel, not add to it.")


def _unknown() -> ToolError:
    return ToolError("There is no such file, page or channel, or this run may not see it.")
