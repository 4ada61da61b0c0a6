"""From a document's log to what has to be written. Joins the core and the schemas; runs in the child."""

from collections.abc import Sequence
from typing import Any

import pycrdt

from blocks.comment_rows import RemarkRow, comment_changes
from blocks.rows import BlockRow, Changes, Known, MessageRow, channel_changes, page_changes
from crdt.errors import DocumentDamaged
from crdt.history import document_at
from crdt.poison import is_fault


def read_page(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[BlockRow]:
    """Compare a page with what the tables have of it. Raises DocumentDamaged."""
    doc = _open(snapshot, rows)
    try:
        return page_changes(doc, known)
    except BaseException as error:
        raise damage_of(error) from error


def read_channel(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[MessageRow]:
    """Compare a channel with what the tables have of it. Raises DocumentDamaged."""
    doc = _open(snapshot, rows)
    try:
        return channel_changes(doc, known)
    except BaseException as error:
        raise damage_of(error) from error


def read_comments(snapshot: bytes | None, rows: Sequence[bytes], known: Known) -> Changes[RemarkRow]:
    """Compare the comments on a page with what the tables have of them. Raises DocumentDamaged."""
    doc = _open(snapshot, rows)
    try:
        return comment_changes(doc, known)
    except BaseException as error:
        raise damage_of(error) from error


def _open(snapshot: bytes | None, rows: Sequence[bytes]) -> pycrdt.Doc[Any]:
    doc = pycrdt.Doc[Any]()
    doc.apply_update(document_at(snapshot, rows))
    return doc


def damage_of(error: BaseException) -> BaseException:
    """Return what a failure to read means: a Rust panic is no reason to end the process."""
    return DocumentDamaged("The document cannot be read.") if is_fault(error) else error
