"""`ionflux reindex` beside a server that serves, while people write."""

import asyncio
from collections import Counter
from typing import Any
from uuid import UUID

from sqlalchemy import delete, func, select

from storage.engine import Database
from storage.models import (
    CanvasBlock,
    ChatMessage,
    Comment,
    CommentThread,
    Event,
    MessageMention,
    Model,
    SearchEntry,
)
from tests.services.ionflux import Document, IonfluxServer, Person
from tests.waiting import until

LOST: tuple[type[Model], ...] = (
    CanvasBlock,
    ChatMessage,
    Comment,
    CommentThread,
    MessageMention,
    SearchEntry,
)
BUSY_AT_LEAST = 3


class Writing:
    """What somebody has written, by the tables that have it."""

    def __init__(self, author: Person) -> None:
        self.ids: dict[type[Model], list[str]] = {
            CanvasBlock: [],
            ChatMessage: [],
            CommentThread: [],
            Comment: [],
        }
        self._author = author

    async def add_block(self, page: Document) -> None:
        made = await self._author.post(f"/v1/pages/{page.id}/blocks", {"type": "text"})
        self.ids[CanvasBlock].append(made["id"])

    async def say(self, channel: Document) -> None:
        text = f"Hi @[Ann]({self._author.principal_id})"
        made = await self._author.post(f"/v1/channels/{channel.id}/messages", {"content": {"text": text}})
        self.ids[ChatMessage].append(made["message"]["id"])

    async def comment(self, page: Document) -> None:
        made = await self._author.post(f"/v1/pages/{page.id}/comments", {"text": "Why?"})
        self.ids[CommentThread].append(made["thread"]["id"])
        self.ids[Comment].append(made["comment"]["id"])


async def followed(database: Database, writing: Writing) -> dict[str, Any]:
    """Wait until the tables have each thing as often as it was written, and what is found does; return
    counts of what else there is."""

    async def look() -> dict[str, Any] | None:
        async with database.read() as uow:
            for model, ids in writing.ids.items():
                found = await uow.session.scalars(select(model.__table__.c.id))
                if sorted(map(str, found)) != sorted(ids):
                    return None
            mentions = await uow.session.scalar(select(func.count()).select_from(MessageMention))
            entries = Counter(await uow.session.scalars(select(SearchEntry.kind)))
        return {"mentions": mentions, **entries}

    return await until(look)


async def posted(database: Database, workspace_id: str) -> list[str]:
    """Return the messages that events have told of."""
    async with database.read() as uow:
        head = await uow.events.head(UUID(workspace_id))
        events: list[Event] = list(await uow.events.of_types(UUID(workspace_id), 0, head, ["message.posted"]))
    return [event.payload["message_id"] for event in events]


async def test_rows_that_were_lost_are_made_anew_beside_a_server_that_is_written_to(
    own_ionflux: IonfluxServer,
):
    ann = await own_ionflux.person("Ann")
    workspace = await ann.workspace()
    # What nobody writes to while it is read has its rows from the command alone.
    quiet, busy = [
        (await ann.page(workspace, name), await ann.channel(workspace, name)) for name in ("quiet", "busy")
    ]
    writing, is_over, has_begun = Writing(ann), asyncio.Event(), asyncio.Event()
    for page, channel in (quiet, busy):
        for _ in range(5):
            await writing.add_block(page)
            await writing.say(channel)
            await writing.comment(page)

    async def write_on() -> None:
        while not is_over.is_set():
            await writing.add_block(busy[0])
            await writing.say(busy[1])
            has_begun.set()

    async with Database(own_ionflux.database_url) as database:
        await followed(database, writing)
        async with database.transaction() as uow:
            for model in LOST:
                await uow.session.execute(delete(model))
        before = len(writing.ids[ChatMessage])
        task = asyncio.create_task(write_on())
        await has_begun.wait()
        code, said = await own_ionflux.run("reindex")
        is_over.set()
        await task
        assert code == 0, said
        assert "6 documents and 2 other things were read anew." in said
        assert len(writing.ids[ChatMessage]) - before >= BUSY_AT_LEAST, "nobody wrote meanwhile"
        found = await followed(database, writing)
        assert found["mentions"] == found["message"] == len(writing.ids[ChatMessage])
        assert found["comment"] == len(writing.ids[Comment])
        assert sorted(await posted(database, workspace)) == sorted(writing.ids[ChatMessage])
