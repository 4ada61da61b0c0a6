"""Undo this run: what it did goes, in all documents, and what others did stays."""

import asyncio
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pycrdt
import pytest

from agents.marks import Marks, new_client_id
from blocks import channel, comments
from blocks.channel_content import Text
from blocks.page import blocks_of, read_blocks
from blocks.page_edits import Stamp, add_text_block, delete_block, write_meta
from crdt.ports import DocumentName, Principal
from server.background.retention import Retention
from server.bootstrap import Services
from server.collaboration import PageSuggester
from server.documents.companions import make_companion
from storage.models import RunDeed
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.runs import begin_run, end_run
from tests.server.test_blocks import Json, text_block
from tests.server.test_blocks import join as join_workspace
from tests.server.test_collaborators import join, lines, paragraph, pieces
from tests.server.test_versions import open_as
from tests.waiting import until

STAMP = Stamp("2026-11-29T00:00:00Z", "agent:x")


@pytest.fixture
async def page(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
async def block(ann: Api, page: Json) -> str:
    return (await text_block(ann, f"/v1/pages/{page['id']}/blocks", "one", "two"))["id"]


async def undo(person: Api, run: Principal, status: int = 200) -> Json:
    answer = await person.post(f"/v1/runs/{run.run_id}/undo")
    assert answer.status_code == status, answer.text
    return answer.json()


async def shown(person: Api, page: Json) -> str:
    return (await person.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]


async def write(services: Services, run: Principal, page: Json, block: str) -> None:
    """Let a run type, change what others wrote, add a block and take one away."""
    async with join(services, run, page) as agent:
        await agent.type_into(block, pieces("From the agent"))

        def change(doc: pycrdt.Doc[Any]) -> None:
            text = blocks_of(doc)[block]["content"]["doc"].children[0].children[0]
            del text[0:2]
            text.insert(0, "ON")
            add_text_block(doc, "agents-block", ["Made by the agent"], stamp=STAMP)
            write_meta(doc, title="Renamed")

        await agent.edit(change, waits=False)


async def test_what_a_run_did_is_undone_and_what_others_did_stays(
    services: Services, ann: Api, bob: Api, workspace: str, page: Json, block: str, clock: Clock
):
    async def is_named(title: str) -> bool:  # its row follows its document
        return (await ann.get(f"/v1/pages/{page['id']}")).json()["title"] == title

    await join_workspace(ann, workspace, bob)
    run = await begin_run(services, ann, workspace)
    await write(services, run, page, block)
    await until(partial(is_named, "Renamed"))
    await undo(ann, run, 409)  # it goes on
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["ONe", "two", "From the agent", "Made by the agent"]
        paragraph(person, block, 2).insert(5, "ANN")
        paragraph(person, block, 0).insert(3, "!")
        await person.saved()
    await end_run(services, run)
    # Anybody who may write there can, not only who started it.
    found = await undo(bob, run)
    assert [(one["document"], one["is_whole"]) for one in found["documents"]] == [(page["document"], True)]
    assert found["is_complete"]
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["one!", "two", "ANN"]

    await until(partial(is_named, "Plan"))
    # Once more is no harm.
    again = await undo(ann, run)
    assert [one["position"] for one in again["documents"]] == [None]
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["one!", "two", "ANN"]
    events = (await ann.get(f"{workspace}/events", params={"limit": 100})).json()["items"]
    undone = [event for event in events if event["type"] == "agent.run.undone"]
    assert undone[0]["actor"] == f"user:{bob.user['id']}"
    assert undone[0]["payload"]["run_id"] == run.run_id
    changes = (await ann.get(f"/v1/documents/{page['document']}/versions")).json()["items"]
    assert f"user:{bob.user['id']}" in changes[0]["authors"]


async def test_two_who_undo_a_run_at_once_undo_it_once(
    services: Services,
    ann: Api,
    bob: Api,
    workspace: str,
    page: Json,
    block: str,
    monkeypatch: pytest.MonkeyPatch,
):
    await join_workspace(ann, workspace, bob)
    run = await begin_run(services, ann, workspace)
    await write(services, run, page, block)
    await end_run(services, run)
    revert, has_begun, may_go_on = services.run_undo._revert, 0, asyncio.Event()  # pyright: ignore[reportPrivateUsage]

    async def revert_slowly(*args: Any) -> Any:
        nonlocal has_begun
        has_begun += 1
        found = await revert(*args)
        await may_go_on.wait()
        return found

    monkeypatch.setattr(services.run_undo, "_revert", revert_slowly)
    undoing = [asyncio.create_task(undo(person, run)) for person in (ann, bob)]
    await until(lambda: has_begun)
    await asyncio.wait(undoing, timeout=0.5)  # the second one waits, of which nothing tells
    assert has_begun == 1
    may_go_on.set()
    await asyncio.gather(*undoing)
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["one", "two"]


@pytest.mark.parametrize("has_ended_before", [True, False])
async def test_what_another_process_has_undone_is_not_undone_once_more(
    services: Services,
    ann: Api,
    workspace: str,
    page: Json,
    block: str,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_ended_before: bool,
):
    run = await begin_run(services, ann, workspace)
    await write(services, run, page, block)
    await end_run(services, run)
    name = page["document"]
    client_id = new_client_id(Marks(f"undo:{run.author}", name).next())
    principal = f"user:{ann.user['id']}"
    async with open_as(services, ann, name) as person:
        other: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
        other.apply_update(person.doc.get_update())
    before = other.get_state()
    text = blocks_of(other)[block]["content"]["doc"].children[0].children[0]
    del text[0:2]
    text.insert(0, "on")
    async with services.database.transaction() as uow:
        await uow.client_ids.bind({name: [(client_id, principal, True)]})
    look, is_here = services.hub.look, False

    async def hear_of_it() -> None:
        nonlocal is_here
        if not (is_here or has_ended_before):
            is_here = True
            await services.update_log.append(name, [(other.get_update(before), principal)])
        await look()

    monkeypatch.setattr(services.hub, "look", hear_of_it)
    await undo(ann, run)
    async with open_as(services, ann, name) as person:
        assert lines(person) == ["one", "two"]


async def test_a_run_is_undone_after_its_rows_were_pruned(
    services: Services, ann: Api, workspace: str, page: Json, block: str, clock: Clock
):
    run, other = [await begin_run(services, ann, workspace) for _ in range(2)]
    await write(services, run, page, block)
    async with join(services, other, page, step_id="other:1") as agent:
        await agent.type_into(block, pieces("From another agent"))
    await end_run(services, run)
    clock.forward(days=60)
    retention = Retention(services.database, services.update_log, services.offload, history_days=30)
    assert await retention.prune_all() > 0
    clock.forward(days=-60)  # as long as people stay signed in
    async with services.database.read() as uow:
        document = await uow.documents.get(page["document"])
        assert document is not None
        assert not await uow.run_deeds.positions_of(document.id, run.author)
        kept: list[RunDeed] = list(await uow.run_deeds.kept_of(document.id, run.author))
        assert len(kept) == 1
        assert kept[0].past is not None
        (typed_only,) = await uow.run_deeds.kept_of(document.id, other.author)
        assert typed_only.past is None
    async with open_as(services, ann, page["document"]) as person:
        paragraph(person, block, 0).insert(3, "!")
        await person.saved()
    await undo(ann, run)
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["one!", "two", "From another agent"]
    await end_run(services, other)
    await undo(ann, other)
    async with open_as(services, ann, page["document"]) as person:
        assert lines(person) == ["one!", "two"]


async def test_messages_comments_and_suggestions_of_a_run_go(
    services: Services, ann: Api, workspace: str, page: Json
):
    run = await begin_run(services, ann, workspace)
    general = await ann.made(f"{workspace}/channels", {"name": "general"})
    async with services.database.read() as uow:
        ids = [str(uow.new_id()) for _ in range(4)]
        now = uow.now.isoformat().replace("+00:00", "Z")
    async with services.hub.join(DocumentName(general["document"]), run) as replica:
        channel.post(
            replica.doc, ids[0], Text(text="Hi"), sender_id=run.id, sender_type="agent", created_at=now
        )
        channel.react(replica.doc, ids[0], "👍", run.id)
        channel.pin(replica.doc, ids[0], run.id)
        await replica.saved()
    await make_companion(services.database, f"comments:{page['id']}")
    async with services.hub.join(DocumentName(f"comments:{page['id']}"), run) as replica:
        with replica.doc.transaction():
            comments.begin_thread(replica.doc, ids[1], comments.Anchor(), created_by=run.id, created_at=now)
            comments.add_comment(
                replica.doc,
                ids[2],
                ids[1],
                "Look here",
                author_id=run.id,
                author_type="agent",
                created_at=now,
            )
        await replica.saved()
    suggestion_id = await _suggest(services, run, page)
    await end_run(services, run)
    found = await undo(ann, run)
    assert len(found["documents"]) == 3
    assert found["is_complete"]
    async with open_as(services, ann, general["document"]) as person:
        message = channel.read_message(person.doc, ids[0])
        assert message is not None
        assert message.deleted
        assert not channel.read_reactions(person.doc)
        assert not channel.read_pins(person.doc)
    async with open_as(services, ann, f"comments:{page['id']}") as person:
        comment = comments.read_comment(person.doc, ids[2])
        assert comment is not None
        assert comment.deleted
    assert (await ann.get(f"/v1/suggestions/{suggestion_id}")).json()["status"] == "withdrawn"
    assert (await undo(ann, run))["is_complete"]


async def _suggest(services: Services, run: Principal, page: Json) -> UUID:
    def change(doc: pycrdt.Doc[Any]) -> None:
        add_text_block(doc, "suggested", ["Suggested"], stamp=STAMP)

    suggestion_id = uuid4()
    suggester = PageSuggester(services.database, services.suggestions)
    await suggester.make(page["document"], run, "A block", change, suggestion_id)
    return suggestion_id


async def test_whoever_may_not_write_everywhere_undoes_only_there(
    services: Services, ann: Api, bob: Api, workspace: str, page: Json, block: str
):
    await join_workspace(ann, workspace, bob, "guest")
    run = await begin_run(services, ann, workspace)
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    await write(services, run, page, block)
    async with join(services, run, other) as agent:
        await agent.edit(lambda doc: add_text_block(doc, "b", ["Other"], stamp=STAMP))
    await end_run(services, run)
    await undo(bob, run, 403)
    await ann.made(f"/v1/pages/{other['id']}/grants", {"email": "bob@example.com", "level": "write"})
    found = await undo(bob, run)
    assert [one["document"] for one in found["documents"]] == [other["document"]]
    assert not found["is_complete"]
    async with open_as(services, ann, page["document"]) as person:
        assert "From the agent" in lines(person)
    async with open_as(services, ann, other["document"]) as person:
        assert not list(read_blocks(person.doc))


async def test_a_block_that_a_run_put_into_the_trash_is_out_of_it(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    async with join(services, run, page) as agent:
        await agent.edit(lambda doc: delete_block(doc, block, stamp=STAMP), waits=False)
        assert not lines(agent.replica)
    await end_run(services, run)
    await undo(ann, run)
    assert "one" in await shown(ann, page)


@pytest.mark.parametrize("status", ["success", "error"])
async def test_a_run_that_wrote_nothing_has_nothing_to_undo(
    services: Services, ann: Api, workspace: str, status: Any
):
    run = await begin_run(services, ann, workspace)
    await end_run(services, run, status)
    assert await undo(ann, run) == {"run_id": run.run_id, "documents": [], "is_complete": True}
