"""Blocks of pages: read as they are committed in the page's document, written as a peer writes there.

Every answer has a `base`, which says what its reader has seen; a change that brings it back is made on the
document as it was then, and merged with what others did since.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Any, Literal, cast
from uuid import UUID

import msgspec
import pycrdt
from msgspec import UNSET, Meta, UnsetType

from blocks.errors import UnknownBlockError, UnreadableBlockError
from blocks.overlaps import find_changes, find_overlaps
from blocks.page import (
    NO_BLOCK,
    PLACE_FIELDS,
    Block,
    Condition,
    Entry,
    Place,
    find,
    read_block,
    read_entries,
)
from blocks.page_edits import (
    After,
    Stamp,
    add_block,
    change_block,
    copy_block,
    delete_block,
    duplicate_block,
    purge,
    restore_block,
)
from server.documents.base import PATTERN
from server.errors import ConflictError, FieldError, InvalidError
from server.rest.block_gate import InPage, find_block, find_open_page
from server.rest.document_fields import BaseText, Receipt, Seen, show_receipt, show_seen
from server.rest.fields import Slice, read_cursor, write_cursor
from server.rest.gate import find_page
from server.rest.pages import document_of
from server.routing import ReaderCall, Routes, UserCall
from storage.models import Page

routes = Routes("Blocks")

TRASH_DAYS = 30
"""How long a deleted block can be restored before the page's next deletion takes it out of the document."""

CONTENT_COST = 4
"""What a byte of a content costs to be written, in bytes that are only read."""

BlockPath = Annotated[str, Meta(pattern="^[A-Za-z0-9_.:-]{1,100}$")]
BlockId = Annotated[str, Meta(min_length=1, max_length=100)]
Behind = Annotated[BlockId, Meta(description="The block to stand behind; null for the first place.")]
Coordinate = Annotated[int, Meta(ge=-(10**9), le=10**9)]
Length = Annotated[int, Meta(ge=0, le=10**9)]
Kind = Literal[
    "text",
    "chat_bubble",
    "agent_snippet",
    "embed_panel",
    "table_view",
    "kanban_board",
    "image",
    "video",
    "shopify_product",
    "tiktok_post",
]
Content = Annotated[
    dict[str, Any],
    Meta(
        description="By type. Rich text (`doc`) is a ProseMirror document; tables and boards have their "
        "columns, rows and cards as members of objects; `after` in one is the id of the one before, or null."
    ),
]
Cursor = tuple[bool, str, str]


class BlockFault(msgspec.Struct, frozen=True):
    """What somebody has written into a block that does not fit, and where."""

    path: str
    detail: str


class BlockAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A block. `unreadable`: of a type or version that is not known here; `content` is what lies there."""

    id: str
    page_id: UUID
    type: str
    schema_version: int
    position_x: int
    position_y: int
    width: int
    height: int
    z_index: int
    order: Annotated[str, Meta(description="Blocks are sorted by it, byte by byte.")] | None
    created_at: str | None
    created_by: str | None
    updated_at: Annotated[
        datetime | None,
        Meta(description="When it was last written to, as its row has it: that follows within a second."),
    ]
    deleted_at: str | None
    deleted_by: str | None
    content: Content
    condition: Condition
    faults: list[BlockFault]


class BlockReading(BlockAnswer, frozen=True, kw_only=True):
    """A block, and the moment of its document."""

    seen: Seen


class BlockWritten(BlockReading, frozen=True, kw_only=True):
    """A block after a change that is committed."""

    receipt: Receipt
    overlaps: Annotated[
        list[str], Meta(description="What others have changed too since `base`: merged, worth a look.")
    ]


class BlockMoved(BlockWritten, frozen=True, kw_only=True):
    """A block where it went on; `receipt` is of the page that it is in now."""

    source_receipt: Annotated[
        Receipt | None,
        Meta(description="Of the page that it has left, where it is marked; null: it stays in its page."),
    ]


class BlockList(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a page's blocks, in document order."""

    items: list[BlockAnswer]
    next_cursor: Annotated[str, Meta(description="Asks for what follows.")] | None
    seen: Seen


class BlockSlice(Slice, frozen=True, forbid_unknown_fields=True):
    """Which part of a page's blocks is wanted."""

    is_deleted: Annotated[bool, Meta(description="Those in the page's trash instead.")] = False


class NewBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A block to add; without `after` it becomes the last one."""

    type: Kind
    content: Content = {}
    position_x: Coordinate = 0
    position_y: Coordinate = 0
    width: Length = 640
    height: Length = 240
    z_index: Coordinate = 0
    after: Behind | UnsetType | None = UNSET


class BlockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. `content` is a JSON merge patch (RFC 7396): null takes away."""

    content: Content | UnsetType = UNSET
    position_x: Coordinate | UnsetType = UNSET
    position_y: Coordinate | UnsetType = UNSET
    width: Length | UnsetType = UNSET
    height: Length | UnsetType = UNSET
    z_index: Coordinate | UnsetType = UNSET
    after: Behind | UnsetType | None = UNSET
    base: BaseText | None = None


class BlockDeletion(InPage, frozen=True, forbid_unknown_fields=True):
    """Which block goes, and what its caller saw of it."""

    base: (
        Annotated[
            str,
            Meta(
                pattern=PATTERN,
                description="What you saw: `base` of an answer. The block is deleted as it is now, and "
                "`overlaps` tells what others changed in it since.",
            ),
        ]
        | None
    ) = None


class BlockMove(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The page of the same workspace where the block goes on; without `after` it comes last there."""

    page_id: UUID
    after: Behind | UnsetType | None = UNSET


@routes.get("/v1/pages/{page_id}/blocks", "pages.read", refuses=(503,))
async def list_blocks(call: ReaderCall, page_id: UUID, query: BlockSlice) -> BlockList:
    """List the blocks of a page in document order, as they are committed now."""
    async with call.services.database.read() as uow:
        page = await find_page(call, uow, page_id, "pages.read")
    after = read_cursor(query, Cursor)

    def read(doc: pycrdt.Doc[Any]) -> tuple[list[Block], list[Entry]]:
        entries = [entry for entry in read_entries(doc) if entry.is_deleted == query.is_deleted]
        entries = [entry for entry in entries if after is None or entry.sort_key > after]
        return [read_block(doc, entry.id) for entry in entries[: query.limit]], entries

    (found, entries), base, state_vector = await call.services.documents.read(document_of(page), read)
    has_more = len(entries) > query.limit
    times = await _times_of(call, page, found)
    return BlockList(
        items=[BlockAnswer(**_fields(page, block, times)) for block in found],
        next_cursor=write_cursor(entries[query.limit - 1].sort_key) if has_more else None,
        seen=show_seen(document_of(page), base, state_vector),
    )


@routes.post("/v1/pages/{page_id}/blocks", "pages.write", status=201, refuses=(403, 409), idempotent=True)
async def create_block(call: UserCall, page_id: UUID, body: NewBlock) -> BlockWritten:
    """Add a block to a page. Answers when that is committed."""
    page = await find_open_page(call, page_id)
    block_id = str(call.services.database.new_id())
    place = Place(body.position_x, body.position_y, body.width, body.height, body.z_index)

    add = partial(
        add_block,
        block_id=block_id,
        type_=body.type,
        content=body.content,
        stamp=_stamp(call),
        place=place,
        after=body.after,
    )
    return await _write(call, page, block_id, add, cost=_cost_of(body.content))


@routes.get("/v1/blocks/{block_id}", "pages.read", refuses=(409, 503))
async def get_block(call: ReaderCall, block_id: BlockPath, query: InPage) -> BlockReading:
    """Return a block, in its page's trash or not."""
    page, _ = await find_block(call, block_id, query, "pages.read")
    return BlockReading(**await _read(call, page, block_id))


@routes.patch("/v1/blocks/{block_id}", "pages.write", refuses=(403, 409))
async def change_one_block(
    call: UserCall, block_id: BlockPath, query: InPage, body: BlockChange
) -> BlockWritten:
    """Change a block's place, order or content; only what differs is written."""
    page, block = await find_block(call, block_id, query, "pages.write", to_write=True)
    if body.base is None:
        _refuse_deleted(block)
    sent = {name: getattr(body, key) for name, key in PLACE_FIELDS.items()}
    place = {name: value for name, value in sent.items() if value is not UNSET}
    patch = None if body.content is UNSET else body.content

    change = partial(_change, block_id=block_id, place=place, after=body.after, patch=patch)
    cost = _cost_of(patch) + _cost_of(block.content) if patch else 0
    return await _write(call, page, block_id, change, base=body.base, cost=cost)


@routes.delete("/v1/blocks/{block_id}", "pages.write", status=200, refuses=(403, 409, 422))
async def delete_one_block(call: UserCall, block_id: BlockPath, query: BlockDeletion) -> BlockWritten:
    """Put a block into its page's trash, where it can be restored for thirty days. Again changes nothing.

    What is no block at all is taken out: the page's history has it.
    """
    page, block = await find_block(call, block_id, query, "pages.write", to_write=True)
    seen: Block | None = None
    if query.base is not None:
        seen = await call.services.documents.read_at(
            document_of(page), query.base, partial(read_block, block_id=block_id), field="query.base"
        )
    stamp = _stamp(call)
    deadline = (call.services.clock() - timedelta(days=TRASH_DAYS)).isoformat()
    met = block

    # Not made on the base: what was in the trash then, and is not any more, would be purged.
    def delete(doc: pycrdt.Doc[Any]) -> None:
        nonlocal met
        met = read_block(doc, block_id)
        if not met.is_deleted:
            purge(doc, deleted_before=deadline)
            delete_block(doc, block_id, stamp=stamp)

    deleted = msgspec.structs.replace(block, is_deleted=True, deleted_at=stamp.at, deleted_by=stamp.by)
    written = await _write(call, page, block_id, delete, gone=deleted if NO_BLOCK in block.faults else None)
    return written if seen is None else msgspec.structs.replace(written, overlaps=_changes(seen, met))


@routes.post("/v1/blocks/{block_id}/restore", "pages.write", refuses=(403, 409))
async def restore_one_block(call: UserCall, block_id: BlockPath, query: InPage) -> BlockWritten:
    """Take a block out of its page's trash, with what was written into it meanwhile."""
    page, _ = await find_block(call, block_id, query, "pages.write", to_write=True)
    return await _write(call, page, block_id, lambda doc: restore_block(doc, block_id))


@routes.post(
    "/v1/blocks/{block_id}/duplicate", "pages.write", status=201, refuses=(403, 409), idempotent=True
)
async def duplicate_one_block(call: UserCall, block_id: BlockPath, query: InPage) -> BlockWritten:
    """Add a copy of a block right behind it, whatever it is and contains."""
    page, block = await find_block(call, block_id, query, "pages.write", to_write=True)
    _refuse_deleted(block)
    copy_id = str(call.services.database.new_id())
    stamp = _stamp(call)
    return await _write(call, page, copy_id, lambda doc: duplicate_block(doc, block_id, copy_id, stamp=stamp))


@routes.post("/v1/blocks/{block_id}/move", "pages.write", refuses=(403, 409))
async def move_block(call: UserCall, block_id: BlockPath, query: InPage, body: BlockMove) -> BlockMoved:
    """Let a block go on in another page of the workspace, under its id.

    It is first marked as moved in its page, then written into the other one: cut off in between, it is in the
    trash of its page, and moving it again ends what was begun.
    """
    page, block = await find_block(call, block_id, query, "pages.write", to_write=True)
    if NO_BLOCK in block.faults:
        raise UnreadableBlockError("What is in the page under this id is no block.")
    if block.moved_to != str(body.page_id):
        _refuse_deleted(block)
    if body.page_id == page.id:
        stayed = await _write(call, page, block_id, lambda doc: _reorder(doc, block_id, body.after))
        return BlockMoved(**msgspec.structs.asdict(stayed), source_receipt=None)
    target = await find_open_page(call, body.page_id, "body.page_id", workspace_id=page.workspace_id)
    await _check_after(call, target, body.after)
    stamp = _stamp(call)
    scratch = pycrdt.Doc[Any]()

    def take(doc: pycrdt.Doc[Any]) -> None:
        if not block.is_deleted:
            delete_block(doc, block_id, stamp=stamp, moved_to=str(target.id))
        scratch.apply_update(doc.get_update())

    taken = await call.services.documents.write(document_of(page), await call.principal(), take)

    def put(doc: pycrdt.Doc[Any]) -> None:
        moved = find(scratch, block_id)
        assert isinstance(moved, pycrdt.Map)
        copy_block(cast("pycrdt.Map[Any]", moved), doc, block_id, after=body.after)

    arrived = await _write(call, target, block_id, put)
    source_receipt = show_receipt(document_of(page), taken.position, taken.state_vector)
    return BlockMoved(**msgspec.structs.asdict(arrived), source_receipt=source_receipt)


def _change(doc: pycrdt.Doc[Any], block_id: str, **changes: Any) -> tuple[Block, Block]:
    """Change a block; return it as it was and as it is."""
    before = read_block(doc, block_id)
    change_block(doc, block_id, **changes)
    return before, read_block(doc, block_id)


def _cost_of(content: Content | None) -> int:
    """Return what writing a content costs: a rich text of many short paragraphs costs the most."""
    return len(msgspec.json.encode(content)) * CONTENT_COST


def _reorder(doc: pycrdt.Doc[Any], block_id: str, after: After) -> None:
    if after is UNSET:
        others = [entry.id for entry in read_entries(doc) if not entry.is_deleted and entry.id != block_id]
        after = others[-1] if others else None
    change_block(doc, block_id, after=after)


async def _check_after(call: UserCall, page: Page, after: After) -> None:
    if isinstance(after, str):
        (entries, _, _) = await call.services.documents.read(document_of(page), read_entries)
        if not any(entry.id == after and not entry.is_deleted for entry in entries):
            raise _no_such_place()


async def _write(
    call: UserCall,
    page: Page,
    block_id: str,
    change: Callable[["pycrdt.Doc[Any]"], tuple[Block, Block] | None],
    *,
    base: str | None = None,
    cost: int = 0,
    gone: Block | None = None,
) -> BlockWritten:
    """Let a function change the page's document; return the block as it is then, with the receipt.

    `gone` is shown where the change leaves nothing of it.
    """
    documents = call.services.documents
    name = document_of(page)

    look = partial(read_block, block_id=block_id)
    try:
        written = await documents.write(name, await call.principal(), change, base=base, look=look, cost=cost)
    except UnknownBlockError as error:
        if error.args == (block_id,):
            raise
        raise _no_such_place() from error
    documents.index.note(block_id, page.id)
    overlaps: list[str] = []
    if written.result is not None and written.met is not None:
        overlaps = _overlaps(*written.result, written.met)
    return BlockWritten(
        **await _read(call, page, block_id, gone),
        receipt=show_receipt(name, written.position, written.state_vector),
        overlaps=overlaps,
    )


def _overlaps(before: Block, mine: Block, theirs: Block) -> list[str]:
    found = [
        path
        for name, path in (("place", "place"), ("order", "order"), ("is_deleted", "deleted_at"))
        if getattr(before, name) not in (getattr(mine, name), getattr(theirs, name))
    ]
    if theirs.is_deleted and not before.is_deleted:
        found.append("deleted_at")
    return found + find_overlaps(before.content, mine.content, theirs.content)


def _changes(before: Block, now: Block) -> list[str]:
    """Return what of a block is not as it was, by the names that `_overlaps` has for it."""
    found = [
        path
        for name, path in (("place", "place"), ("order", "order"), ("is_deleted", "deleted_at"))
        if getattr(before, name) != getattr(now, name)
    ]
    return found + find_changes(before.content, now.content)


async def _read(call: ReaderCall, page: Page, block_id: str, gone: Block | None = None) -> dict[str, Any]:
    name = document_of(page)
    block, base, state_vector = await call.services.documents.read(
        name, lambda doc: gone or read_block(doc, block_id)
    )
    times = await _times_of(call, page, [block])
    return {**_fields(page, block, times), "seen": show_seen(name, base, state_vector)}


async def _times_of(call: ReaderCall, page: Page, blocks: Sequence[Block]) -> Mapping[str, datetime]:
    """Return when blocks were last written to, of those that have a row."""
    async with call.services.database.read() as uow:
        return await uow.projected_blocks.times(page.id, [block.id for block in blocks])


def _fields(page: Page, block: Block, times: Mapping[str, datetime]) -> dict[str, Any]:
    return {
        "id": block.id,
        "page_id": page.id,
        "type": block.type,
        "schema_version": block.schema_version,
        **{key: getattr(block.place, name) for name, key in PLACE_FIELDS.items()},
        "order": block.order,
        "created_at": block.created_at,
        "created_by": block.created_by,
        "updated_at": times.get(block.id),
        "deleted_at": block.deleted_at,
        "deleted_by": block.deleted_by,
        "content": block.content,
        "condition": block.condition,
        "faults": [BlockFault(fault.path, fault.detail) for fault in block.faults],
    }


def _stamp(call: UserCall) -> Stamp:
    return Stamp(call.services.clock().isoformat(), call.actor)


def _refuse_deleted(block: Block) -> None:
    if block.is_deleted:
        raise ConflictError("The block is in its page's trash: restore it first.", code="block_trashed")


def _no_such_place() -> InvalidError:
    fault = FieldError("body.after", "No block of the page")
    return InvalidError(f"{fault.detail}.", code="invalid_reference", errors=(fault,))
