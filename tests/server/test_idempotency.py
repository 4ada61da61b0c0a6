"""The same request sent twice with a key is done once."""

import asyncio

import pytest

from tests.server.api import Api
from tests.server.conftest import Clock


async def test_the_same_key_gives_the_same_answer(ann: Api):
    first, second = [
        await ann.post("/v1/workspaces", {"name": "x"}, headers={"Idempotency-Key": "k1"}) for _ in "12"
    ]
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.content == second.content
    assert second.headers["idempotent-replayed"] == "true"
    assert len((await ann.get("/v1/workspaces")).json()["items"]) == 1


async def test_simultaneous_requests_with_one_key_do_it_once(ann: Api):
    answers = await asyncio.gather(
        *(ann.post("/v1/workspaces", {"name": "x"}, headers={"Idempotency-Key": "k"}) for _ in range(5))
    )
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len((await ann.get("/v1/workspaces")).json()["items"]) == 1


async def test_a_key_belongs_to_one_request_and_one_person(ann: Api, bob: Api):
    key = {"Idempotency-Key": "k"}
    await ann.post("/v1/workspaces", {"name": "x"}, headers=key)
    other = await ann.post("/v1/workspaces", {"name": "y"}, headers=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await bob.post("/v1/workspaces", {"name": "y"}, headers=key)).status_code == 201


async def test_a_refused_request_does_not_use_its_key(ann: Api, workspace: str):
    key = {"Idempotency-Key": "k"}
    refused = await ann.post(f"{workspace}/members", {"email": "bob@example.com"}, headers=key)
    assert refused.status_code == 422
    await ann.sign_up("bob")
    assert (
        await ann.post(f"{workspace}/members", {"email": "bob@example.com"}, headers=key)
    ).status_code == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
async def test_a_key_is_short_and_plain(ann: Api, key: str):
    answer = await ann.post("/v1/workspaces", {"name": "x"}, headers={"Idempotency-Key": key.encode()})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")


async def test_a_key_is_forgotten_after_a_day(ann: Api, clock: Clock):
    key = {"Idempotency-Key": "k"}
    await ann.post("/v1/workspaces", {"name": "x"}, headers=key)
    clock.forward(hours=25)
    answer = await ann.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    ann = ann.signed_in(answer.json())
    assert (await ann.post("/v1/workspaces", {"name": "y"}, headers=key)).status_code == 201
