"""What a workspace has is found by its meaning, where a provider of it makes vectors."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from server.background.search_vectors import SearchVectorMaking
from server.bootstrap import Services
from server.settings import Settings
from storage.models import SearchEntry, SearchVector
from storage.search.index import Entry
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_file_texts import upload
from tests.server.test_memory_vectors import MODEL, add_provider
from tests.server.test_search import SECONDS, found, post, write
from tests.server.tool_desk import Desk, open_desk
from tests.services.models import ModelServer
from tests.waiting import until

SHUT = "The shop is shut in August"
TEA = "Ann and Bob both like tea"


@pytest.fixture
def settings(settings: Settings, model_server: ModelServer) -> Settings:
    return msgspec.structs.replace(settings, llm_hosts=(model_server.place,))


@pytest.fixture
async def studio(ann: Api, workspace: str, model_server: ModelServer) -> UUID:
    """Ann's workspace with a provider, and the vectors of what the tests say."""
    await add_provider(ann, workspace, model_server)
    for text, vector in (
        (SHUT, (1.0, 0.1, 0.0)),
        (TEA, (0.0, 1.0, 0.2)),
        (f"notes.txt\n{SHUT}", (1.0, 0.1, 0.0)),
        ("holidays", (0.9, 0.0, 0.1)),
        ("drinks", (0.0, 0.9, 0.0)),
    ):
        model_server.embed(text, vector)
    return UUID(workspace.rpartition("/")[2])


async def looked_at(services: Services, vectors: int) -> None:
    """Wait until there are so many vectors; the stand-in for models knows of one text at a time."""

    async def are_there() -> bool:
        return await count(services) == vectors

    await until(are_there, seconds=SECONDS)


def asked(model_server: ModelServer) -> int:
    """Return how many vectors were asked for; each is of one text."""
    return len([call for call in model_server.asked if call["path"].endswith("/embeddings")])


async def count(services: Services) -> int:
    async with services.database.read() as uow:
        return await uow.session.scalar(select(func.count()).select_from(SearchVector)) or 0


async def says(desk: Desk, query: str, words: str) -> None:
    """Search until something is found by its meaning."""

    async def is_found() -> bool:
        return words in (await desk.call("search_workspace", query=query)).text

    await until(is_found, seconds=SECONDS)


async def test_blocks_messages_and_files_are_found_by_their_meaning(
    ann: Api, workspace: str, services: Services, clock: Clock, studio: UUID, model_server: ModelServer
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plans"})
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await write(services, ann, page, SHUT)
    await found(ann, workspace, "shut", 1)
    clock.forward(minutes=1)  # it was written just now
    await looked_at(services, 1)
    await post(services, ann, chat, TEA)
    await looked_at(services, 2)
    await upload(ann, workspace, SHUT.encode(), "notes.txt")
    await found(ann, workspace, "shut", 2)
    clock.forward(minutes=1)
    await looked_at(services, 3)
    assert asked(model_server) == 3
    desk = await open_desk(services, ann, workspace)
    said = (await desk.call("search_workspace", query="holidays")).text
    assert "[block " in said
    assert "[file " in said
    assert "tea" not in said
    assert "tea" in (await desk.call("search_workspace", query="drinks type:message")).text
    assert "Nothing was found" in (await desk.call("search_workspace", query="holidays type:message")).text
    calls = (await ann.get(f"{workspace}/llm-calls")).json()["items"]
    assert len(calls) == 6
    assert {call["outcome"] for call in calls} == {"done"}
    assert all(call["cost_usd"] > 0 for call in calls)


async def test_what_one_may_not_see_is_not_found_by_its_meaning(
    ann: Api, bob: Api, workspace: str, services: Services, clock: Clock, studio: UUID
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    page = await ann.made(f"{workspace}/pages", {"title": "Plans"})
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    await write(services, ann, page, SHUT)
    await found(ann, workspace, "shut", 1)
    clock.forward(minutes=1)  # it was written just now
    await looked_at(services, 1)
    desk = await open_desk(services, bob, workspace)
    assert "shut" in (await desk.call("search_workspace", query="holidays")).text
    within = await open_desk(services, ann, workspace, {"pages": [other["id"]]})
    assert "Nothing was found" in (await within.call("search_workspace", query="holidays")).text
    await ann.patch(f"/v1/pages/{page['id']}/access", {"mode": "restricted"})
    assert "Nothing was found" in (await desk.call("search_workspace", query="holidays")).text


async def test_vectors_follow_what_is_written_and_go_with_it(
    ann: Api, workspace: str, services: Services, studio: UUID, model_server: ModelServer
):
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    message = await post(services, ann, chat, SHUT)
    await looked_at(services, 1)
    # Of what is written anew with the same words, nothing is asked.
    async with services.database.read() as uow:
        (entry,) = await uow.session.scalars(select(SearchEntry))
    async with services.database.transaction() as uow:
        same = Entry(entry.subject_id, entry.author, entry.written_at, entry.title, entry.body)
        await uow.search.put(studio, "message", entry.owner_id, [same])

    async def is_looked_at() -> bool:
        async with services.database.read() as uow:
            return not await uow.search_vectors.waiting(studio, uow.now, 1)

    await until(is_looked_at, seconds=SECONDS)
    assert asked(model_server) == 1
    edited = await ann.patch(f"/v1/messages/{message}", {"content": {"text": TEA}})
    assert edited.status_code == 200, edited.text
    desk = await open_desk(services, ann, workspace)
    await says(desk, "drinks", "[message ")
    await ann.delete(f"/v1/messages/{message}")
    await looked_at(services, 0)


async def test_without_money_words_do_and_it_goes_on_later(
    ann: Api, workspace: str, services: Services, studio: UUID, model_server: ModelServer
):
    budget = {"scope": "workspace", "limit_usd": 0}
    assert (await ann.put(f"{workspace}/llm-budgets", budget)).status_code == 200
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await post(services, ann, chat, SHUT)
    await found(ann, workspace, "shut", 1)
    making = SearchVectorMaking(services.database, services.feed, services.llm.embedder)
    assert not await making.look_at(studio)
    assert asked(model_server) == 0
    desk = await open_desk(services, ann, workspace)
    assert "August" in (await desk.call("search_workspace", query="shut")).text
    await ann.put(f"{workspace}/llm-budgets", {"scope": "workspace", "limit_usd": 1})
    making = SearchVectorMaking(services.database, services.feed, services.llm.embedder)
    assert await making.look_at(studio)
    assert "August" in (await desk.call("search_workspace", query="holidays")).text


async def test_another_model_looks_at_everything_anew(
    ann: Api, workspace: str, services: Services, studio: UUID, model_server: ModelServer
):
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await post(services, ann, chat, SHUT)
    await looked_at(services, 1)
    (provider,) = (await ann.get(f"{workspace}/llm-providers")).json()["items"]
    changed = await ann.patch(f"/v1/llm-providers/{provider['id']}", {"models": [MODEL | {"id": "other"}]})
    assert changed.status_code == 200, changed.text

    async def is_of_the_other() -> bool:
        async with services.database.read() as uow:
            models = await uow.session.scalars(select(SearchVector.model))
            return [model.partition(":")[2] for model in models] == ["other"]

    await until(is_of_the_other, seconds=SECONDS)


async def test_another_model_behind_the_same_name_looks_at_everything_anew(
    ann: Api, workspace: str, services: Services, studio: UUID, model_server: ModelServer
):
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await post(services, ann, chat, SHUT)
    await looked_at(services, 1)
    model_server.reset()
    for text, vector in (
        (SHUT, (1.0, 0.1, 0.0, 0.0)),
        (TEA, (0.0, 0.0, 1.0, 0.0)),
        ("holidays", (1.0, 0, 0, 0)),
    ):
        model_server.embed(text, vector)
    await post(services, ann, chat, TEA)
    await says(await open_desk(services, ann, workspace), "holidays", "August")
    async with services.database.read() as uow:
        lengths = await uow.session.scalars(select(func.length(SearchVector.vector)))
        assert lengths.all() == [4 * 4] * 2
