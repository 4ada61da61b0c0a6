"""Streams of events from a real server, read by a plain HTTP client."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from tests.services.ionflux import IonfluxServer, Person

SECONDS = 20.0
STREAM = "text/event-stream"


@dataclass
class Stream:
    """A stream of events that is open."""

    answer: httpx2.Response
    lines: AsyncIterator[str]
    last_id: str = ""

    async def next(self) -> dict[str, Any]:
        """Return the next event, comments and positions aside."""
        async with asyncio.timeout(SECONDS):
            async for line in self.lines:
                name, _, value = line.partition(": ")
                if name == "id":
                    self.last_id = value
                if name == "data":
                    return json.loads(value)
        raise EOFError

    async def ended(self) -> None:
        """Wait until the server ends the stream."""
        while not self.answer.is_closed:
            with contextlib.suppress(EOFError):
                await self.next()


async def position(lines: AsyncIterator[str]) -> str:
    """Return from where a stream says that one may go on. Before an event it says nothing but that."""
    async with asyncio.timeout(SECONDS):
        while (line := await anext(lines)) != "event: position":
            assert not line or line.startswith(":"), line
        id_ = (await anext(lines)).removeprefix("id: ")
        assert [await anext(lines), await anext(lines)] == ["data:", ""]
    return id_


@asynccontextmanager
async def streaming(
    person: Person, workspace: str, query: str = "", **headers: str
) -> AsyncGenerator[Stream]:
    headers = {"Accept": STREAM, "Authorization": f"Bearer {person.token}", **headers}
    async with (
        httpx2.AsyncClient(base_url=person.server.url, timeout=SECONDS) as client,
        client.stream("GET", f"/v1/workspaces/{workspace}/events{query}", headers=headers) as answer,
    ):
        stream = Stream(answer, aiter(answer.aiter_lines()))
        if answer.status_code == 200:
            stream.last_id = await position(stream.lines)
        yield stream


async def test_a_stream_tells_what_happens_from_now_on_and_is_not_compressed(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    await ann.page(workspace, "Before")
    async with streaming(ann, workspace, **{"Accept-Encoding": "gzip"}) as stream:
        assert stream.answer.headers["content-type"].startswith(STREAM)
        assert "content-encoding" not in stream.answer.headers
        assert "no-store" in stream.answer.headers["cache-control"]
        page = await ann.page(workspace, "Plan")
        event = await stream.next()
        assert (event["type"], event["subject"]) == ("page.created", page.name)
        assert stream.last_id == str(event["position"])


async def test_a_stream_is_resumed_without_a_gap_or_a_repetition(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    async with streaming(ann, workspace, "?type=page.*") as stream:
        await ann.page(workspace, "One")
        assert (await stream.next())["payload"]["title"] == "One"
    for title in ("Two", "Three"):
        await ann.page(workspace, title)
    await ann.channel(workspace)
    async with streaming(ann, workspace, "?type=page.*", **{"Last-Event-ID": stream.last_id}) as stream:
        assert [(await stream.next())["payload"]["title"] for _ in range(2)] == ["Two", "Three"]
        await ann.page(workspace, "Four")
        assert (await stream.next())["payload"]["title"] == "Four"


async def test_a_stream_without_any_event_yet_is_resumed_from_where_it_began(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    await ann.page(workspace, "Before")
    async with streaming(ann, workspace) as stream:
        pass
    await ann.page(workspace, "Meanwhile")
    async with streaming(ann, workspace, **{"Last-Event-ID": stream.last_id}) as stream:
        assert (await stream.next())["payload"]["title"] == "Meanwhile"


async def test_a_stream_goes_on_past_what_is_not_for_it(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    async with streaming(ann, workspace, "?type=page.moved") as stream:
        begun = int(stream.last_id)
        await ann.page(workspace, "Plan")
        assert await position(stream.lines) == str(begun + 1)


async def test_a_stream_tells_a_guest_nothing_of_what_they_may_not_see(ionflux: IonfluxServer):
    ann, bob = await ionflux.person("Ann"), await ionflux.person("Bob")
    workspace = await ann.workspace()
    await ann.invite(workspace, bob, "guest")
    async with streaming(bob, workspace) as stream:
        await ann.post(f"/v1/workspaces/{workspace}/channels", {"name": "Board", "type": "private"})
        public = await ann.channel(workspace)
        assert (await stream.next())["subject"] == public.name


async def test_a_stream_ends_when_the_right_ends(ionflux: IonfluxServer):
    ann, bob = await ionflux.person("Ann"), await ionflux.person("Bob")
    workspace = await ann.workspace()
    await ann.invite(workspace, bob, "member")
    async with streaming(bob, workspace, "?type=page.*") as stream:
        async with httpx2.AsyncClient(base_url=ionflux.url) as client:
            gone = await client.delete(
                f"/v1/workspaces/{workspace}/members/{bob.user_id}",
                headers={"Authorization": f"Bearer {ann.token}"},
            )
            assert gone.status_code == 204
        await ann.page(workspace, "Not for Bob")
        await stream.ended()


async def test_a_stream_ends_with_its_session(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    async with streaming(ann, workspace) as stream:
        async with httpx2.AsyncClient(base_url=ionflux.url) as client:
            await client.post("/v1/auth/logout", json={"refresh_token": ann.refresh_token})
        await stream.ended()


async def test_one_person_has_only_so_many_streams(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    async with asyncio.timeout(SECONDS):
        contexts = [streaming(ann, workspace) for _ in range(20)]
        for context in contexts:
            await context.__aenter__()
        async with streaming(ann, workspace) as stream:
            assert stream.answer.status_code == 429
        for context in contexts:
            await context.__aexit__(None, None, None)


async def test_a_position_that_is_none_is_told(ionflux: IonfluxServer):
    ann = await ionflux.person("Ann")
    workspace = await ann.workspace()
    async with streaming(ann, workspace, **{"Last-Event-ID": "x"}) as stream:
        assert stream.answer.status_code == 400


async def test_streams_end_when_the_server_stops(own_ionflux: IonfluxServer):
    ann = await own_ionflux.person("Ann")
    workspace = await ann.workspace()
    async with streaming(ann, workspace) as stream:
        stopping = asyncio.create_task(own_ionflux.terminate())
        await stream.ended()
        assert await stopping == 0
    assert "Cancel" not in own_ionflux.log_text()
