"""Comments by stock clients on both wires: who may only comment does, and forges nothing."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pycrdt
import pytest

from blocks import comments
from blocks.comments import COMMENTS, THREADS, Anchor
from tests.clients.client import WIRES, NodeClient, Wire
from tests.e2e.test_forgery import change, maps, new_id, out
from tests.services.ionflux import Person
from tests.services.studio import Studio

pytestmark = pytest.mark.node


class Talk:
    """A page with a thread by its owner, somebody who may only comment, and somebody who may only read."""

    def __init__(self, studio: Studio, eve: Person, rob: Person, thread_id: str, comment_id: str) -> None:
        self.studio, self.eve, self.rob = studio, eve, rob
        self.name = f"comments:{studio.page.id}"
        self.thread_id, self.comment_id = thread_id, comment_id

    async def join(self, wire: Wire, person: Person, **options: Any) -> NodeClient:
        return await self.studio.join(wire, person, document=self.name, **options)

    async def read(self) -> dict[str, Any]:
        """Return the comments as somebody sees them who comes now."""
        fresh = await self.join("hocuspocus", self.studio.owner)
        doc = pycrdt.Doc[Any]()
        doc.apply_update(await fresh.update())
        await fresh.destroy()
        return {root: maps(doc, root).to_py() for root in (THREADS, COMMENTS)}


@pytest.fixture
async def talk(studio: Studio) -> Talk:
    people: list[Person] = []
    for name, level in (("Eve", "comment"), ("Rob", "read")):
        person = await studio.server.person(name)
        body = {"email": person.email, "level": level}
        await studio.owner.post(f"/v1/pages/{studio.page.id}/grants", body)
        people.append(person)
    begun = await studio.owner.post(f"/v1/pages/{studio.page.id}/comments", {"text": "Really?"})
    return Talk(studio, people[0], people[1], begun["thread"]["id"], begun["comment"]["id"])


def add(talk: Talk, doc: pycrdt.Doc[Any], author: Person, comment_id: str | None = None) -> None:
    comments.add_comment(
        doc,
        comment_id or str(new_id()),
        talk.thread_id,
        "Hello",
        author_id=author.principal_id,
        author_type="user",
        created_at=now(),
    )


def now() -> str:
    return datetime.now(UTC).isoformat()


def begin_as(doc: pycrdt.Doc[Any], author: Person) -> None:
    comments.begin_thread(doc, str(new_id()), Anchor(), created_by=author.principal_id, created_at=now())


FORGERIES: dict[str, Callable[[Talk, pycrdt.Doc[Any]], object]] = {
    "comment.author": lambda talk, doc: comments.delete_comment(doc, talk.comment_id),
    "comment.removal": lambda talk, doc: maps(doc, COMMENTS).pop(talk.comment_id),
    "thread.author": lambda talk, doc: begin_as(doc, talk.studio.owner),
    "thread.lasting": lambda talk, doc: maps(doc, THREADS)[talk.thread_id].update({"quote": "forged"}),
    "thread.resolution": lambda talk, doc: comments.resolve_thread(
        doc, talk.thread_id, resolved_by=talk.studio.owner.principal_id, resolved_at=now()
    ),
    "schema": lambda talk, doc: maps(doc, "blocks").update({"k": "v"}),
}


@pytest.mark.parametrize("wire", WIRES)
async def test_A6_who_may_only_comment_comments_live_and_forges_nothing(talk: Talk, wire: Wire) -> None:
    watcher = await talk.join("hocuspocus", talk.studio.owner, name="watcher")
    eve = await talk.join(wire, talk.eve, name="eve")
    own_id = str(new_id())
    honest: list[Callable[[pycrdt.Doc[Any]], object]] = [
        lambda doc: add(talk, doc, talk.eve, own_id),
        lambda doc: comments.edit_comment(doc, own_id, "Better", edited_at=now()),
        lambda doc: comments.resolve_thread(
            doc, talk.thread_id, resolved_by=talk.eve.principal_id, resolved_at=now()
        ),
        lambda doc: comments.reopen_thread(doc, talk.thread_id),
    ]
    for edit in honest:
        await eve.apply(await change(eve, edit))
    await watcher.has(await eve.update())
    await eve.destroy()
    before = await talk.read()
    assert before[COMMENTS][own_id]["text"] == "Better"

    for rule, forge in FORGERIES.items():
        eve = await talk.join(wire, talk.eve)
        await eve.apply(await change(eve, lambda doc, forge=forge: forge(talk, doc)))
        await out(eve, rule)
        await eve.destroy()
    assert await talk.read() == before
    talk.studio.clients.take_console()


@pytest.mark.parametrize("wire", WIRES)
async def test_A2_readers_of_a_page_read_its_comments_and_add_none(talk: Talk, wire: Wire) -> None:
    rob = await talk.join(wire, talk.rob, name="rob")
    await rob.apply(await change(rob, lambda doc: add(talk, doc, talk.rob)))
    await rob.refused()
    assert sorted((await talk.read())[COMMENTS]) == [talk.comment_id]
    talk.studio.clients.take_console()
