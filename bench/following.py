"""`python -m bench.following`: how long it takes until what follows an edit is there, and its rows are read.

A real server, real sockets, and rows that are read over HTTP: answers to slash commands, blocks, messages,
mentions, backlinks, what is found, and unread counts on another device. Each by itself, and while others
work. It fails where one in a hundred takes more than a second.
"""

import argparse
import asyncio
import random
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import UUID

import msgspec
import pycrdt

from bench.client import Client
from bench.lists import add, message_of
from bench.machine import describe_machine, describe_software
from bench.measures import percentile
from bench.results import put_section
from bench.workspace import Workspace, new_id, open_workspace
from blocks import channel as channels
from blocks.channel_content import Text
from blocks.page import BLOCKS, CONTENT
from blocks.page_edits import Stamp, add_block
from storage.engine import Database
from storage.models import ChatMessage
from tests.server.runs_world import DEFINITION
from tests.services.ionflux import Document, IonfluxServer, Person
from tests.services.postgres import running_postgres

DATABASES = ("SQLite", "Postgres")

LIMIT_SECONDS = 1.0
CROWD = 100
"""People who chat in one channel."""

EACH_SAYS_SECONDS = 10.0
"""How often each of them says something, and notes what they have read."""

AT_ONCE = 4
"""Samples that are taken at the same time, each at its own moment."""

PAGES = 50
"""Pages that are typed into at once."""

STROKES_PER_SECOND = 4.0
_BEFORE_SECONDS = 3.0
"""That it has gone on for when the measuring begins."""

BLOCKS_OF_LARGE = 500
LIVE, ARCHIVED = 1_900, 98_000
"""Messages of the channel with a long history."""

Doc = pycrdt.Doc[Any]
Figures = dict[str, list[float]]
Once = Callable[[], Awaitable[float]]

_SETTINGS = {
    "IONFLUX_LLM_BUILT_IN": "false",
    "IONFLUX_REQUESTS_PER_MINUTE_PER_USER": "0",
    "IONFLUX_REQUESTS_PER_MINUTE_PER_ADDRESS": "0",
}


def _now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def say(client: Client, person: Person, text: str) -> str:
    """Post a message by the document; return its id."""
    message_id = str(new_id())
    client.edit(
        lambda doc: channels.post(
            doc, message_id, Text(text), sender_id=person.principal_id, sender_type="user", created_at=_now()
        )
    )
    return message_id


def _paragraph(*content: dict[str, Any]) -> dict[str, Any]:
    return {"doc": {"type": "doc", "content": [{"type": "paragraph", "content": list(content)}]}}


def _words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def add_text(client: Client, person: Person, block_id: str, *content: dict[str, Any]) -> None:
    """Add a text to a page."""
    stamp = Stamp(_now(), person.principal_id)
    client.edit(lambda doc: add_block(doc, block_id, "text", _paragraph(*content), stamp=stamp))


class Typist:
    """Somebody who types into a text of their own."""

    def __init__(self, client: Client, person: Person) -> None:
        self._client = client
        self._block_id = str(new_id())
        self._length = 1
        add_text(client, person, self._block_id, _words("x"))

    def stroke(self) -> None:
        """Type one letter."""
        self._client.edit(self._type)

    def _type(self, doc: Doc) -> None:
        text: Any = (
            doc.get(BLOCKS, type=pycrdt.Map[Any])[self._block_id][CONTENT]["doc"].children[0].children[0]
        )
        text.insert(self._length, "word "[self._length % 5])
        self._length += 1


class Answers:
    """Waits for answers to commands in what a client sees."""

    def __init__(self, client: Client) -> None:
        assert client.view is not None, "it observes"
        self._doc: Any = client.view
        self._awaited: dict[str, asyncio.Future[float]] = {}
        messages = self._doc.get(channels.MESSAGES, type=pycrdt.Map[Any])
        self._subscription = messages.observe(self._on_messages)

    def expect(self, message_id: str) -> asyncio.Future[float]:
        """Return when the message is answered."""
        return self._awaited.setdefault(message_id, asyncio.get_running_loop().create_future())

    def _on_messages(self, event: Any) -> None:
        now = perf_counter()
        # Not here: the document is in the middle of a transaction.
        asyncio.get_running_loop().call_soon(self._read, list(event.keys), now)

    def _read(self, keys: Sequence[str], now: float) -> None:
        for key in keys:
            message = channels.read_message(self._doc, key)
            if message is None or message.content_type != "agent_command_response":
                continue
            answered = self.expect(message.content["command_message_id"])
            if not answered.done() and message.content.get("run_id") is None:
                answered.set_result(now)


@asynccontextmanager
async def going_on(acts: Sequence[Callable[[], object]], every_seconds: float) -> AsyncGenerator[None]:
    """Have everybody act so often, each at their own time, meanwhile."""

    async def go_on() -> None:
        start, pause = perf_counter(), every_seconds / len(acts)
        for number, act in enumerate(cycle(acts), start=1):
            act()
            await asyncio.sleep(start + number * pause - perf_counter())

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sample(
    figures: Figures, name: str, onces: Sequence[Once], count: int, *, rest: float = 0.5
) -> None:
    """Measure something so often, several at a time; each rests up to twice so long in between."""
    chance = random.Random(count)
    found: list[float] = []

    async def go(once: Once) -> None:
        for _ in range(-(-count // len(onces))):
            await asyncio.sleep(chance.uniform(0, 2 * rest))
            found.append(await once())

    async with asyncio.TaskGroup() as tasks:
        for once in onces:
            tasks.create_task(go(once))
    figures[name] = found
    print(row_of(name, found), flush=True)


class Scene(msgspec.Struct, frozen=True):
    """A channel that two have open, and what one of them sees of commands."""

    channel: Document
    her: Client
    his: Client
    answers: Answers


async def _open_scene(stack: AsyncExitStack, space: Workspace, channel: Document) -> Scene:
    ann, bob = space.people[:2]
    her, his = await stack.enter_async_context(space.join(channel.name, ann, bob))
    [watching] = await stack.enter_async_context(space.join(channel.name, ann, observes=True))
    return Scene(channel, her, his, Answers(watching))


# What is measured


def linking(space: Workspace, client: Client, target: Document) -> Once:
    """Return what links a page to another: from the acknowledgement until the backlink is read."""

    async def once() -> float:
        block_id = str(new_id())
        mention = {"type": "mention", "attrs": {"id": f"page:{target.id}", "label": "It"}}
        add_text(client, space.owner, block_id, _words("See "), mention)
        since = await client.saved()
        await space.rows.wait("block", block_id)
        links = await space.ask(space.owner, "GET", f"/v1/pages/{target.id}/backlinks?limit=200")
        assert block_id in {id_ for link in links["items"] for id_ in link["block_ids"]}
        return perf_counter() - since

    return once


def finding(space: Workspace, client: Client, person: Person) -> Once:
    """Return what says something: from the acknowledgement until it is found."""

    async def once() -> float:
        word = f"w{new_id().hex}"
        message_id = say(client, person, f"It is {word}")
        since = await client.saved()
        await space.rows.wait("message", message_id)
        found = await space.ask(person, "GET", f"/v1/workspaces/{space.id}/search?q={word}")
        assert [hit["id"] for hit in found["items"]] == [message_id]
        return perf_counter() - since

    return once


def reading(space: Workspace, client: Client, person: Person, channel: Document) -> Once:
    """Return what says something: from the acknowledgement until REST lists it, which brings its row."""

    async def once() -> float:
        message_id = say(client, person, "Is it there?")
        since = await client.saved()
        while True:  # which waits for the row, and gives up after a while
            listed = await space.ask(person, "GET", f"/v1/channels/{channel.id}/messages?limit=200")
            if message_id in {message["id"] for message in listed["items"]}:
                return perf_counter() - since

    return once


def mentioning(space: Workspace, client: Client, person: Person, mentioned: Person) -> Once:
    """Return what mentions somebody: from the acknowledgement until they read of it."""

    async def once() -> float:
        message_id = say(client, person, f"Look, @[Her](user:{mentioned.user_id})")
        since = await client.saved()
        await space.rows.wait("notification", message_id)
        told = await space.ask(mentioned, "GET", "/v1/notifications?limit=20")
        assert message_id in {item["details"].get("message_id") for item in told["items"]}
        return perf_counter() - since

    return once


def marking(space: Workspace, scene: Scene, reader: Person, teller: Person) -> Once:
    """Return what reads a new message on one device: from the acknowledgement until another counts none."""

    async def once() -> float:
        message_id = say(scene.his, teller, "News")
        await scene.his.saved()
        await space.rows.wait("message", message_id)
        scene.her.edit(lambda doc: channels.mark_read(doc, reader.principal_id, message_id))
        since = await scene.her.saved()
        await space.rows.wait("mark", message_id)
        counts = await space.ask(reader, "GET", f"/v1/workspaces/{space.id}/unread?limit=200")
        [count] = [item for item in counts["items"] if item["channel_id"] == scene.channel.id]
        assert count["last_read_message_id"] >= message_id
        return perf_counter() - since

    return once


def commanding(answers: Answers, client: Client, person: Person, command: str = "/help") -> Once:
    """Return what gives a command by the document: until the answer is seen."""

    async def once() -> float:
        since = perf_counter()
        return await answers.expect(say(client, person, command)) - since

    return once


def commanding_by_rest(space: Workspace, answers: Answers, person: Person, channel: Document) -> Once:
    """Return what gives a command by REST: until the answer is seen."""

    async def once() -> float:
        since = perf_counter()
        body = {"content": {"text": "/help"}}
        posted = await space.ask(person, "POST", f"/v1/channels/{channel.id}/messages", json=body)
        return await answers.expect(posted["message"]["id"]) - since

    return once


# Where it is measured


async def measure_channels(space: Workspace, figures: Figures) -> None:
    """Measure in channels where nobody else says anything, some of them at once."""
    ann = space.owner
    async with AsyncExitStack() as stack:
        scenes = [await _open_scene(stack, space, channel) for channel in await space.channels(AT_ONCE)]
        by_document = [commanding(scene.answers, scene.her, ann) for scene in scenes]
        await sample(figures, "`/help` in a channel", by_document, 40, rest=0.6)
        by_rest = [commanding_by_rest(space, scene.answers, ann, scene.channel) for scene in scenes]
        await sample(figures, "`/help` by REST in a channel", by_rest, 40, rest=0.6)
        words = "/helper campaign_brief=Summer"
        of_agent = [commanding(scene.answers, scene.her, ann, words) for scene in scenes]
        await sample(figures, "an agent's command in a channel", of_agent, 20, rest=0.6)
        await _sample_messages(space, figures, "in a channel", scenes, 40)


async def _sample_messages(
    space: Workspace, figures: Figures, about: str, scenes: Sequence[Scene], count: int
) -> None:
    ann, bob = space.people[:2]
    for what, onces in {
        "a message, until it is found": [finding(space, scene.his, bob) for scene in scenes],
        "a message, until it is listed": [reading(space, scene.his, bob, scene.channel) for scene in scenes],
        "a mention, until she is told": [mentioning(space, scene.his, bob, ann) for scene in scenes],
        "read, until another device counts none": [marking(space, scene, ann, bob) for scene in scenes],
    }.items():
        await sample(figures, f"{what}, {about}", onces, count)


async def measure_long_channel(space: Workspace, figures: Figures) -> None:
    """Measure in a channel where much has been said."""
    bob = space.people[1]
    [channel] = await space.channels(1)
    async with Database(space.server.database_url) as database:
        old = datetime.now(UTC)
        rows = [message_of(UUID(channel.id), new_id(), UUID(space.id), old) for _ in range(ARCHIVED)]
        await add(database, ChatMessage, rows)
    async with AsyncExitStack() as stack:
        scene = await _open_scene(stack, space, channel)
        for _ in range(LIVE // 50):
            scene.his.edit(lambda doc: _say_much(doc, bob, 50))
            await scene.his.saved()
        await space.rows.wait("message", say(scene.his, bob, "That was it."))
        await _sample_messages(space, figures, f"of {(LIVE + ARCHIVED) // 1000:,}k", [scene], 20)


def _say_much(doc: Doc, person: Person, count: int) -> None:
    for _ in range(count):
        text = Text("Some words that were said a while ago. " * 3)
        channels.post(
            doc, str(new_id()), text, sender_id=person.principal_id, sender_type="user", created_at=_now()
        )


async def measure_crowd(space: Workspace, figures: Figures) -> None:
    """Measure in a channel where a hundred people chat."""
    ann = space.owner
    [channel] = await space.channels(1)
    crowd = space.people[2 : CROWD + 2]
    async with space.join(channel.name, *crowd) as clients, AsyncExitStack() as stack:

        def chat(client: Client, person: Person) -> Callable[[], None]:
            def act() -> None:
                last = say(client, person, "Some words that everybody reads, and nobody answers.")
                client.edit(lambda doc: channels.mark_read(doc, person.principal_id, last))

            return act

        about = f"while {CROWD} chat"
        chatting = [chat(client, person) for client, person in zip(clients, crowd, strict=True)]
        async with going_on(chatting, EACH_SAYS_SECONDS):
            scenes = [await _open_scene(stack, space, channel) for _ in range(AT_ONCE)]
            await asyncio.sleep(_BEFORE_SECONDS)
            commands = [commanding(scene.answers, scene.her, ann) for scene in scenes]
            await sample(figures, f"`/help`, {about}", commands, 60)
            by_rest = [commanding_by_rest(space, scene.answers, ann, channel) for scene in scenes]
            await sample(figures, f"`/help` by REST, {about}", by_rest, 40)
            await _sample_messages(space, figures, about, scenes[:1], 20)


async def measure_pages(space: Workspace, figures: Figures) -> None:
    """Measure on pages that rest, on pages that are typed into, and while many others are."""
    target, *pages = await space.pages(1 + 2 * AT_ONCE + PAGES)
    many = pages[2 * AT_ONCE :]
    async with AsyncExitStack() as stack:
        small = [await _open_page(stack, space, page) for page in pages[:AT_ONCE]]
        large = [await _open_page(stack, space, page) for page in pages[AT_ONCE : 2 * AT_ONCE]]
        for editor, _ in large:
            editor.edit(lambda doc: _fill(doc, space.owner))
            await editor.saved()
        of_small = [linking(space, editor, target) for editor, _ in small]
        of_large = [linking(space, editor, target) for editor, _ in large]
        large_page = f"a page of {BLOCKS_OF_LARGE} blocks"
        await sample(figures, f"a link on {large_page} that rests", of_large, 20, rest=2)
        await sample(figures, "a link on a page that rests", of_small, 40, rest=2)
        for about, pair, once in (("a page", small[0], of_small[0]), (large_page, large[0], of_large[0])):
            typist = Typist(pair[1], space.owner)
            async with going_on([typist.stroke], 1 / STROKES_PER_SECOND):
                await sample(figures, f"a link on {about} that is typed into", [once], 20)
        await _measure_among_many(space, figures, many, target, of_small)


async def _open_page(stack: AsyncExitStack, space: Workspace, page: Document) -> tuple[Client, Client]:
    editor, typing = await stack.enter_async_context(space.join(page.name, space.owner, space.owner))
    return editor, typing


def _fill(doc: Doc, person: Person) -> None:
    stamp = Stamp(_now(), person.principal_id)
    for number in range(BLOCKS_OF_LARGE):
        words = _paragraph(_words(f"Block {number}. " + "Some words that fill it. " * 8))
        add_block(doc, str(new_id()), "text", words, stamp=stamp)


async def _measure_among_many(
    space: Workspace, figures: Figures, many: Sequence[Document], target: Document, resting: Sequence[Once]
) -> None:
    ann, *people = space.people
    async with AsyncExitStack() as stack:
        joined = [
            await stack.enter_async_context(space.join(page.name, person, ann))
            for page, person in zip(many, cycle(people), strict=False)
        ]
        typists = [Typist(typing, person) for (typing, _), person in zip(joined, cycle(people), strict=False)]
        async with going_on([typist.stroke for typist in typists], 1 / STROKES_PER_SECOND):
            await asyncio.sleep(_BEFORE_SECONDS)
            about = f"while {PAGES} are typed into"
            await sample(figures, f"a link on a page that rests, {about}", resting, 40, rest=2)
            links = [linking(space, editor, target) for _, editor in joined[:3]]
            await sample(figures, f"a link on one of them, {about}", links, 30)


# Reporting


def row_of(name: str, found: Sequence[float]) -> str:
    """Return a row of the table."""
    figures = (percentile(found, 0.5), percentile(found, 0.99), max(found))
    return f"| {name} | {' | '.join(f'{figure * 1000:,.0f}' for figure in figures)} | {len(found)} |"


def report(found: Mapping[str, Figures]) -> str:
    """Return the section of the results."""
    lines = [
        "# What follows an edit",
        "",
        f"- {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `python -m bench.following`, in milliseconds",
        f"- {describe_machine()}",
        f"- {describe_software()}",
    ]
    for database, figures in found.items():
        lines += ["", head_of(database), *(row_of(name, times) for name, times in figures.items())]
    return "\n".join(lines)


def head_of(database: str) -> str:
    """Return the head of a table."""
    return f"| {database} | p50 | p99 | longest | times |\n|---|---:|---:|---:|---:|"


PARTS: dict[str, Callable[[Workspace, Figures], Awaitable[None]]] = {
    "channels": measure_channels,
    "long": measure_long_channel,
    "crowd": measure_crowd,
    "pages": measure_pages,
}


async def measure(server: IonfluxServer, parts: Sequence[str]) -> Figures:
    """Measure some of it; return the seconds of each."""
    figures: Figures = {}
    async with open_workspace(server, CROWD + 2) as space:
        agent = {"name": "Helper", "agent_definition_id": DEFINITION}
        await space.owner.post(f"/v1/workspaces/{space.id}/agents", agent)
        for part in parts:
            await PARTS[part](space, figures)
    return figures


def measure_on(database: str, parts: Sequence[str]) -> Figures:
    """Measure on a server of its own. Ends the program where that complains."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ionflux-bench-")))
        settings = dict(_SETTINGS)
        if database == "Postgres":
            postgres = stack.enter_context(running_postgres())
            settings["IONFLUX_DATABASE_URL"] = stack.enter_context(postgres.empty_database())
        server = IonfluxServer(folder, settings, is_forked=False)
        stack.callback(server.close)
        server.start()
        print(head_of(database), flush=True)
        found = asyncio.run(measure(server, parts))
        if "Traceback (most recent call last)" in server.log_text():
            sys.exit(server.log_text()[-4000:])
        return found


def main() -> None:
    """Measure on both databases, print tables and write them into the results."""
    parser = argparse.ArgumentParser(prog="python -m bench.following", description=__doc__)
    parser.add_argument("--database", choices=DATABASES, help="one of both, and written nowhere")
    parser.add_argument("--part", choices=list(PARTS), action="append", help="only this, and written nowhere")
    options = parser.parse_args()
    databases = [options.database] if options.database else DATABASES
    found = {database: measure_on(database, options.part or list(PARTS)) for database in databases}
    if options.database is None and options.part is None:
        put_section(report(found))
    too_slow = [
        f"{name} on {database}"
        for database, figures in found.items()
        for name, times in figures.items()
        if percentile(times, 0.99) > LIMIT_SECONDS
    ]
    if too_slow:
        sys.exit(f"over {LIMIT_SECONDS:.0f} s: {'; '.join(too_slow)}")


if __name__ == "__main__":
    main()
