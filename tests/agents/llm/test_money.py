"""Budgets and accounting, on both databases."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from agents.llm.errors import BudgetExceededError, LlmError
from agents.llm.ledger import Entry, Ledger, dollars
from agents.llm.messages import Done, TextDelta, Usage
from storage.engine import Database
from storage.models import BudgetScope
from storage.repositories.llm import Amount, Payer
from tests.agents.llm.world import RUN, World, open_world
from tests.services.models import ModelServer


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 30, 23, 59, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock(database: Database) -> Clock:
    clock = Clock()
    database.clock = clock
    return clock


@pytest.fixture
async def world(database: Database, model_server: ModelServer) -> AsyncIterator[World]:
    usage = {"prompt_tokens": 100, "completion_tokens": 50}
    model_server.answer("hello", {"content": "Hi there.", "usage": usage})
    async with open_world(database) as world:
        await world.add_provider(model_server.url)
        yield world


COST = 100 * 1 + 50 * 2
"""What the answer to `hello` costs at the small model."""

QUICK: dict[str, Any] = {"max_output_tokens": 100}
"""A call that may come to a little more than its answer does."""


async def refusal(world: World, **more: Any) -> BudgetExceededError:
    with pytest.raises(BudgetExceededError) as caught:
        await world.client.complete(world.ask("hello", **QUICK, **more))
    return caught.value


async def events_of(world: World) -> list[tuple[str, dict[str, Any]]]:
    async with world.database.read() as uow:
        return [(event.type, event.payload) for event in await uow.events.after(world.workspace_id, 0, 100)]


@pytest.mark.parametrize("scope", ["workspace", "user", "run"])
@pytest.mark.parametrize("limit", ["micros", "tokens"])
async def test_a_budget_stops_calls_before_anything_is_sent(
    world: World, model_server: ModelServer, scope: BudgetScope, limit: str
):
    if limit == "micros":
        await world.limit(scope, micros=COST + 250)
    else:
        await world.limit(scope, tokens=150 + 150)
    payer = Payer(world.workspace_id, world.user_id, RUN)
    await world.client.complete(world.ask("hello", payer=payer, **QUICK))
    await world.client.complete(world.ask("hello", payer=payer, **QUICK))
    error = await refusal(world, payer=payer)
    assert error.scope == scope
    assert "are spent or reserved" in str(error)
    assert len(model_server.asked) == 2
    assert await world.reserved() == 2 * COST
    await refusal(world, payer=payer)
    told = [payload for type, payload in await events_of(world) if type == "llm_budget.exhausted"]
    assert [payload["scope"] for payload in told] == [scope]
    if scope == "user":
        await world.client.complete(world.ask("hello", payer=Payer(world.workspace_id, uuid4()), **QUICK))
    if scope == "run":
        await world.client.complete(
            world.ask("hello", payer=Payer(world.workspace_id, world.user_id, uuid4()), **QUICK)
        )


async def test_calls_at_once_cannot_overdraw_together(world: World, model_server: ModelServer):
    await world.limit("workspace", micros=3 * 230)

    async def call() -> bool:
        try:
            await world.client.complete(world.ask("hello", **QUICK))
        except BudgetExceededError:
            return False
        return True

    done = await asyncio.gather(*(call() for _ in range(8)))
    calls = await world.calls()
    assert 1 <= sum(done) == len(calls)
    assert sum(one.cost_micros for one in calls) <= 3 * 230
    # What was set aside is given back: as much as then fits is still to be had.
    left = 3 * 230 - len(calls) * COST
    if left >= 230:
        assert await call()


async def test_one_persons_budget_stands_in_place_of_everybodys(world: World):
    await world.limit("user", micros=1)
    await world.limit("user", micros=10_000, subject=str(world.user_id))
    await world.client.complete(world.ask("hello", **QUICK))
    await refusal(world, payer=Payer(world.workspace_id, uuid4()))


async def test_the_next_month_begins_with_nothing_spent(world: World, clock: Clock):
    await world.limit("workspace", micros=COST + 250)
    await world.client.complete(world.ask("hello", **QUICK))
    await world.client.complete(world.ask("hello", **QUICK))
    await refusal(world)
    clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    await world.client.complete(world.ask("hello", **QUICK))
    async with world.database.read() as uow:
        months = [
            (await uow.llm_ledger.month(world.workspace_id, month, user_id=None))[0]
            for month in ("2026-11", "2026-12")
        ]
    assert [(line.calls, line.cost_micros, line.input_tokens) for line in months] == [
        (2, 2 * COST, 200),
        (1, COST, 100),
    ]
    assert {line.person for line in months} == {str(world.user_id)}


async def test_a_cheaper_model_answers_where_the_dear_one_does_not_fit(
    world: World, model_server: ModelServer
):
    await world.limit("workspace", micros=400)
    answer = await world.client.complete(
        world.ask("hello", models=("Stand-in:large", "Stand-in:small"), **QUICK)
    )
    assert answer.model == "small"


async def test_a_request_may_have_a_limit_of_its_own(world: World, model_server: ModelServer):
    error = await refusal(world, max_cost_micros=100)
    assert error.scope is None
    assert "it may cost $0.0001" in str(error)
    assert model_server.asked == []


async def test_a_step_is_paid_once(world: World):
    payer = Payer(world.workspace_id, world.user_id, RUN)
    for _ in range(2):
        await world.client.complete(world.ask("hello", payer=payer, step="step-1", **QUICK))
    await world.client.complete(world.ask("hello", payer=payer, step="step-2", **QUICK))
    assert [call.step for call in await world.calls()] == ["step-1", "step-2"]
    async with world.database.read() as uow:
        (line,) = await uow.llm_ledger.month(
            world.workspace_id, f"{world.database.clock():%Y-%m}", user_id=world.user_id
        )
        done = await uow.llm_ledger.find_done(RUN, "step-1")
        assert await uow.llm_ledger.find_done(RUN, "step-3") is None
    assert line.calls == 2
    assert done is not None


async def test_a_step_that_failed_can_be_done_later(world: World, model_server: ModelServer):
    model_server.say("first", "One two three four five six seven eight.", latency=1)
    payer = Payer(world.workspace_id, None, RUN)
    async with aclosing(world.client.stream(world.ask("first", payer=payer, step="a"))) as events:
        assert isinstance(await anext(events), TextDelta)
    await world.client.complete(world.ask("first", payer=payer, step="a"))
    assert [(call.outcome, call.step) for call in await world.calls()] == [("failed", "a"), ("done", "a")]


@pytest.mark.parametrize("last", [Usage, Done])
async def test_a_call_that_is_closed_when_its_end_is_known_is_paid_once(
    world: World, last: type[Usage] | type[Done]
):
    async with aclosing(world.client.stream(world.ask("hello", **QUICK))) as events:
        async for event in events:
            if isinstance(event, last):
                break
    assert [(call.outcome, call.cost_micros) for call in await world.calls()] == [("done", COST)]
    assert world.client.statistics().calls == {"done": 1}


async def test_a_call_that_is_settled_again_is_paid_once(world: World):
    ledger = Ledger(world.database)
    entry = Entry(
        id=ledger.new_id(),
        provider="Stand-in",
        model="small",
        usage=Usage(100, 50, COST),
        attempts=1,
        outcome="done",
        error=None,
        duration_ms=1,
    )
    for _ in range(2):
        await ledger.settle(world.ask("hello"), entry, None)
    async with world.database.read() as uow:
        (line,) = await uow.llm_ledger.month(world.workspace_id, "2026-11", user_id=None)
    assert (line.calls, line.cost_micros, len(await world.calls())) == (1, COST, 1)


async def test_what_was_set_aside_by_a_process_that_died_is_free_after_a_while(world: World, clock: Clock):
    budget = await world.limit("workspace", micros=500)
    payer = Payer(world.workspace_id, world.user_id)
    async with world.database.transaction() as uow:
        assert isinstance(await uow.llm_ledger.reserve(payer, Amount(10, 400), seconds=30), UUID)
    await refusal(world)
    clock.now = datetime(2026, 12, 1, 0, 1, tzinfo=UTC)
    await world.client.complete(world.ask("hello", **QUICK))
    async with world.database.read() as uow:
        row = await uow.llm_budgets.get(budget)
        assert row is not None
        assert (await uow.llm_ledger.used(row, payer)).cost_micros == COST


async def test_a_call_that_fails_gives_back_what_was_set_aside(world: World, model_server: ModelServer):
    model_server.refuse("no", 400)
    await world.limit("run", micros=10_000)
    payer = Payer(world.workspace_id, world.user_id, RUN)
    with pytest.raises(LlmError):
        await world.client.complete(world.ask("no", payer=payer))
    assert await world.reserved() == 0
    assert await world.calls() == []


@pytest.mark.parametrize("limit", ["request", "run"])
async def test_a_call_whose_second_attempt_does_not_fit_gives_back_what_was_set_aside(
    world: World, model_server: ModelServer, limit: str
):
    model_server.answer("cut", {"content": "One two three four five."}, truncateAfterChunks=2, latency=1)
    await world.limit("run", micros=10_000 if limit == "request" else 220)
    more: dict[str, Any] = {"max_cost_micros": 220} if limit == "request" else {}
    payer = Payer(world.workspace_id, world.user_id, RUN)
    with pytest.raises(LlmError):
        await world.client.complete(
            world.ask("cut", payer=payer, models=("Stand-in:small",), only_these=True, **QUICK, **more)
        )
    (call,) = await world.calls()
    assert (call.attempts, await world.reserved()) == (1, call.cost_micros)


async def test_a_workspace_that_goes_during_a_call_takes_it_along(world: World):
    await world.limit("workspace", micros=10_000_000)
    async with aclosing(world.client.stream(world.ask("hello"))) as events:
        await anext(events)
        async with world.database.transaction() as uow:
            await uow.workspaces.delete(world.workspace_id)
        async for _ in events:
            pass
    assert await world.calls() == []


@pytest.mark.parametrize(
    ("micros", "text"),
    [(0, "$0.00"), (1, "$0.000001"), (500_000, "$0.50"), (1_250_000, "$1.25"), (10**12, "$1000000.00")],
)
def test_money_is_written_as_people_do(micros: int, text: str):
    assert dollars(micros) == text
