"""From a document's log to what has to be written. Joins the core and the schemas; runs in the child."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import pycrdt

from blocks.comment_rows import RemarkRow, comment_changes
from blocks.rows import BlockRow, Changes, Known, MessageRow, channel_changes, page_changes
from crdt.document import LiveDocument
from crdt.errors import DocumentDamaged
from crdt.poison import is_fault

T = TypeVar("T")


def read_page(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[BlockRow]:
    """Compare a page with what the tables have of it. Raises DocumentDamaged."""
    return _read(snapshot, rows, partial(page_changes, known=known))


def read_channel(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[MessageRow]:
    """Compare a channel with what the tables have of it. Raises DocumentDamaged."""
    return _read(snapshot, rows, partial(channel_changes, known=known))


def read_comments(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[RemarkRow]:
    """Compare the comments on a page with what the tables have of them. Raises DocumentDamaged."""
    return _read(snapshot, rows, partial(comment_changes, known=known))


def _read(snapshot: bytes | None, rows: Sequence[bytes], read: Callable[[pycrdt.Doc[Any]], T]) -> T:
    document = LiveDocument(snapshot, rows)
    try:
        return document.read(read)
    except BaseException as error:
        raise damage_of(error) from error


def damage_of(error: BaseException) -> BaseException:
    """Return what a failure to read means: a Rust panic is no reason to end the process."""
    return DocumentDamaged("The document cannot be read.") if is_fault(error) else error
