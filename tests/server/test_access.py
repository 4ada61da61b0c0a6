"""What roles may do, and who may do what with a document."""

from pathlib import Path
from typing import get_args
from uuid import UUID

import pytest

from crdt.ports import Principal, PrincipalId
from server.bootstrap import Services
from server.rights_table import with_table
from storage.actions import LEAST_ROLE, ROLES, Action, can
from storage.callers import parse_document_name
from storage.models import Role
from tests.server.api import Api

NO_ID = UUID("0198c0de-0000-7000-8000-000000000000")
ADDRESSES = {"owner": "ann", "admin": "bob", "member": "cem", "guest": "dan", "outsider": "eve"}


def test_every_action_has_a_least_role():
    assert set(LEAST_ROLE) == set(get_args(Action))
    assert set(ROLES) == set(get_args(Role))


def test_the_documented_table_is_that_of_the_code():
    document = (Path(__file__).parents[2] / "docs/rights.md").read_text("utf-8")
    assert with_table(document) == document, "run: python -m server.rights_table"


@pytest.mark.parametrize("action", LEAST_ROLE)
def test_whoever_may_more_may_what_less_may(action: Action):
    allowed = [can(role, action) for role in ROLES]
    assert allowed == sorted(allowed)
    assert can("owner", action)
    assert not can(None, action)


@pytest.mark.parametrize(
    "name", ["", "page", "page:", "page:x", f"page:{NO_ID.hex}", f"page:{NO_ID} ", "PAGE", "page:\x00"]
)
def test_a_document_has_one_spelling(name: str):
    assert parse_document_name(name) is None


def test_upper_case_is_another_spelling():
    assert parse_document_name(f"page:{UUID(int=0xABC)}".upper().replace("PAGE", "page")) is None


@pytest.fixture
async def people(api: Api, ann: Api, workspace: str) -> dict[str, Api]:
    """Somebody in each role, by role."""
    found = {"owner": ann}
    for role, name in list(ADDRESSES.items())[1:]:
        found[role] = await api.sign_up(name)
        if role != "outsider":
            await ann.made(f"{workspace}/members", {"email": f"{name}@example.com", "role": role})
    return found


async def rights(services: Services, people: dict[str, Api], document: str) -> dict[str, str]:
    """Return the rights on a document, by who somebody is and by their token alike."""
    found: dict[str, str] = {}
    for role, person in people.items():
        principal = Principal(id=PrincipalId(f"user:{person.user['id']}"), name=role)
        found[role] = await services.access.decide(principal, document)
        admitted = await services.access.admit(person.token or "", document)
        assert admitted
        assert (admitted[0].id, admitted[1]) == (principal.id, found[role])
    return found


def all_of(right: str, **others: str) -> dict[str, str]:
    return dict.fromkeys(ADDRESSES, right) | others


async def test_rights_on_pages(services: Services, people: dict[str, Api], workspace: str):
    page = await people["owner"].made(f"{workspace}/pages", {"title": "P"})
    found = await rights(services, people, page["document"])
    assert found == all_of("write", guest="read", outsider="none")
    await people["owner"].delete(f"/v1/pages/{page['id']}")
    assert await rights(services, people, page["document"]) == all_of("read", outsider="none")


async def test_rights_on_restricted_pages(services: Services, people: dict[str, Api], workspace: str):
    page = await people["admin"].made(f"{workspace}/pages", {"title": "P"})
    child = await people["admin"].made(f"{workspace}/pages", {"title": "C", "parent_page_id": page["id"]})
    answer = await people["admin"].patch(f"/v1/pages/{page['id']}/access", {"mode": "restricted"})
    assert answer.status_code == 200, answer.text
    for role, level in (("member", "comment"), ("guest", "write"), ("outsider", "read")):
        grant = {"email": people[role].user["email"], "level": level}
        await people["admin"].made(f"/v1/pages/{page['id']}/grants", grant)
    for document in (page["document"], child["document"]):
        found = await rights(services, people, document)
        assert found == all_of("write", member="comment", outsider="read")


async def test_who_is_signed_out_is_let_in_nowhere(
    services: Services, people: dict[str, Api], workspace: str
):
    page = await people["owner"].made(f"{workspace}/pages", {"title": "P"})
    member = people["member"]
    assert await services.access.admit(member.token or "", page["document"])
    await member.post("/v1/auth/logout", {"refresh_token": member.refresh_token})
    assert await services.access.admit(member.token or "", page["document"]) is None


async def test_rights_on_channels(services: Services, people: dict[str, Api], workspace: str):
    owner = people["owner"]
    public = await owner.made(f"{workspace}/channels", {"name": "general"})
    found = await rights(services, people, public["document"])
    managed = {"owner": "manage", "admin": "manage"}
    assert found == all_of("write", **managed, guest="read", outsider="none")
    own = await people["member"].made(f"{workspace}/channels", {"name": "of a member"})
    found = await rights(services, people, own["document"])
    assert found == all_of("manage", guest="read", outsider="none")
    body = {"name": "secret", "type": "private", "member_user_ids": [people["guest"].user["id"]]}
    private = await owner.made(f"{workspace}/channels", body)
    found = await rights(services, people, private["document"])
    assert found == all_of("none", owner="manage", guest="write")
    body = {"user_ids": [people["guest"].user["id"]]}
    conversation = (await owner.post(f"{workspace}/direct-messages", body)).json()
    found = await rights(services, people, conversation["document"])
    assert found == all_of("none", owner="write", guest="write")


async def test_rights_on_the_inbox(services: Services, people: dict[str, Api]):
    document = f"inbox:{people['member'].user['id']}"
    assert await rights(services, people, document) == all_of("none", member="read")
    async with services.database.read() as uow:
        assert await uow.documents.get(document)


@pytest.mark.parametrize("document", ["", "page:x", f"page:{NO_ID}", f"channel:{NO_ID}", f"other:{NO_ID}"])
async def test_nobody_has_a_right_on_what_does_not_exist(services: Services, ann: Api, document: str):
    assert await rights(services, {"owner": ann}, document) == {"owner": "none"}


async def test_a_removed_member_loses_all_rights(services: Services, people: dict[str, Api], workspace: str):
    page = await people["owner"].made(f"{workspace}/pages", {"title": "P"})
    await people["owner"].delete(f"{workspace}/members/{people['member'].user['id']}")
    assert (await rights(services, people, page["document"]))["member"] == "none"
