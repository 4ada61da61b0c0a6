"""What a workspace has is found by its meaning, where a provider of it makes vectors."""

from typing import cast
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from server.background.search_vectors import SearchVectorMaking
from server.bootstrap import Services
from server.settings import Settings
from storage.models import SearchVector
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.test_file_texts import upload
from tests.server.test_memory_vectors import add_provider
from tests.server.test_search import found, post, write
from tests.server.tool_desk import open_desk
from tests.services.models import ModelServer

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


async def look_at_all(services: Services, clock: Clock, workspace_id: UUID) -> bool:
    """Have vectors made of what is there, as if it was a while ago."""
    clock.forward(minutes=1)
    making = SearchVectorMaking(services.database, services.feed, services.llm.embedder)
    return await making.look_at(workspace_id)


def asked_for(model_server: ModelServer) -> list[str]:
    calls = [call["body"]["input"] for call in model_server.asked if call["path"].endswith("/embeddings")]
    return [text for texts in cast("list[list[str]]", calls) for text in texts]


async def count(services: Services) -> int:
    async with services.database.read() as uow:
        return await uow.session.scalar(select(func.count()).select_from(SearchVector)) or 0


async def test_blocks_messages_and_files_are_found_by_their_meaning(
    ann: Api, workspace: str, services: Services, clock: Clock, studio: UUID, model_server: ModelServer
):
    page = await ann.made(f"{workspace}/pages", {"title": "Plans"})
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await write(services, ann, page, SHUT)
    await post(services, ann, chat, TEA)
    await upload(ann, workspace, SHUT.encode(), "notes.txt")
    await found(ann, workspace, "shut", 2)
    await found(ann, workspace, "tea", 1)
    assert await look_at_all(services, clock, studio)
    desk = await open_desk(services, ann, workspace)
    said = (await desk.call("search_workspace", query="holidays")).text
    assert "[block " in said
    assert "[file " in said
    assert "tea" not in said
    assert "tea" in (await desk.call("search_workspace", query="drinks type:message")).text
    assert "Nothing was found" in (await desk.call("search_workspace", query="holidays type:message")).text
    calls = await ann.get(f"{workspace}/llm-usage")
    assert calls.status_code == 200, calls.text
    assert await look_at_all(services, clock, studio)
    assert sorted(asked_for(model_server)) == sorted(
        [SHUT, TEA, f"notes.txt\n{SHUT}", "holidays", "drinks", "holidays"]
    ), "each text is asked for once, the question each time"


async def test_what_one_may_not_see_is_not_found_by_its_meaning(
    ann: Api, bob: Api, workspace: str, services: Services, clock: Clock, studio: UUID
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    page = await ann.made(f"{workspace}/pages", {"title": "Plans"})
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    await write(services, ann, page, SHUT)
    await found(ann, workspace, "shut", 1)
    await look_at_all(services, clock, studio)
    desk = await open_desk(services, bob, workspace)
    assert "shut" in (await desk.call("search_workspace", query="holidays")).text
    within = await open_desk(services, ann, workspace, {"pages": [other["id"]]})
    assert "Nothing was found" in (await within.call("search_workspace", query="holidays")).text
    await ann.patch(f"/v1/pages/{page['id']}/access", {"mode": "restricted"})
    assert "Nothing was found" in (await desk.call("search_workspace", query="holidays")).text


async def test_vectors_follow_what_is_written_and_go_with_it(
    ann: Api, workspace: str, services: Services, clock: Clock, studio: UUID, model_server: ModelServer
):
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    message = await post(services, ann, chat, SHUT)
    file = await upload(ann, workspace, SHUT.encode(), "notes.txt")
    await found(ann, workspace, "shut", 2)
    await look_at_all(services, clock, studio)
    assert await count(services) == 2
    edited = await ann.patch(f"/v1/messages/{message}", {"content": {"text": TEA}})
    assert edited.status_code == 200, edited.text
    await found(ann, workspace, "tea", 1)
    await look_at_all(services, clock, studio)
    desk = await open_desk(services, ann, workspace)
    assert "message" in (await desk.call("search_workspace", query="drinks")).text
    await ann.patch(f"/v1/messages/{message}", {"content": {"text": SHUT}})
    await found(ann, workspace, "shut", 2)
    async with services.database.transaction() as uow:
        await uow.file_texts.read_again()
    await ann.delete(f"/v1/files/{file['id']}")
    await found(ann, workspace, "shut", 1)
    await ann.delete(f"/v1/messages/{message}")
    await found(ann, workspace, "shut", 0)
    assert await count(services) == 0


async def test_without_money_words_do_and_it_goes_on_later(
    ann: Api, workspace: str, services: Services, clock: Clock, studio: UUID, model_server: ModelServer
):
    chat = await ann.made(f"{workspace}/channels", {"name": "general", "type": "public"})
    await post(services, ann, chat, SHUT)
    await found(ann, workspace, "shut", 1)
    budget = {"scope": "workspace", "limit_usd": 0}
    assert (await ann.put(f"{workspace}/llm-budgets", budget)).status_code == 200
    assert not await look_at_all(services, clock, studio)
    assert asked_for(model_server) == []
    desk = await open_desk(services, ann, workspace)
    assert "August" in (await desk.call("search_workspace", query="shut")).text
    await ann.put(f"{workspace}/llm-budgets", {"scope": "workspace", "limit_usd": 1})
    assert await look_at_all(services, clock, studio)
    assert "August" in (await desk.call("search_workspace", query="holidays")).text
