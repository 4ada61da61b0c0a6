"""Starting agents from outside: signed as our own webhooks are, once for each message, bounded."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from integrations.signatures import signed_headers
from server.bootstrap import Services
from server.rest.trigger_hooks import MOST_BYTES, TOLERANCE_SECONDS
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.server.triggering import DEFINITION, READY, add, again, fires, runs

BODY = b'{"campaign_brief": "Boots", "variants": 2}'


@pytest.fixture
async def agent(ann: Api, workspace: str) -> dict[str, Any]:
    body = {"name": "Wizard", "agent_definition_id": DEFINITION, "yaml_config": READY}
    return await ann.made(f"{workspace}/agents", body)


async def send(
    api: Api, trigger: dict[str, Any], secret: str, clock: Clock, body: bytes = BODY, **changes: str
) -> httpx2.Response:
    """Call a trigger's address as another program does."""
    headers = signed_headers([secret], changes.pop("id", str(uuid4())), int(clock().timestamp()), body)
    headers |= {"Content-Type": "application/json"} | {
        f"webhook-{name}": value for name, value in changes.items()
    }
    path = trigger["url"].removeprefix("http://127.0.0.1:8000")
    return await Api(api.client, api.description).request("POST", path, content=body, headers=headers)


async def test_a_signed_message_starts_a_run_with_what_it_says(ann: Api, agent: dict[str, Any], clock: Clock):
    made = await add(ann, agent, "webhook")
    answer = await send(ann, made, made["secret"], clock)
    assert answer.status_code == 202
    (run,) = await runs(ann, agent)
    assert answer.json() == {"run_id": run["run_id"]}
    assert (run["trigger_type"], run["triggered_by_user_id"]) == ("webhook", ann.user["id"])
    assert run["input_params_snapshot"] == {"campaign_brief": "Boots", "variants": 2}


async def test_the_body_can_be_named_in_the_inputs(ann: Api, agent: dict[str, Any], clock: Clock):
    inputs = {"campaign_brief": "${body.order.title} by ${id}"}
    made = await add(ann, agent, "webhook", inputs=inputs)
    answer = await send(ann, made, made["secret"], clock, b'{"order": {"title": "Boots"}}', id="msg_1")
    assert answer.status_code == 202
    assert (await runs(ann, agent))[0]["input_params_snapshot"] == {"campaign_brief": "Boots by msg_1"}


async def test_a_message_that_comes_again_has_had_its_run(ann: Api, agent: dict[str, Any], clock: Clock):
    made = await add(ann, agent, "webhook")
    answers = await asyncio.gather(*(send(ann, made, made["secret"], clock, id="same") for _ in range(4)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["run_id"] for answer in answers}) == 1
    assert len(await runs(ann, agent)) == 1
    await ann.patch(f"/v1/triggers/{made['id']}", {"state": "paused"})
    assert (await send(ann, made, made["secret"], clock, id="same")).json() == answers[0].json()


async def test_what_is_not_signed_as_it_has_to_be_starts_nothing(
    ann: Api, agent: dict[str, Any], clock: Clock
):
    made = await add(ann, agent, "webhook")
    secret = made["secret"]
    other = await add(ann, agent, "webhook")
    late = str(int(clock().timestamp()) - TOLERANCE_SECONDS - 1)
    for answer in (
        await send(ann, made, other["secret"], clock),
        await send(ann, made, secret, clock, signature=""),
        await send(ann, made, secret, clock, signature="v1,AAAA v2,x"),
        await send(ann, made, secret, clock, timestamp=late),
        await send(ann, made, secret, clock, timestamp="now"),
        await send(ann, made, secret, clock, id=""),
        await send(ann, {**made, "url": f"/v1/hooks/{uuid4()}"}, secret, clock),
        await send(
            ann,
            {**made, "url": f"/v1/hooks/{(await add(ann, agent, 'event', events=['x']))['id']}"},
            secret,
            clock,
        ),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_signature")
    headers = signed_headers([secret], "x", int(clock().timestamp()) - TOLERANCE_SECONDS - 1, BODY)
    old = await ann.client.post(made["url"], content=BODY, headers=headers)
    assert old.status_code == 401
    assert await runs(ann, agent) == []
    assert await fires(ann, made) == []


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "malformed_json"),
        (b"\xff", 400, "malformed_json"),
        (b'{"campaign_brief": "\\u0000"}', 422, "validation_failed"),
        (b'"' + b"x" * MOST_BYTES + b'"', 413, "body_too_large"),
        (b'{"nothing": 1}', 409, "invalid_inputs"),
        (b"[" * 100_000, 400, "malformed_json"),
    ],
)
async def test_bad_bodies_are_refused(
    ann: Api, agent: dict[str, Any], clock: Clock, body: bytes, status: int, code: str
):
    made = await add(ann, agent, "webhook")
    answer = await send(ann, made, made["secret"], clock, body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await runs(ann, agent) == []


async def test_a_secret_is_renewed_and_the_old_one_is_good_for_a_day(
    ann: Api, agent: dict[str, Any], clock: Clock, services: Services
):
    made = await add(ann, agent, "webhook")
    path = f"/v1/triggers/{made['id']}/secret"
    renewed = (await ann.post(path)).json()["secret"]
    assert renewed != made["secret"]
    async with services.database.read() as uow:
        row = await uow.agent_triggers.get(UUID(made["id"]))
        assert row is not None
        assert row.secret is not None
        assert renewed.encode() not in row.secret
    for secret in (made["secret"], renewed):
        assert (await send(ann, made, secret, clock)).status_code == 202
    clock.forward(hours=25)
    ann = await again(ann)
    assert (await send(ann, made, made["secret"], clock)).status_code == 401
    assert (await send(ann, made, renewed, clock)).status_code == 202
    other = await add(ann, agent, "schedule", cron="@daily")
    assert (await ann.post(f"/v1/triggers/{other['id']}/secret")).json()["code"] == "no_webhook"


async def test_one_that_is_paused_or_rests_says_so(ann: Api, agent: dict[str, Any], clock: Clock):
    made = await add(ann, agent, "webhook", max_fires_per_hour=1)
    assert (await send(ann, made, made["secret"], clock)).status_code == 202
    rests = await send(ann, made, made["secret"], clock)
    assert (rests.status_code, rests.headers["retry-after"]) == (429, "600")
    await ann.patch(f"/v1/triggers/{made['id']}", {"state": "paused"})
    paused = await send(ann, made, made["secret"], clock)
    assert (paused.status_code, paused.json()["code"]) == (409, "trigger_paused")
