"""Webhooks against a real receiver: in order, signed, again and again, paused and resumed."""

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest

from server.background.webhooks import RETRY_SECONDS
from server.bootstrap import Services
from server.rest.webhooks import MOST
from server.settings import Settings
from storage.models import Webhook
from tests.server.api import Api
from tests.server.conftest import Clock
from tests.services.receiver import SECONDS, Receiver


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, allow_private_addresses=True)


@pytest.fixture
async def webhook(ann: Api, workspace: str, receiver: Receiver) -> dict[str, Any]:
    """A webhook for pages, and its secret."""
    return await ann.made(f"{workspace}/webhooks", {"url": receiver.url, "event_types": ["page.*"]})


async def make_pages(api: Api, workspace: str, *titles: str) -> None:
    for title in titles:
        await api.made(f"{workspace}/pages", {"title": title})


async def nudge(services: Services, workspace: str) -> None:
    """Let something happen that no webhook is told of: whoever waits looks at the clock."""
    async with services.database.transaction() as uow:
        await uow.events.append(UUID(workspace.rpartition("/")[2]), "test")


async def test_events_arrive_in_order_and_signed(
    ann: Api, workspace: str, webhook: dict[str, Any], receiver: Receiver
):
    titles = [f"Page {n}" for n in range(30)]
    await make_pages(ann, workspace, *titles)
    found = await receiver.has_taken(30)
    assert [one.json["data"]["title"] for one in found] == titles
    listed = (await ann.get(f"{workspace}/events?type=page.*&limit=200")).json()["items"]
    assert [one.headers["webhook-id"] for one in found] == [event["id"] for event in listed]
    assert [one.json["position"] for one in found] == [event["position"] for event in listed]
    assert all(one.is_signed_with(webhook["secret"]) for one in found)
    assert not found[0].is_signed_with("whsec_AAAA")


async def test_a_receiver_that_fails_for_a_while_gets_everything_in_order(
    ann: Api,
    workspace: str,
    webhook: dict[str, Any],
    receiver: Receiver,
    services: Services,
    clock: Clock,
):
    titles = [f"Page {n}" for n in range(10)]
    receiver.say(503)
    await make_pages(ann, workspace, *titles[:4])
    for attempt, pause in enumerate(RETRY_SECONDS[:3], start=1):
        await receiver.has_refused(attempt)
        await retry_is_planned(ann, webhook, attempt)
        clock.forward(seconds=pause * 1.2)
        await nudge(services, workspace)
    await receiver.has_refused(4)
    await receiver.close()
    await make_pages(ann, workspace, *titles[4:8])
    await retry_is_planned(ann, webhook, 4)
    clock.forward(hours=1)
    ann = await again(ann)
    await nudge(services, workspace)
    await retry_is_planned(ann, webhook, 5)
    receiver.say(200)
    await receiver.open()
    await make_pages(ann, workspace, *titles[8:])
    clock.forward(hours=2)
    ann = await again(ann)
    await nudge(services, workspace)
    found = await receiver.has_taken(10)
    assert [one.json["data"]["title"] for one in found] == titles
    assert len({one.headers["webhook-id"] for one in receiver.refused}) == 1, "the first one, again and again"
    log = await deliveries(ann, webhook)
    assert [line["outcome"] for line in log[:5]] == ["failed"] * 5
    assert [line["attempt"] for line in log[:6]] == [1, 2, 3, 4, 5, 6]
    assert (log[0]["status"], log[0]["error"], log[0]["response"]) == (503, "answered with 503", "ok")
    assert (log[4]["status"], log[4]["error"][:13]) == (None, "not reachable")


async def deliveries(api: Api, webhook: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the log, oldest first."""
    path = f"/v1/webhooks/{webhook['id']}/deliveries"
    parts: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        answer = (await api.get(f"{path}?limit=3" + (f"&cursor={cursor}" if cursor else ""))).json()
        parts += answer["items"]
        cursor = answer["next_cursor"]
    return parts[::-1]


async def retry_is_planned(api: Api, webhook: dict[str, Any], attempts: int) -> None:
    """Wait until so many attempts are in the log, and the webhook waits for the next one."""
    async with asyncio.timeout(SECONDS):
        while True:
            state = (await api.get(f"/v1/webhooks/{webhook['id']}")).json()
            if state["next_attempt_at"] and len(await deliveries(api, webhook)) >= attempts:
                return
            await asyncio.sleep(0.02)  # the log tells nobody of its lines: it has to be asked again


async def test_after_a_day_of_failures_it_is_paused_and_told_and_resumed(
    ann: Api,
    workspace: str,
    webhook: dict[str, Any],
    receiver: Receiver,
    services: Services,
    clock: Clock,
):
    receiver.say(500)
    await make_pages(ann, workspace, "One", "Two")
    await receiver.has_refused(1)
    await retry_is_planned(ann, webhook, 1)
    clock.forward(hours=24.1)
    ann = await again(ann)
    await nudge(services, workspace)
    paused = await is_paused(ann, workspace, webhook)
    assert (paused["payload"]["reason"], paused["subject"]) == ("failing", f"webhook:{webhook['id']}")
    found = (await ann.get(f"/v1/webhooks/{webhook['id']}")).json()
    assert (found["state"], found["paused_reason"]) == ("paused", "failing")
    receiver.say(200)
    await ann.post(f"/v1/webhooks/{webhook['id']}/resume", {})
    assert [one.json["data"]["title"] for one in await receiver.has_taken(2)] == ["One", "Two"]


async def again(api: Api) -> Api:
    """Sign in anew: time has passed."""
    body = {"email": api.user["email"], "password": "correct horse"}
    return api.signed_in((await api.post("/v1/auth/login", body)).json())


async def is_paused(api: Api, workspace: str, webhook: dict[str, Any]) -> dict[str, Any]:
    """Wait until a webhook is paused; return the event that says so."""
    async with asyncio.timeout(SECONDS):
        while True:
            events = (await api.get(f"{workspace}/events?type=webhook.paused")).json()["items"]
            if events:
                return events[-1]
            await asyncio.sleep(0.02)  # as above


async def test_a_receiver_that_is_gone_is_not_asked_again(
    ann: Api, workspace: str, webhook: dict[str, Any], receiver: Receiver
):
    receiver.say(410)
    await make_pages(ann, workspace, "One")
    assert (await is_paused(ann, workspace, webhook))["payload"]["reason"] == "gone"


async def test_what_was_missed_can_be_skipped(
    ann: Api, workspace: str, webhook: dict[str, Any], receiver: Receiver
):
    path = f"/v1/webhooks/{webhook['id']}"
    assert (await ann.post(f"{path}/pause")).json()["paused_reason"] == "by_hand"
    await make_pages(ann, workspace, "Missed")
    assert (await ann.post(f"{path}/resume", {"skip_missed": True})).json()["state"] == "active"
    await make_pages(ann, workspace, "Told")
    assert [one.json["data"]["title"] for one in await receiver.has_taken(1)] == ["Told"]


async def test_a_webhook_gets_what_its_maker_may_see_and_stops_with_their_right(
    ann: Api, bob: Api, workspace: str, receiver: Receiver
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    webhook = await bob.made(f"{workspace}/webhooks", {"url": receiver.url, "event_types": ["channel.*"]})
    await ann.made(f"{workspace}/channels", {"name": "Board", "type": "private"})
    public = await ann.made(f"{workspace}/channels", {"name": "general"})
    assert (await receiver.has_taken(1))[0].json["subject"] == public["document"]
    await ann.patch(f"{workspace}/members/{bob.user['id']}", {"role": "member"})
    assert (await is_paused(ann, workspace, webhook))["payload"]["reason"] == "owner_lost_right"


async def test_a_test_is_sent_at_once_and_told(
    ann: Api, workspace: str, webhook: dict[str, Any], receiver: Receiver
):
    path = f"/v1/webhooks/{webhook['id']}"
    await ann.post(f"{path}/pause")
    found = (await ann.post(f"{path}/test")).json()
    assert (found["outcome"], found["status"], found["event_type"]) == ("delivered", 204, "webhook.test")
    (message,) = receiver.taken
    assert (message.headers["webhook-id"], message.json["type"]) == (found["event_id"], "webhook.test")
    receiver.say(302, "Location: http://127.0.0.1/elsewhere")
    found = (await ann.post(f"{path}/test")).json()
    assert (found["outcome"], found["status"]) == ("failed", 302)
    assert await deliveries(ann, webhook) == [*(await deliveries(ann, webhook))[:1], found]


async def test_a_new_secret_signs_beside_the_old_one_for_a_day(
    ann: Api, webhook: dict[str, Any], receiver: Receiver, clock: Clock
):
    path = f"/v1/webhooks/{webhook['id']}"
    fresh = (await ann.post(f"{path}/secret")).json()["secret"]
    await ann.post(f"{path}/test")
    assert fresh != webhook["secret"]
    assert receiver.taken[-1].is_signed_with(fresh)
    assert receiver.taken[-1].is_signed_with(webhook["secret"])
    clock.forward(hours=24.1)
    ann = await again(ann)
    await ann.post(f"{path}/test")
    assert receiver.taken[-1].is_signed_with(fresh)
    assert not receiver.taken[-1].is_signed_with(webhook["secret"])


async def test_a_secret_is_told_once_and_sealed(
    ann: Api, workspace: str, receiver: Receiver, services: Services
):
    once = {"Idempotency-Key": "once"}
    made = [
        (await ann.post(f"{workspace}/webhooks", {"url": receiver.url}, headers=once)).json()
        for _ in range(2)
    ]
    assert made[0]["secret"].startswith("whsec_")
    assert made[1] == made[0] | {"secret": None}
    path = f"/v1/webhooks/{made[0]['id']}"
    for answer in (await ann.get(path), await ann.get(f"{workspace}/webhooks")):
        assert "secret" not in answer.text
    async with services.database.read() as uow:
        stored = await uow.deliveries.webhook(UUID(made[0]["id"]))
        assert stored is not None
        assert made[0]["secret"].encode() not in stored.secret


@pytest.mark.parametrize(
    "url",
    ["https://ann:secret@example.com/", "http://[::1", "https://example.com:99999/", "http:///x"],
)
async def test_an_address_that_is_none_is_told(ann: Api, workspace: str, url: str):
    answer = await ann.post(f"{workspace}/webhooks", {"url": url})
    assert (answer.status_code, answer.json()["code"]) == (422, "address_refused")
    assert answer.json()["errors"][0]["path"] == "body.url"


async def test_a_webhook_is_changed_and_deleted(
    ann: Api, workspace: str, webhook: dict[str, Any], receiver: Receiver
):
    path = f"/v1/webhooks/{webhook['id']}"
    changed = (await ann.patch(path, {"event_types": ["channel.created"], "description": "Ours"})).json()
    assert (changed["event_types"], changed["description"]) == (["channel.created"], "Ours")
    await make_pages(ann, workspace, "Not wanted")
    await ann.made(f"{workspace}/channels", {"name": "general"})
    assert [one.json["type"] for one in await receiver.has_taken(1)] == ["channel.created"]
    assert (await ann.delete(path)).status_code == 204
    assert (await ann.get(path)).status_code == 404


async def test_a_workspace_has_only_so_many(ann: Api, workspace: str, receiver: Receiver, services: Services):
    async with services.database.transaction() as uow:
        for _ in range(MOST):
            row = Webhook(
                id=uow.new_id(),
                workspace_id=UUID(workspace.rpartition("/")[2]),
                url=receiver.url,
                secret=b"",
                state="paused",
                created_by_user_id=UUID(ann.user["id"]),
                created_at=uow.now,
                updated_at=uow.now,
            )
            await uow.webhooks.add(row)
    answer = await ann.post(f"{workspace}/webhooks", {"url": receiver.url})
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_webhooks")
