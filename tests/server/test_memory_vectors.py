"""Memories that are found by their meaning, where a provider of the workspace makes vectors."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api
from tests.server.tool_desk import open_desk
from tests.services.models import ModelServer

MODEL: dict[str, Any] = {
    "id": "meaning",
    "context_tokens": 9000,
    "max_output_tokens": 1,
    "input_price": 10.0,
    "abilities": ["embeddings"],
}


@pytest.fixture
def settings(settings: Settings, model_server: ModelServer) -> Settings:
    return msgspec.structs.replace(settings, llm_hosts=(model_server.place,))


async def add_provider(ann: Api, workspace: str, model_server: ModelServer) -> None:
    body = {"name": "Meaning", "base_url": model_server.url, "api_key": "sk-1", "models": [MODEL]}
    await ann.made(f"{workspace}/llm-providers", body)


async def test_a_memory_without_a_common_word_is_found(
    ann: Api, workspace: str, services: Services, model_server: ModelServer
):
    await add_provider(ann, workspace, model_server)
    model_server.embed("The shop is shut in August", (1.0, 0.1, 0.0))
    model_server.embed("Ann likes tea", (0.0, 1.0, 0.2))
    model_server.embed("holidays", (0.9, 0.0, 0.1))
    desk = await open_desk(services, ann, workspace)
    await desk.call("remember", text="The shop is shut in August")
    assert "August" in (await desk.call("recall", query="holidays")).text
    await desk.call("remember", text="Ann likes tea")
    found = (await desk.call("recall", query="holidays")).text
    assert "August" in found
    assert "tea" not in found
    asked = [call["body"] for call in model_server.asked if call["path"].endswith("/embeddings")]
    assert len(asked) == 4, "each text is asked for once, the question each time"
    async with services.database.read() as uow:
        calls = await uow.llm_ledger.list_calls(
            UUID(workspace.rpartition("/")[2]), user_id=None, run_id=desk.run_id, before=None, limit=10
        )
    assert [call.outcome for call in calls] == ["done"] * 4
    assert all(call.cost_micros > 0 for call in calls)


async def test_a_corrected_memory_is_looked_at_anew(
    ann: Api, workspace: str, services: Services, model_server: ModelServer
):
    await add_provider(ann, workspace, model_server)
    model_server.embed("The shop is shut in August", (1.0, 0.0))
    model_server.embed("Nobody works in winter", (0.0, 1.0))
    model_server.embed("snow", (0.1, 1.0))
    desk = await open_desk(services, ann, workspace)
    await desk.call("remember", text="The shop is shut in August")
    assert "You remember nothing" in (await desk.call("recall", query="snow")).text
    path = f"/v1/agents/{desk.principal.id.partition(':')[2]}/memories"
    (memory,) = (await ann.get(path)).json()["items"]
    await ann.patch(f"{path}/{memory['id']}", {"text": "Nobody works in winter"})
    assert "winter" in (await desk.call("recall", query="snow")).text


async def test_another_model_behind_the_same_name_looks_at_memories_anew(
    ann: Api, workspace: str, services: Services, model_server: ModelServer
):
    await add_provider(ann, workspace, model_server)
    desk = await open_desk(services, ann, workspace)
    await desk.call("remember", text="The shop is shut in August")
    for dimensions in (3, 4):
        model_server.reset()
        for text in ("The shop is shut in August", "holidays"):
            model_server.embed(text, (1.0, *[0.0] * (dimensions - 1)))
        assert "August" in (await desk.call("recall", query="holidays")).text


async def test_when_no_vectors_can_be_had_words_do(
    ann: Api, workspace: str, services: Services, model_server: ModelServer
):
    await add_provider(ann, workspace, model_server)
    desk = await open_desk(services, ann, workspace)
    await desk.call("remember", text="The shop is shut in August")
    assert "August" in (await desk.call("recall", query="is the shop open?")).text
    model_server.embed("zero", (0.0, 0.0))
    assert "You remember nothing" in (await desk.call("recall", query="zero")).text
    budget = {"scope": "workspace", "limit_usd": 0}
    assert (await ann.put(f"{workspace}/llm-budgets", budget)).status_code == 200
    count = len(model_server.asked)
    assert "August" in (await desk.call("recall", query="is the shop open?")).text
    assert len(model_server.asked) == count
