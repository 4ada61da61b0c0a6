import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from server.bootstrap import Services
from server.tokens import Tokens
from tests.server.api import PASSWORD, Api
from tests.server.conftest import Clock


async def log_in(api: Api, email: str = "ann@example.com", password: str = PASSWORD):
    return await api.post("/v1/auth/login", {"email": email, "password": password})


async def test_registering_signs_in(ann: Api):
    me = (await ann.get("/v1/me")).json()
    assert (me["email"], me["name"]) == ("ann@example.com", "Ann")


async def test_an_address_is_one_whatever_its_case(api: Api, ann: Api):
    body = {"email": "ANN@Example.com", "password": PASSWORD, "name": "Other"}
    answer = await api.post("/v1/auth/register", body)
    assert (answer.status_code, answer.json()["code"]) == (409, "email_taken")
    assert (await log_in(api, "Ann@EXAMPLE.com")).status_code == 200


async def test_two_registrations_at_once_make_one_account(api: Api):
    body = {"email": "c@example.com", "password": PASSWORD, "name": "C"}
    answers = await asyncio.gather(*(api.post("/v1/auth/register", body) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_a_wrong_password_and_an_unknown_account_look_alike(api: Api, ann: Api):
    wrong, unknown = await log_in(api, password="wrong horse"), await log_in(api, "no@example.com")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["code"] == unknown.json()["code"] == "invalid_credentials"


async def test_an_unknown_account_costs_a_hash_too(
    api: Api, services: Services, monkeypatch: pytest.MonkeyPatch
):
    checked: list[str | None] = []
    passwords = services.accounts._passwords  # pyright: ignore[reportPrivateUsage]
    verify = passwords._check  # pyright: ignore[reportPrivateUsage]

    def noting(stored: str, password: str) -> bool:
        checked.append(stored)
        return verify(stored, password)

    monkeypatch.setattr(passwords, "_check", noting)
    await log_in(api, "no@example.com")
    assert checked
    assert checked[0]
    assert checked[0].startswith("$argon2id$v=19$m=8,t=1,p=1$")


async def test_a_profile_is_replaced_as_a_whole(ann: Api):
    await ann.patch("/v1/me", {"profile_info": {"bio": "hello"}})
    changed = await ann.patch(
        "/v1/me", {"profile_info": {"avatar_url": "https://e.com/a.png"}, "name": "Anne"}
    )
    assert changed.json()["profile_info"] == {"avatar_url": "https://e.com/a.png", "bio": None}
    assert (await ann.get("/v1/me")).json() == changed.json()


async def test_nobody_chooses_who_pays_for_them(ann: Api):
    assert ann.user["stripe_customer_id"] is None
    refused = await ann.patch("/v1/me", {"stripe_customer_id": "cus_another"})
    assert (refused.status_code, refused.json()["errors"][0]["path"]) == (422, "body.stripe_customer_id")


async def test_an_access_token_ends_by_itself(ann: Api, clock: Clock):
    clock.forward(minutes=15, seconds=1)
    answer = await ann.get("/v1/me")
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_refreshing_rotates(api: Api, ann: Api, clock: Clock):
    clock.forward(minutes=20)
    answer = await api.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    fresh = api.signed_in(answer.json())
    assert fresh.refresh_token != ann.refresh_token
    assert (await fresh.get("/v1/me")).status_code == 200


async def test_reusing_a_refresh_token_revokes_the_family(api: Api, ann: Api):
    fresh = api.signed_in((await api.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})).json())
    for token in (ann.refresh_token, fresh.refresh_token):
        answer = await api.post("/v1/auth/refresh", {"refresh_token": token})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_refresh_token")
    assert (await fresh.get("/v1/me")).status_code == 401


async def test_of_simultaneous_refreshes_one_wins_and_the_family_ends(api: Api, ann: Api):
    body = {"refresh_token": ann.refresh_token}
    answers = await asyncio.gather(*(api.post("/v1/auth/refresh", body) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 401, 401]
    assert (await ann.get("/v1/me")).status_code == 401


async def test_another_session_survives(api: Api, ann: Api):
    other = api.signed_in((await log_in(api)).json())
    await api.post("/v1/auth/logout", {"refresh_token": ann.refresh_token})
    assert (await ann.get("/v1/me")).status_code == 401
    assert (await other.get("/v1/me")).status_code == 200


async def test_a_session_ends_when_it_is_not_used(api: Api, ann: Api, clock: Clock):
    clock.forward(days=31)
    answer = await api.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    assert answer.status_code == 401


async def test_what_is_no_refresh_token_is_refused(api: Api):
    for token in ("", "x", "ifr_", "ifr_" + "0" * 32 + "_" + "a" * 43, "a\x00b"):
        assert (await api.post("/v1/auth/refresh", {"refresh_token": token})).status_code == 401
        assert (await api.post("/v1/auth/logout", {"refresh_token": token})).status_code == 204


async def test_guessing_at_one_account_is_limited(api: Api, ann: Api):
    for _ in range(5):
        assert (await log_in(api, password="wrong horse")).status_code == 401
    answer = await log_in(api)
    assert (answer.status_code, answer.json()["code"]) == (429, "rate_limited")
    assert 0 < int(answer.headers["retry-after"]) <= 900
    assert answer.headers["ratelimit-policy"] == '"login-account";q=5;w=900'
    assert answer.headers["ratelimit"].startswith('"login-account";r=0;t=')


async def test_a_success_forgives_the_failures_before_it(api: Api, ann: Api):
    for _ in range(3):
        for _ in range(4):
            await log_in(api, password="wrong horse")
        assert (await log_in(api)).status_code == 200


async def test_a_credential_that_is_none_is_refused(api: Api):
    unsigned = "Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."
    for credential in ("", "Bearer", "Bearer x", "Basic YTpi", unsigned, "Bearer \xff"):
        answer = await api.get("/v1/me", headers={"Authorization": credential.encode("latin-1")})
        assert answer.status_code == 401


async def test_a_foreign_token_is_refused(api: Api, ann: Api, services: Services, clock: Clock):
    user_id = UUID(ann.user["id"])
    foreign = Tokens(b"f" * 32, lifetime=timedelta(minutes=5)).issue(user_id, uuid4(), now=clock())
    assert await services.access.admit(foreign, "page:1") is None
    assert ann.token
    admitted = await services.access.admit(ann.token, "page:1")
    assert admitted
    principal, right = admitted
    assert right == "none"
    assert (principal.id, principal.name, principal.kind) == (f"user:{user_id}", "Ann", "user")
    assert principal.expires_at == int(clock().timestamp()) + 900
