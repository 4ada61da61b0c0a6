"""Finds by its id what may have been written just now: the rows that say where it is follow the documents."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from server.errors import NotFoundError, OverloadedError
from server.routing import ReaderCall

T = TypeVar("T")


async def find_written(call: ReaderCall, kind: str, id_: UUID | str, find: Callable[[], Awaitable[T]]) -> T:
    """Return what a function finds, in the rows or by them, of something in a document of a kind.

    What it does not find it looks for once more when the rows have all that such documents have at this
    moment: so nothing is said not to be there because the server is late. Raises what the function raises,
    and OverloadedError where that takes too long.
    """
    catching_up = call.services.catching_up
    if isinstance(id_, UUID):
        await catching_up.catch_up_with(id_)
    try:
        return await find()
    except NotFoundError:
        if not catching_up.may_lack(str(id_)):
            raise
    try:
        await catching_up.catch_up_all(kind, call.caller)
    except OverloadedError as late:
        with suppress(NotFoundError):  # it may be in what has followed
            return await find()
        raise late
    return await find()
