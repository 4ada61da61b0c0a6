"""The built-in model itself: a real one, tiny, in a process of its own."""

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncIterator

import pytest

from agents.llm.built_in import BuiltInModel, find_weights
from agents.llm.messages import ResponseSchema, TextDelta
from storage.engine import Database
from tests.agents.llm.world import World, open_world

SECONDS = 600.0

needs_model = pytest.mark.skipif(
    find_weights() is None and "CI" not in os.environ,
    reason="there is no build of the model for this machine",
)
pytestmark = needs_model


@pytest.fixture
async def model() -> AsyncIterator[BuiltInModel]:
    model = BuiltInModel(is_wanted=True, idle_seconds=0.2, memory_bytes=1536 * 1024 * 1024)
    yield model
    await model.stop()


@pytest.fixture
async def world(sqlite_database: Database, model: BuiltInModel) -> AsyncIterator[World]:
    async with open_world(sqlite_database, allow_private=False, built_in=model) as world:
        yield world


def wait_for_end(process_id: int) -> None:
    """Wait until there is no such process."""
    with contextlib.suppress(ProcessLookupError):
        while True:
            os.kill(process_id, 0)
            time.sleep(0.02)  # a process that is no child of this one tells nobody that it ends


async def test_a_workspace_without_any_key_gets_an_answer_and_the_process_ends(
    world: World, model: BuiltInModel
):
    assert model.process_id is None
    events = await world.events(world.ask("Hello", max_output_tokens=4))
    assert any(isinstance(event, TextDelta) and event.text for event in events)
    process_id = model.process_id
    assert process_id is not None
    schema = ResponseSchema(
        "mood", {"type": "object", "properties": {"mood": {"enum": ["good", "bad"]}}, "required": ["mood"]}
    )
    answer = await world.client.complete(
        world.ask("Good?", response_schema=schema, max_output_tokens=32, temperature=0.0)
    )
    assert answer.parsed["mood"] in ("good", "bad")
    assert model.process_id == process_id
    assert [call.cost_micros for call in await world.calls()] == [0, 0]
    assert {call.model for call in await world.calls()} == {"smollm2-135m-tiny"}

    task = asyncio.create_task(model.run())
    async with asyncio.timeout(SECONDS):
        await asyncio.to_thread(wait_for_end, process_id)
    assert model.process_id is None
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_model_that_cannot_be_had_is_none(sqlite_database: Database):
    model = BuiltInModel(is_wanted=False, idle_seconds=1, memory_bytes=0)
    assert not model.is_available
