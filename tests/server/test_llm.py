"""Providers, models, usage and budgets of a workspace, by REST."""

from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from agents.llm.messages import Message, Request
from server.bootstrap import Services
from server.settings import Settings
from storage.models import LlmProvider
from storage.repositories.llm import Payer
from storage.vault import place_of
from tests.server.api import Api
from tests.server.specimens import NOWHERE
from tests.services.models import ModelServer

KEY = "sk-test-hunter2-hunter2"
MODEL: dict[str, Any] = {
    "id": "small",
    "context_tokens": 9000,
    "max_output_tokens": 1000,
    "input_price": 1.5,
    "output_price": 2.5,
    "grade": 3,
    "abilities": ["tools", "structured"],
}


@pytest.fixture
def settings(settings: Settings, model_server: ModelServer) -> Settings:
    return msgspec.structs.replace(settings, llm_hosts=(model_server.place, "models.invalid:443"))


def code(answer: Any) -> tuple[int, str, list[str]]:
    problem = answer.json()
    return answer.status_code, problem["code"], [error["path"] for error in problem["errors"]]


async def test_a_key_goes_in_and_never_comes_out(ann: Api, workspace: str, services: Services):
    body = {"name": "Mine", "base_url": NOWHERE, "api_key": KEY, "models": [MODEL]}
    key = {"Idempotency-Key": str(uuid4())}
    made = await ann.post(f"{workspace}/llm-providers", body, headers=key)
    path = f"/v1/llm-providers/{made.json()['id']}"
    answers = [
        made,
        await ann.post(f"{workspace}/llm-providers", body, headers=key),
        await ann.get(path),
        await ann.get(f"{workspace}/llm-providers"),
        await ann.patch(path, {"name": "Ours"}),
        await ann.get(f"{workspace}/events"),
        await ann.get(f"{workspace}/audit"),
        await ann.get(f"{workspace}/llm-models"),
    ]
    assert {answer.status_code for answer in answers} == {200, 201}
    assert not any("hunter2" in answer.text for answer in answers)
    assert made.json()["has_api_key"] is True
    assert made.json()["models"] == [MODEL]
    row_id = UUID(made.json()["id"])
    async with services.database.read() as uow:
        row = await uow.session.get(LlmProvider, row_id)
    assert row is not None
    assert row.api_key is not None
    assert services.vault.open(row.api_key, place_of("llm_providers", "api_key", row_id)) == KEY
    assert "hunter2" not in repr(row)
    audited = [entry["action"] for entry in answers[6].json()["items"]]
    assert {"llm_provider.created", "llm_provider.updated"} <= set(audited)


async def test_with_another_address_the_key_has_to_be_given_again(
    ann: Api, workspace: str, model_server: ModelServer
):
    body = {"name": "Mine", "base_url": NOWHERE, "api_key": KEY}
    path = f"/v1/llm-providers/{(await ann.made(f'{workspace}/llm-providers', body))['id']}"
    refused = await ann.patch(path, {"base_url": model_server.url})
    assert code(refused) == (422, "key_needed", ["body.api_key"])
    assert (await ann.patch(path, {"base_url": NOWHERE, "name": "Same"})).status_code == 200
    moved = await ann.patch(path, {"base_url": model_server.url, "api_key": None})
    assert (moved.status_code, moved.json()["has_api_key"]) == (200, False)


@pytest.mark.parametrize(
    ("change", "status", "what", "path"),
    [
        ({"kind": "unheard-of"}, 422, "unknown_kind", "body.kind"),
        ({"base_url": None}, 422, "validation_failed", "body.base_url"),
        ({"base_url": "https://elsewhere.invalid/v1"}, 422, "address_refused", "body.base_url"),
        ({"kind": "openai", "base_url": None}, 422, "address_refused", "body.base_url"),
        ({"name": "a:b"}, 422, "validation_failed", "body.name"),
        ({"models": [MODEL, MODEL]}, 422, "validation_failed", "body.models"),
        ({"models": [{**MODEL, "input_price": -1}]}, 422, "validation_failed", "body.models[0].input_price"),
        ({"models": [{**MODEL, "mood": 1}]}, 422, "validation_failed", "body.models[0].mood"),
    ],
)
async def test_a_provider_that_cannot_be_is_refused(
    ann: Api, workspace: str, change: dict[str, Any], status: int, what: str, path: str
):
    body = {"name": "Mine", "base_url": NOWHERE, **change}
    answer = await ann.post(f"{workspace}/llm-providers", body)
    assert code(answer)[:2] == (status, what)
    assert code(answer)[2][0].startswith(path.partition("[")[0])


async def test_names_are_unique_whatever_their_case(ann: Api, workspace: str):
    await ann.made(f"{workspace}/llm-providers", {"name": "Mine", "base_url": NOWHERE})
    other = await ann.made(f"{workspace}/llm-providers", {"name": "Other", "base_url": NOWHERE})
    answer = await ann.post(f"{workspace}/llm-providers", {"name": "MINE", "base_url": NOWHERE})
    assert code(answer)[:2] == (409, "name_taken")
    assert code(await ann.patch(f"/v1/llm-providers/{other['id']}", {"name": "mine"}))[1] == "name_taken"
    assert (await ann.patch(f"/v1/llm-providers/{other['id']}", {"name": "OTHER"})).status_code == 200


async def test_a_workspace_has_so_many_providers(ann: Api, workspace: str):
    for n in range(20):
        await ann.made(f"{workspace}/llm-providers", {"name": f"P{n}", "base_url": NOWHERE})
    answer = await ann.post(f"{workspace}/llm-providers", {"name": "More", "base_url": NOWHERE})
    assert code(answer)[:2] == (409, "too_many_providers")


async def test_a_provider_is_tried_and_what_it_costs_is_counted(
    ann: Api, bob: Api, workspace: str, services: Services, model_server: ModelServer
):
    usage = {"prompt_tokens": 100, "completion_tokens": 40}
    model_server.answer("ready", {"content": "Ready.", "usage": usage}, match={"model": "small"})
    model_server.refuse("ready", 401, f"Incorrect API key provided: {KEY}", match={"model": "other"})
    body = {
        "name": "Mine",
        "base_url": model_server.url,
        "api_key": KEY,
        "models": [MODEL],
        "is_enabled": False,
    }
    made = await ann.made(f"{workspace}/llm-providers", body)
    path = f"/v1/llm-providers/{made['id']}/test"
    tried = (await ann.post(path, {})).json()
    assert (tried["is_ok"], tried["model"], tried["text"]) == (True, "small", "Ready.")
    assert tried["cost_usd"] == pytest.approx((100 * 1.5 + 40 * 2.5) / 1e6)
    failed = (await ann.post(path, {"model": "other"})).json()
    assert (failed["is_ok"], failed["code"]) == (False, "wrong_key")
    assert "hunter2" not in failed["detail"]

    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    (call,) = (await ann.get(f"{workspace}/llm-calls")).json()["items"]
    assert (call["task"], call["input_tokens"], call["outcome"]) == ("test", 100, "done")
    month = (await ann.get(f"{workspace}/llm-usage")).json()
    assert (month["calls"], month["output_tokens"], month["cost_usd"]) == (1, 40, tried["cost_usd"])
    assert [line["user_id"] for line in month["lines"]] == [ann.user["id"]]
    earlier = (await ann.get(f"{workspace}/llm-usage?month=2020-01")).json()
    assert (earlier["calls"], earlier["lines"]) == (0, [])
    assert (await ann.get(f"{workspace}/llm-usage?month=2020-13")).status_code == 400
    # A member sees what was asked for them.
    assert (await bob.get(f"{workspace}/llm-calls?user_id={ann.user['id']}")).json()["items"] == []
    assert (await bob.get(f"{workspace}/llm-usage")).json()["calls"] == 0
    by_ann = f"{workspace}/llm-calls?user_id={ann.user['id']}"
    assert len((await ann.get(by_ann)).json()["items"]) == 1
    assert (await ann.get(f"{workspace}/llm-calls?run_id={uuid4()}")).json()["items"] == []


async def test_members_see_which_models_there_are(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    assert (await bob.get(f"{workspace}/llm-models")).json()["items"] == []
    await ann.made(f"{workspace}/llm-providers", {"name": "Mine", "base_url": NOWHERE, "models": [MODEL]})
    off = {"name": "Off", "base_url": NOWHERE, "models": [MODEL], "is_enabled": False}
    await ann.made(f"{workspace}/llm-providers", off)
    (model,) = (await bob.get(f"{workspace}/llm-models")).json()["items"]
    assert (model["name"], model["input_price"], model["is_built_in"]) == ("Mine:small", 1.5, False)
    await ann.made(f"{workspace}/llm-providers", {"name": "Known", "kind": "openai", "base_url": NOWHERE})
    names = [one["name"] for one in (await bob.get(f"{workspace}/llm-models")).json()["items"]]
    assert "Known:gpt-4o" in names


async def test_a_budget_is_set_in_place_of_the_one_before(
    ann: Api, bob: Api, workspace: str, services: Services, model_server: ModelServer
):
    path = f"{workspace}/llm-budgets"
    first = (await ann.put(path, {"scope": "workspace", "limit_usd": 0.000_01})).json()
    body = {"name": "Mine", "base_url": model_server.url, "models": [MODEL]}
    made = await ann.made(f"{workspace}/llm-providers", body)
    tried = (await ann.post(f"/v1/llm-providers/{made['id']}/test", {})).json()
    assert tried["code"] == "budget_exceeded"
    assert "This workspace's budget for the month is $0.00001." in tried["detail"]
    (shown,) = (await ann.get(path)).json()["items"]
    assert (shown["id"], shown["is_exhausted"], shown["limit_usd"]) == (first["id"], True, 0.000_01)
    second = (await ann.put(path, {"scope": "workspace", "limit_tokens": 5000})).json()
    assert (second["id"], second["limit_usd"], second["limit_tokens"]) == (first["id"], None, 5000)
    assert second["is_exhausted"] is False
    personal = {"scope": "user", "user_id": ann.user["id"], "limit_usd": 2}
    assert (await ann.put(path, personal)).json()["user_id"] == ann.user["id"]
    assert len((await ann.get(path)).json()["items"]) == 2
    for wrong, status in (
        ({"scope": "workspace"}, 422),
        ({"scope": "run", "user_id": ann.user["id"], "limit_usd": 1}, 422),
        ({"scope": "user", "user_id": bob.user["id"], "limit_usd": 1}, 404),
        ({"scope": "galaxy", "limit_usd": 1}, 422),
        ({"scope": "run", "limit_usd": -1}, 422),
    ):
        assert (await ann.put(path, wrong)).status_code == status
    assert (await ann.delete(f"/v1/llm-budgets/{first['id']}")).status_code == 204
    assert (await ann.delete(f"/v1/llm-budgets/{first['id']}")).status_code == 404
    found = (await ann.get(f"{workspace}/events?type=llm_budget.*")).json()["items"]
    assert [event["type"].partition(".")[2] for event in found] == [
        "created",
        "exhausted",
        "updated",
        "created",
        "deleted",
    ]


async def test_the_workspaces_default_is_taken_where_nothing_is_named(
    ann: Api, workspace: str, services: Services, model_server: ModelServer
):
    model_server.say("hello", "Hi.")
    models = [MODEL, {**MODEL, "id": "dear", "input_price": 50}]
    await ann.made(
        f"{workspace}/llm-providers", {"name": "Mine", "base_url": model_server.url, "models": models}
    )
    request = Request(
        payer=Payer(UUID(workspace.rpartition("/")[2]), UUID(ann.user["id"])),
        messages=(Message("user", "hello"),),
    )
    assert (await services.llm.complete(request)).model == "small"
    settings = {"default_llm_config": {"provider": "mine", "model": "dear"}}
    await ann.patch(workspace, {"settings": settings})
    assert (await services.llm.complete(request)).model == "dear"
    assert services.llm.statistics().calls == {"done": 2}
