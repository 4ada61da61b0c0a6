"""Runs of agents that write beside people: presence, typing, waiting, suggesting, and steps that repeat."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import msgspec
import pycrdt
import pytest
from sqlalchemy import select

from agents.collaborator import Change, Collaborator, Collaborators, Manners
from agents.errors import TextTooLongError
from agents.typist import MAX_CHARACTERS
from blocks.errors import UnknownBlockError
from blocks.page import Place, blocks_of, read_blocks
from blocks.page_edits import Stamp, add_text_block, change_block, delete_block
from crdt.awareness import Announcement
from crdt.errors import DocumentRefused
from crdt.peer import Replica
from crdt.ports import DocumentName, Principal
from server.bootstrap import Services
from server.collaboration import PageSuggester
from server.errors import ConflictError
from server.suggestions import Suggestions
from storage.models import Update
from tests.server.api import Api
from tests.server.runs import begin_run, end_run
from tests.server.test_blocks import Json, text_block
from tests.server.test_versions import open_as

AT_ONCE = Manners(tick_seconds=0, characters=10_000, quiet_seconds=0.3, wait_seconds=0.6)


class AStep(msgspec.Struct, frozen=True):
    principal: Principal
    step_id: str = "run:1"

    @property
    def run_id(self) -> UUID:
        assert self.principal.run_id is not None
        return UUID(self.principal.run_id)


class Interrupted(PageSuggester):
    """Is cut off once a suggestion is made, before anybody can say so in the document."""

    async def make(
        self, document: str, principal: Principal, note: str, change: Change, suggestion_id: UUID
    ) -> None:
        await super().make(document, principal, note, change, suggestion_id)
        raise asyncio.CancelledError


@pytest.fixture
async def page(ann: Api, workspace: str) -> Json:
    return await ann.made(f"{workspace}/pages", {"title": "Plan"})


@pytest.fixture
async def block(ann: Api, page: Json) -> str:
    return (await text_block(ann, f"/v1/pages/{page['id']}/blocks", "one", "two"))["id"]


@asynccontextmanager
async def join(
    services: Services,
    run: Principal,
    page: Json,
    manners: Manners = AT_ONCE,
    step_id: str = "run:1",
    suggester: type[PageSuggester] = PageSuggester,
) -> AsyncGenerator[Collaborator]:
    made = suggester(services.database, services.suggestions)
    collaborators = Collaborators(services.hub, made, manners)
    async with collaborators.join(AStep(run, step_id), page["document"]) as joined:
        yield joined


async def pieces(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        await asyncio.sleep(0)  # as a model, which lets others go on
        yield text


class Seen:
    """What somebody sees of the others in a document."""

    def __init__(self, replica: Replica) -> None:
        self.states: dict[int, Json] = {}
        self._changed = asyncio.Event()
        replica.watch(self._see)

    def _see(self, said: Sequence[Announcement]) -> None:
        for one in said:
            self.states.pop(one.client_id, None)
            if one.state:
                self.states[one.client_id] = msgspec.json.decode(one.state)
        self._changed.set()

    async def agent(self, is_it: Callable[[Json], bool]) -> Json:
        """Wait until an agent shows something."""
        return await self.until(lambda state: state["user"]["kind"] == "agent" and is_it(state))

    async def until(self, is_it: Callable[[Json], bool]) -> Json:
        """Wait until anybody shows something."""
        async with asyncio.timeout(10):
            while not (found := [state for state in self.states.values() if is_it(state)]):
                self._changed.clear()
                await self._changed.wait()
        return found[0]

    async def left(self) -> None:
        """Wait until no agent is there."""
        async with asyncio.timeout(10):
            while any(state["user"]["kind"] == "agent" for state in self.states.values()):
                self._changed.clear()
                await self._changed.wait()


def lines(replica: Replica) -> list[str]:
    return [line for block in read_blocks(replica.doc) for line in block.text.splitlines()]


def paragraph(replica: Replica, block: str, index: int) -> pycrdt.XmlText:
    return blocks_of(replica.doc)[block]["content"]["doc"].children[index].children[0]


def caret(replica: Replica, client_id: int, clock: int) -> None:
    """Show a caret, as y-prosemirror does."""
    end = {"type": None, "tname": None, "item": {"client": client_id, "clock": clock}, "assoc": 0}
    replica.announce({"cursor": {"anchor": end, "head": end}})


async def test_a_run_shows_what_it_does_and_for_whom(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    async with open_as(services, ann, page["document"]) as person:
        seen = Seen(person)
        async with join(services, run, page) as agent:
            state = await seen.agent(lambda state: state["status"] == "thinking")
            assert (state["user"]["name"], state["user"]["run_id"]) == ("Writer", run.run_id)
            assert (state["user"]["acts_for"], state["right"]) == (f"user:{ann.user['id']}", "write")
            agent.think("Reading the plan")
            await seen.agent(lambda state: state.get("text") == "Reading the plan")
            await agent.type_into(block, pieces("Hello"))
            state = await seen.agent(lambda state: state["status"] == "typing")
            assert state["block_id"] == block
            assert set(state["cursor"]) == {"anchor", "head"}
        await seen.left()


async def test_a_run_types_markdown_behind_what_is_there(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    slow = Manners(tick_seconds=0, characters=7, quiet_seconds=0.3)
    markdown = "# Title\n\nSome **bold** text.\n\n- a\n- b\n\n| x | y |\n|---|---|\n| 1 | 2 |\n\nEnd"
    async with join(services, run, page, slow) as agent:
        writing = await agent.type_into(block, pieces(*markdown))
    assert (writing.outcome, writing.result) == ("written", markdown)
    found = (await ann.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
    assert found.split("two\n\n")[1].strip() == (
        "# Title\n\nSome **bold** text.\n\n- a\n- b\n\n| x | y |\n| --- | --- |\n| 1 | 2 |\n\nEnd"
    )
    async with services.database.read() as uow:
        written = select(Update.author).where(Update.author.startswith("agent:")).distinct()
        assert (await uow.session.scalars(written)).all() == [run.author]


async def test_a_step_that_is_repeated_writes_nothing_twice(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    stamp = Stamp("2026-11-29T00:00:00Z", run.id)

    def rename(doc: pycrdt.Doc[Any]) -> str:
        change_block(doc, block, place={"x": 7})
        return "moved"

    def remove(doc: pycrdt.Doc[Any]) -> None:
        del blocks_of(doc)[block]["content"]["doc"].children[1]

    for expected in ("written", "repeated"):
        async with join(services, run, page) as agent:
            assert (await agent.edit(rename)).outcome == expected
            # What only deletes has its mark, too.
            assert (await agent.edit(remove)).outcome == expected
            assert (await agent.type_into(block, pieces("Hello"))).outcome == expected
            assert lines(agent.replica) == ["one", "Hello"]
    async with join(services, run, page, step_id="run:2") as agent:
        assert (await agent.edit(lambda doc: None)).outcome == "unchanged"
        with pytest.raises(UnknownBlockError):
            await agent.edit(lambda doc: delete_block(doc, "none", stamp=stamp))
        with pytest.raises(UnknownBlockError):
            await agent.type_into("none", pieces("Hello"))


async def test_what_was_left_half_typed_is_typed_anew_and_others_words_in_it_stay(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)

    async def cut_off() -> AsyncIterator[str]:
        yield "First line\n\nSecond, begun"
        raise ConnectionError

    async with join(services, run, page) as agent:
        with pytest.raises(ConnectionError):
            await agent.type_into(block, cut_off())
        assert lines(agent.replica) == ["one", "two", "First line", "Second, begun"]
    async with open_as(services, ann, page["document"]) as person:
        paragraph(person, block, 2).insert(5, "ANN")
        await person.saved()
    async with join(services, run, page) as agent:
        await agent.type_into(block, pieces("First line\n\nSecond, ended"))
        assert lines(agent.replica) == ["one", "two", "ANN", "First line", "Second, ended"]


async def test_a_run_waits_for_whoever_writes_in_its_paragraph(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    patient = Manners(tick_seconds=0, characters=10_000, quiet_seconds=0.2, wait_seconds=30)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hello"
        begun.set()
        await go_on.wait()
        yield " world"

    async with (
        open_as(services, ann, page["document"]) as person,
        join(services, run, page, patient) as agent,
    ):
        seen = Seen(person)
        typing = asyncio.create_task(agent.type_into(block, text()))
        state = await seen.agent(lambda state: state["status"] == "typing")
        item = state["cursor"]["head"]["item"]
        caret(person, item["client"], item["clock"])
        go_on.set()
        await seen.agent(lambda state: state["status"] == "waiting")
        paragraph(person, block, 2).insert(0, "Ann: ")
        await person.saved()
        assert lines(agent.replica)[2] == "Ann: Hello"
        person.announce({"cursor": None})
        assert (await typing).outcome == "written"
        assert lines(agent.replica)[2] == "Ann: Hello world"


async def suggestions(ann: Api, page: Json) -> list[Json]:
    return (await ann.get(f"/v1/pages/{page['id']}/suggestions")).json()["items"]


@pytest.mark.parametrize("is_cut_off", [False, True])
async def test_whoever_stays_gets_a_suggestion_instead(
    services: Services, ann: Api, workspace: str, page: Json, block: str, is_cut_off: bool
):
    run = await begin_run(services, ann, workspace)
    go_on = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hello"
        await go_on.wait()
        yield " world\n\nAnd more"

    suggester = Interrupted if is_cut_off else PageSuggester
    async with (
        open_as(services, ann, page["document"]) as person,
        join(services, run, page, suggester=suggester) as agent,
    ):
        seen = Seen(person)
        typing = asyncio.create_task(agent.type_into(block, text(), note="The rest"))
        state = await seen.agent(lambda state: state["status"] == "typing")
        item = state["cursor"]["head"]["item"]
        caret(person, item["client"], item["clock"])
        paragraph(person, block, 2).insert(5, "!")
        await person.saved()
        go_on.set()
        if is_cut_off:
            with pytest.raises(asyncio.CancelledError):
                await typing
            async with join(services, run, page) as again:
                writing = await again.type_into(block, text())
        else:
            writing = await typing
        assert writing.outcome == "suggested"
        assert lines(person) == ["one", "two", "Hello!"]
        suggestion = (await ann.get(f"/v1/suggestions/{writing.suggestion_id}")).json()
        assert (suggestion["note"], suggestion["created_by"]) == ("The rest", run.id)
        accepted = await ann.post(f"/v1/suggestions/{writing.suggestion_id}/accept", {})
        assert accepted.status_code == 200, accepted.text
        found = (await ann.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"].split("\n\n")
        assert [line.strip() for line in found[-4:]] == ["one", "two", found[-2], "And more"]
        assert sorted(found[-2].replace("\\", "")) == sorted("Hello! world")
    async with join(services, run, page) as agent:
        assert (await agent.type_into(block, text())).outcome == "repeated"


async def test_an_edit_waits_for_whoever_is_in_what_it_changes(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    document = page["document"]
    async with (
        open_as(services, ann, document) as person,
        open_as(services, ann, document) as other,
        join(services, run, page) as agent,
    ):
        paragraph(person, block, 0).insert(0, "A")
        await person.saved()
        await agent.replica.reached(person.doc.get_state())
        caret(person, person.doc.client_id, 0)
        await Seen(other).until(lambda state: "cursor" in state)

        def say(index: int, text: str) -> Callable[[pycrdt.Doc[Any]], object]:
            def change(doc: pycrdt.Doc[Any]) -> None:
                blocks_of(doc)[block]["content"]["doc"].children[index].children[0].insert(0, text)

            return change

        # Another paragraph of the same block is free.
        assert (await agent.edit(say(1, "Agent: "))).outcome == "written"
        writing = await agent.edit(say(0, "Agent: "), note="Meanwhile")
        assert writing.outcome == "suggested"
        assert lines(agent.replica) == ["Aone", "Agent: two"]
        person.announce(None)
        async with asyncio.timeout(10):
            while (await agent.edit(say(0, "Agent: "))).outcome != "written":
                pass
        assert lines(agent.replica) == ["Agent: Aone", "Agent: two"]


async def test_a_crash_behind_a_suggestion_makes_no_second_one_and_no_edit(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)

    def change(doc: pycrdt.Doc[Any]) -> None:
        blocks_of(doc)[block]["content"]["doc"].children[0].children[0].insert(0, "Agent: ")

    document = page["document"]
    async with open_as(services, ann, document) as person, open_as(services, ann, document) as other:
        async with join(services, run, page, suggester=Interrupted) as agent:
            paragraph(person, block, 0).insert(0, "A")
            await person.saved()
            await agent.replica.reached(person.doc.get_state())
            caret(person, person.doc.client_id, 0)
            await Seen(other).until(lambda state: "cursor" in state)
            with pytest.raises(asyncio.CancelledError):
                await agent.edit(change)
        person.announce(None)  # nobody is in the way any more
        (made,) = await suggestions(ann, page)
        for outcome, suggestion_id in (("suggested", made["id"]), ("repeated", None)):
            async with join(services, run, page) as agent:
                writing = await agent.edit(change)
            assert (writing.outcome, writing.suggestion_id and str(writing.suggestion_id)) == (
                outcome,
                suggestion_id,
            )
        assert lines(person) == ["Aone", "two"]
        assert await suggestions(ann, page) == [made]


class Typing:
    """A text that an agent has typed half of, and that goes on when it is told to."""

    def __init__(self) -> None:
        self.go_on = asyncio.Event()

    async def text(self) -> AsyncIterator[str]:
        yield "Hello"
        await self.go_on.wait()
        yield " world"


async def test_a_block_that_is_moved_on_its_page_gets_the_rest_of_the_text(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run, typing = await begin_run(services, ann, workspace), Typing()
    below = await text_block(ann, f"/v1/pages/{page['id']}/blocks", "below")
    async with open_as(services, ann, page["document"]) as person, join(services, run, page) as agent:
        seen = Seen(person)
        task = asyncio.create_task(agent.type_into(block, typing.text()))
        await seen.agent(lambda state: state["status"] == "typing")
        change_block(person.doc, block, after=below["id"])
        await person.saved()
        typing.go_on.set()
        assert (await task).outcome == "written"
    markdown = (await ann.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
    said = [line for line in markdown.splitlines() if line and not line.startswith("<!--")]
    assert said == ["below", "one", "two", "Hello world"]


@pytest.mark.parametrize("is_moved", [False, True])
async def test_typing_stops_in_a_block_that_is_deleted_or_goes_on_elsewhere(
    services: Services, ann: Api, workspace: str, page: Json, block: str, is_moved: bool
):
    run, typing = await begin_run(services, ann, workspace), Typing()
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    async with open_as(services, ann, page["document"]) as person:
        seen = Seen(person)
        async with join(services, run, page) as agent:
            task = asyncio.create_task(agent.type_into(block, typing.text()))
            await seen.agent(lambda state: state["status"] == "typing")
            if is_moved:
                moved = await ann.post(f"/v1/blocks/{block}/move", {"page_id": other["id"]})
                assert moved.status_code == 200, moved.text
            else:
                await ann.delete(f"/v1/blocks/{block}")
            typing.go_on.set()
            assert (await task).outcome == "stopped"
        async with join(services, run, page) as agent:
            assert (await agent.type_into(block, typing.text())).outcome == "repeated"
    if not is_moved:
        assert (await ann.post(f"/v1/blocks/{block}/restore")).status_code == 200
    home = other if is_moved else page
    markdown = (await ann.get(f"/v1/pages/{home['id']}/markdown")).json()["markdown"]
    assert markdown.split() == ["one", "two", "Hello"], "what was typed goes with the block, once"


async def test_a_picture_that_is_typed_is_a_link(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    """Whoever saw it would ask its address, which a model has made up."""
    run = await begin_run(services, ann, workspace)
    said = "See ![it](https://evil.example/?it=90000) now\n\n- ![](https://evil.example/2)"
    async with join(services, run, page) as agent:
        assert (await agent.type_into(block, pieces(said))).outcome == "written"
    markdown = (await ann.get(f"/v1/pages/{page['id']}/markdown")).json()["markdown"]
    assert "[it](https://evil.example/?it=90000)" in markdown
    assert "![" not in markdown
    assert "<img" not in markdown


class Overtaken:
    """Suggestions of a page that begins anew while one is made, so often."""

    def __init__(self, suggestions: Suggestions, times: int) -> None:
        self._suggestions = suggestions
        self._times = times

    async def make(self, *arguments: Any, **named: Any) -> object:
        if self._times:
            self._times -= 1
            raise ConflictError("It began anew.", code="page_begun_anew")
        return await self._suggestions.make(*arguments, **named)


@pytest.mark.parametrize("times", [1, 10])
async def test_a_suggestion_for_a_page_that_begins_anew_is_made_once_more(
    services: Services, ann: Api, workspace: str, page: Json, times: int
):
    run, suggestion_id = await begin_run(services, ann, workspace), services.database.new_id()
    suggester = PageSuggester(services.database, cast("Suggestions", Overtaken(services.suggestions, times)))

    async def make() -> None:
        def change(doc: "pycrdt.Doc[Any]") -> None:
            add_text_block(
                doc, str(suggestion_id), ["x"], place=Place(), stamp=Stamp("2026-11-29T00:00:00Z", run.id)
            )

        await suggester.make(page["document"], run, "A note", change, suggestion_id)

    if times == 1:
        await make()
        assert (await ann.get(f"/v1/suggestions/{suggestion_id}")).json()["note"] == "A note"
    else:
        with pytest.raises(DocumentRefused, match="began anew"):
            await make()


async def test_typing_stops_where_somebody_takes_it_away(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)
    go_on = asyncio.Event()

    async def text() -> AsyncIterator[str]:
        yield "Hello"
        await go_on.wait()
        yield " world"

    async with open_as(services, ann, page["document"]) as person, join(services, run, page) as agent:
        seen = Seen(person)
        typing = asyncio.create_task(agent.type_into(block, text()))
        await seen.agent(lambda state: state["status"] == "typing")
        delete_block(person.doc, block, stamp=Stamp("2026-11-29T00:00:00Z", "user:ann"))
        del blocks_of(person.doc)[block]["content"]["doc"].children[2]
        await person.saved()
        go_on.set()
        assert (await typing).outcome == "stopped"


async def test_bad_text_that_does_not_end_is_cut_off(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "word " * (MAX_CHARACTERS // 10)

    async with join(services, run, page) as agent:
        with pytest.raises(TextTooLongError):
            await agent.type_into(block, endless())


async def test_A3_a_run_that_is_cancelled_types_no_more(
    services: Services, ann: Api, workspace: str, page: Json, block: str
):
    run = await begin_run(services, ann, workspace)

    async def endless() -> AsyncIterator[str]:
        while True:
            yield "word "
            await asyncio.sleep(0.01)  # the pace of a model

    async with join(services, run, page) as agent:
        typing = asyncio.create_task(agent.type_into(block, endless()))
        await end_run(services, run)
        with pytest.raises(DocumentRefused):
            async with asyncio.timeout(10):
                await typing
    with pytest.raises(DocumentRefused):
        async with join(services, run, page):
            pass


async def test_a_run_is_seen_in_a_channel(services: Services, ann: Api, workspace: str):
    run = await begin_run(services, ann, workspace)
    channel = await ann.made(f"{workspace}/channels", {"name": "general"})
    async with open_as(services, ann, channel["document"]) as person:
        seen = Seen(person)
        async with join(services, run, channel) as agent:
            agent.show("typing", text="an answer")
            state = await seen.agent(lambda state: state["status"] == "typing")
            assert (state["text"], state["right"]) == ("an answer", "write")
    assert DocumentName(channel["document"])
