"""Forgotten passwords, proved addresses, sessions and the audit log; mails go through a real SMTP server."""

import re
from collections.abc import AsyncIterator
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
import pytest

from server.app import create_app
from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import PASSWORD, Api, open_api
from tests.server.conftest import Clock
from tests.services.smtp import MailServer, text_of

NEW = "a new horse, please"

VERIFICATIONS: WeakKeyDictionary[Api, str] = WeakKeyDictionary()
"""What registering has mailed."""


@pytest.fixture
def settings(settings: Settings, mail_server: MailServer) -> Settings:
    return msgspec.structs.replace(
        settings,
        smtp_host="127.0.0.1",
        smtp_port=mail_server.port,
        smtp_security="none",
        mail_from="flux@example.org",
        public_url="https://flux.example",
    )


@pytest.fixture
async def ann(api: Api, mail_server: MailServer) -> Api:
    ann = await api.sign_up("ann")
    VERIFICATIONS[ann] = await mailed(mail_server, "verify")
    return ann


@pytest.fixture
async def elsewhere(services: Services) -> AsyncIterator[Api]:
    async with open_api(create_app(services), "198.51.100.7") as opened:
        yield opened


async def mailed(mail_server: MailServer, kind: str, to: str = "ann@example.com") -> str:
    """Return the token of the next mail."""
    mail = await mail_server.next_mail()
    assert mail["to"] == to
    found = re.search(rf"https://flux\.example/account#{kind}=(ift_\S+)", text_of(mail))
    assert found, text_of(mail)
    return found[1]


async def ask_for_reset(api: Api, mail_server: MailServer) -> str:
    answer = await api.post("/v1/auth/password-reset", {"email": "Ann@Example.com"})
    assert answer.status_code == 204
    return await mailed(mail_server, "reset")


async def reset(api: Api, token: str, password: str = NEW) -> int:
    body = {"token": token, "new_password": password}
    return (await api.post("/v1/auth/password-reset/confirm", body)).status_code


async def log_in(api: Api, password: str) -> Any:
    return await api.post("/v1/auth/login", {"email": "ann@example.com", "password": password})


async def actions(api: Api, path: str = "/v1/me/audit") -> list[str]:
    return [entry["action"] for entry in (await api.get(path)).json()["items"]]


async def test_a_forgotten_password_is_replaced_by_a_mailed_link(api: Api, ann: Api, mail_server: MailServer):
    assert await reset(api, await ask_for_reset(api, mail_server)) == 204
    assert (await log_in(api, PASSWORD)).status_code == 401
    again = api.signed_in((await log_in(api, NEW)).json())
    assert (await ann.get("/v1/me")).status_code == 401, "whoever was signed in is not any more"
    assert (await again.get("/v1/me")).json()["email_verified_at"], "the mailbox is proved by this too"
    assert (await actions(again))[:4] == [
        "account.signed_in",
        "account.sign_in_failed",
        "account.password_reset",
        "account.password_reset_requested",
    ]


async def test_a_reset_link_works_once_and_only_the_newest(api: Api, ann: Api, mail_server: MailServer):
    older, newer = await ask_for_reset(api, mail_server), await ask_for_reset(api, mail_server)
    assert await reset(api, older) == 422
    assert await reset(api, newer) == 204
    assert await reset(api, newer, "yet another horse") == 422
    assert (await log_in(api, NEW)).status_code == 200


async def test_a_reset_link_ends_after_an_hour(api: Api, ann: Api, mail_server: MailServer, clock: Clock):
    token = await ask_for_reset(api, mail_server)
    clock.forward(hours=1, seconds=1)
    assert await reset(api, token) == 422
    assert (await log_in(api, PASSWORD)).status_code == 200


async def test_a_link_is_good_for_its_purpose_only(api: Api, ann: Api, mail_server: MailServer):
    verification = VERIFICATIONS[ann]
    assert await reset(api, verification) == 422
    token = await ask_for_reset(api, mail_server)
    assert (await api.post("/v1/auth/verify-email", {"token": token})).status_code == 422
    for made_up in ("", "x", "ift_" + "0" * 32 + "_" + "a" * 43, token[:-1] + "!"):
        assert await reset(api, made_up) == 422


async def test_asking_tells_nobody_whether_there_is_an_account(api: Api, ann: Api, mail_server: MailServer):
    known = await api.post("/v1/auth/password-reset", {"email": "ann@example.com"})
    unknown = await api.post("/v1/auth/password-reset", {"email": "nobody@example.com"})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (204, b"")
    await mailed(mail_server, "reset")
    for _ in range(4):
        await api.post("/v1/auth/password-reset", {"email": "nobody@example.com"})
    limited = await api.post("/v1/auth/password-reset", {"email": "nobody@example.com"})
    assert limited.status_code == 429
    assert mail_server.count == 2, "the one at the start, and the one reset"


async def test_tokens_are_stored_as_hashes(api: Api, ann: Api, mail_server: MailServer, services: Services):
    from sqlalchemy import text

    token = await ask_for_reset(api, mail_server)
    async with services.database.read() as uow:
        rows = (await uow.session.execute(text("SELECT * FROM account_tokens"))).all()
    assert len(rows) == 2
    _kind, _row, secret = token.split("_", 2)  # there may be more of them in the secret itself
    assert secret not in str(rows)


async def test_an_address_is_proved_by_the_mail_that_registering_sends(
    api: Api, ann: Api, mail_server: MailServer
):
    assert (await ann.get("/v1/me")).json()["email_verified_at"] is None
    token = VERIFICATIONS[ann]
    assert (await api.post("/v1/auth/verify-email", {"token": token})).status_code == 204
    assert (await ann.get("/v1/me")).json()["email_verified_at"]
    assert (await api.post("/v1/auth/verify-email", {"token": token})).status_code == 422
    assert (await ann.post("/v1/me/verify-email")).status_code == 204
    assert "account.email_verified" in await actions(ann)


async def test_a_mail_can_be_had_again(api: Api, ann: Api, mail_server: MailServer):
    assert (await ann.post("/v1/me/verify-email")).status_code == 204
    token = await mailed(mail_server, "verify")
    older = VERIFICATIONS[ann]
    assert (await api.post("/v1/auth/verify-email", {"token": older})).status_code == 422
    assert (await api.post("/v1/auth/verify-email", {"token": token})).status_code == 204


async def test_changing_the_password_needs_the_old_one_and_ends_the_other_sessions(api: Api, ann: Api):
    other = api.signed_in((await log_in(api, PASSWORD)).json())
    wrong = await ann.post("/v1/me/password", {"current_password": "wrong horse", "new_password": NEW})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_credentials")
    right = await ann.post("/v1/me/password", {"current_password": PASSWORD, "new_password": NEW})
    assert right.status_code == 204
    assert (await ann.get("/v1/me")).status_code == 200
    assert (await other.get("/v1/me")).status_code == 401
    assert (await log_in(api, NEW)).status_code == 200


async def test_sessions_are_listed_and_ended_one_by_one(api: Api, ann: Api, elsewhere: Api, bob: Api):
    answer = await elsewhere.post(
        "/v1/auth/login",
        {"email": "ann@example.com", "password": PASSWORD},
        headers={"User-Agent": "Phone\x7f 1.0"},
    )
    phone = elsewhere.signed_in(answer.json())
    first, second = (await ann.get("/v1/me/sessions")).json()["items"]
    assert (first["is_current"], second["is_current"]) == (True, False)
    assert (second["user_agent"], second["address"]) == ("Phone 1.0", "198.51.100.7")
    assert (await bob.delete(f"/v1/me/sessions/{second['id']}")).status_code == 404
    assert (await phone.get("/v1/me")).status_code == 200
    assert (await ann.delete(f"/v1/me/sessions/{second['id']}")).status_code == 204
    assert (await phone.get("/v1/me")).status_code == 401
    assert (await ann.delete(f"/v1/me/sessions/{second['id']}")).status_code == 204
    assert (await actions(ann)).count("account.session_revoked") == 1


async def test_all_other_sessions_are_ended_at_once(api: Api, ann: Api, bob: Api):
    others = [api.signed_in((await log_in(api, PASSWORD)).json()) for _ in range(3)]
    assert (await ann.delete("/v1/me/sessions")).status_code == 204
    assert [(await other.get("/v1/me")).status_code for other in others] == [401] * 3
    assert len((await ann.get("/v1/me/sessions")).json()["items"]) == 1
    assert (await bob.get("/v1/me")).status_code == 200


async def test_what_was_done_to_an_account_is_told_its_owner(api: Api, ann: Api, bob: Api):
    await log_in(api, "wrong horse")
    await api.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    again = api.signed_in((await log_in(api, PASSWORD)).json())
    await api.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})
    entries = (await again.get("/v1/me/audit")).json()["items"]
    assert [entry["action"] for entry in entries] == [
        "account.token_reused",
        "account.signed_in",
        "account.sign_in_failed",
        "account.signed_in",
        "account.registered",
    ]
    assert entries[2]["address"] == "192.0.2.1"
    assert entries[2]["actor"] is None
    assert "account.sign_in_failed" not in await actions(bob)


async def test_what_was_done_in_a_workspace_is_told_its_admins(ann: Api, bob: Api, workspace: str):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    assert (await bob.get(f"{workspace}/audit")).status_code == 403
    await ann.patch(f"{workspace}/members/{bob.user['id']}", {"role": "admin"})
    await ann.made(f"{workspace}/pages", {"title": "not a matter of security"})
    part = (await bob.get(f"{workspace}/audit?limit=2")).json()
    rest = (await bob.get(f"{workspace}/audit?limit=2&cursor={part['next_cursor']}")).json()
    entries = part["items"] + rest["items"]
    assert [entry["action"] for entry in entries] == [
        "member.role_changed",
        "member.added",
        "workspace.created",
    ]
    assert {entry["actor"] for entry in entries} == {f"user:{ann.user['id']}"}
    assert entries[0]["details"] == {"role": "admin"}


async def test_the_page_of_mailed_links_loads_nothing_from_elsewhere(api: Api):
    page = await api.client.get("/account")
    assert page.status_code == 200
    assert "://" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    script = await api.client.get("/account/page.js")
    assert "/v1/auth/password-reset/confirm" in script.text
    assert "://" not in script.text
