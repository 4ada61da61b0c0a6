"""Invitations by mail, through a real SMTP server: sent, taken with and without an account, ended."""

import re
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from server.settings import Settings
from storage.engine import Database
from tests.server.api import PASSWORD, Api
from tests.server.conftest import Clock
from tests.services.smtp import MailServer, text_of

NEW = "new@example.com"


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


async def mailed(mail_server: MailServer, to: str = NEW) -> str:
    """Return the token of the next invitation to an address."""
    while True:
        mail = await mail_server.next_mail()
        found = re.search(r"https://flux\.example/account#invitation=(ifi_\S+)", text_of(mail))
        if found and mail["to"] == to:
            return found[1]


async def invite(ann: Api, workspace: str, mail_server: MailServer, email: str = NEW, **body: Any) -> str:
    await ann.made(f"{workspace}/invitations", {"email": email, **body})
    return await mailed(mail_server, email.lower())


async def no_good(api: Api, token: str) -> bool:
    answer = await api.post("/v1/invitations/preview", {"token": token})
    return answer.status_code == 422 and answer.json()["code"] == "invalid_invitation"


async def join(api: Api, token: str, **body: Any) -> Any:
    return await api.post("/v1/invitations/join", {"token": token, "password": PASSWORD, **body})


async def test_somebody_new_joins_by_the_mailed_link(
    api: Api, ann: Api, workspace: str, mail_server: MailServer, database: Database
):
    token = await invite(ann, workspace, mail_server, "New@Example.com", role="guest")
    preview = (await api.post("/v1/invitations/preview", {"token": token})).json()
    assert (preview["workspace_name"], preview["inviter_name"]) == ("Ours", "Ann")
    assert workspace.endswith(preview["workspace_id"])
    assert (preview["email"], preview["has_account"]) == (NEW, False)
    unnamed = await join(api, token)
    assert (unnamed.status_code, unnamed.json()["errors"][0]["path"]) == (422, "body.name")
    joined = await join(api, token, name="New")
    assert joined.status_code == 200
    new = api.signed_in(joined.json())
    assert (await new.get(workspace)).json()["role"] == "guest"
    assert await no_good(api, token)
    async with database.engine.connect() as connection:
        row = (await connection.execute(text("SELECT * FROM invitations"))).one()
        verified = await connection.execute(
            text("SELECT email_verified_at FROM users WHERE email = 'new@example.com'")
        )
        assert token not in str(row)
        assert verified.scalar_one() is not None


async def test_somebody_with_an_account_joins_with_its_password(
    api: Api, ann: Api, bob: Api, workspace: str, mail_server: MailServer
):
    token = await invite(ann, workspace, mail_server, "bob@example.com", role="admin")
    preview = (await api.post("/v1/invitations/preview", {"token": token})).json()
    assert preview["has_account"] is True
    wrong = await join(api, token, password="a wrong one")
    assert (wrong.status_code, wrong.json()["code"]) == (401, "invalid_credentials")
    assert (await bob.get(workspace)).status_code == 404
    assert (await join(api, token)).json()["user"]["id"] == bob.user["id"]
    assert (await bob.get(workspace)).json()["role"] == "admin"


async def test_somebody_signed_in_takes_what_is_for_their_address(
    api: Api, ann: Api, bob: Api, workspace: str, mail_server: MailServer
):
    token = await invite(ann, workspace, mail_server, "bob@example.com")
    eve = await api.sign_up("eve")
    refused = await eve.post("/v1/invitations/accept", {"token": token})
    assert (refused.status_code, refused.json()["code"]) == (403, "another_address")
    assert (await bob.post("/v1/invitations/accept", {"token": token})).json()["role"] == "member"
    assert (await bob.get(workspace)).status_code == 200
    again = await bob.post("/v1/invitations/accept", {"token": token})
    assert (again.status_code, again.json()["code"]) == (422, "invalid_invitation")


async def test_whoever_became_a_member_meanwhile_keeps_their_role(
    ann: Api, bob: Api, workspace: str, mail_server: MailServer
):
    token = await invite(ann, workspace, mail_server, "bob@example.com", role="guest")
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    assert (await bob.post("/v1/invitations/accept", {"token": token})).json()["role"] == "admin"


async def test_sending_again_ends_the_earlier_link(
    api: Api, ann: Api, workspace: str, mail_server: MailServer
):
    first = await invite(ann, workspace, mail_server)
    path = f"{workspace}/invitations"
    listed = (await ann.get(path)).json()["items"]
    assert [(item["email"], item["role"]) for item in listed] == [(NEW, "member")]
    assert (await ann.post(f"{path}/{listed[0]['id']}/resend")).status_code == 200
    second = await mailed(mail_server)
    assert await no_good(api, first)
    assert (await join(api, second, name="New")).status_code == 200
    assert (await ann.get(path)).json()["items"] == []
    assert (await ann.post(f"{path}/{listed[0]['id']}/resend")).status_code == 404


async def test_a_revoked_or_expired_invitation_is_no_good(
    api: Api, ann: Api, workspace: str, mail_server: MailServer, clock: Clock
):
    token = await invite(ann, workspace, mail_server)
    path = f"{workspace}/invitations"
    twice = await ann.post(path, {"email": NEW})
    assert (twice.status_code, twice.json()["code"]) == (409, "already_invited")
    invitation = (await ann.get(path)).json()["items"][0]["id"]
    assert (await ann.delete(f"{path}/{invitation}")).status_code == 204
    assert await no_good(api, token)
    assert (await join(api, token, name="New")).status_code == 422
    token = await invite(ann, workspace, mail_server)
    clock.forward(days=7)
    assert await no_good(api, token)
    ann = ann.signed_in((await ann.post("/v1/auth/refresh", {"refresh_token": ann.refresh_token})).json())
    assert not await no_good(api, await invite(ann, workspace, mail_server))


async def test_only_owners_invite_owners(ann: Api, bob: Api, workspace: str, mail_server: MailServer):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "admin"})
    path = f"{workspace}/invitations"
    assert (await bob.post(path, {"email": NEW, "role": "owner"})).status_code == 403
    invitation = (await ann.made(path, {"email": NEW, "role": "owner"}))["id"]
    assert (await bob.post(f"{path}/{invitation}/resend")).status_code == 403
    known = await bob.post(path, {"email": "ann@example.com"})
    assert (known.status_code, known.json()["code"]) == (409, "already_member")


async def test_a_repeated_request_mails_once(ann: Api, workspace: str, mail_server: MailServer):
    once = {"Idempotency-Key": "k"}
    path = f"{workspace}/invitations"
    first, again = [await ann.post(path, {"email": NEW}, headers=once) for _ in "12"]
    assert first.content == again.content
    await mailed(mail_server)
    await ann.made(path, {"email": "other@example.com"})
    assert (await mail_server.next_mail())["to"] == "other@example.com"


@pytest.mark.parametrize("guess", ["", "x", "ifi_", f"ifi_{'0' * 32}_{'a' * 43}"])
async def test_a_guessed_invitation_is_no_good(api: Api, guess: str):
    assert await no_good(api, guess)
