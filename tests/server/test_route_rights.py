"""Every route against the table of rights, as everybody: generated from the routes themselves."""

import os

import msgspec
import pytest

from server.app import API
from server.routing import Operation
from storage.actions import LEAST_ROLE, PERSONAL, ROLES, can
from storage.engine import Database
from storage.models import Role
from tests.server.api import Api
from tests.server.specimens import HEADERS, Plot
from tests.services.databases import BOTH

OPERATIONS = [operation for module in API for operation in module.routes.operations]
REFUSALS = (401, 403, 404)
LEAVES = {
    "api_key_id",
    "brand_id",
    "comment_id",
    "creator_id",
    "file_id",
    "import_id",
    "memory_id",
    "mute_id",
    "notification_id",
    "prompt_id",
    "share_link_id",
    "suggestion_id",
    "trigger_id",
    "upload_id",
    "webhook_id",
}
"""Parameters of paths whose things nothing else of a plot belongs to: one that goes takes nothing along."""
IN_THE_WAY = {"add_member", "create_grant", "create_invitation"}
"""What makes something that a specimen then cannot be made beside."""
ALLOWED = 200


class Cast(msgspec.Struct, frozen=True):
    """Who calls. The owner of the workspace that the paths name is somebody else."""

    nobody: Api
    stranger: Api
    neighbour: Api
    owner: Api
    other: Api
    database: Database


@pytest.fixture(params=BOTH if "FUZZ_EXAMPLES" in os.environ else ("sqlite",))
def database_url(request: pytest.FixtureRequest) -> str:
    """One database, and both with `make api-fuzz`: this takes longer than anything else in the suite."""
    return request.getfixturevalue(f"{request.param}_url")


@pytest.fixture
async def cast(api: Api, database: Database) -> Cast:
    people = [await api.sign_up(name) for name in ("stranger", "neighbour", "owner", "other")]
    stranger, neighbour, owner, other = people
    cast = Cast(api, stranger, neighbour, owner, other, database)
    await cast.neighbour.made("/v1/workspaces", {"name": "Next door"})
    return cast


def told(operation: Operation, role: Role | None) -> int:
    """Return what the table says that somebody gets who is signed in."""
    if operation.needed in LEAST_ROLE:
        if role is None:
            return 404
        return ALLOWED if can(role, operation.needed) else 403
    if operation.needed == "signed_in":
        return ALLOWED
    # What is one's own is nobody else's.
    return 404 if operation.path_types else ALLOWED


async def call(plot: Plot, who: Api, operation: Operation) -> int:
    """Return what somebody gets: a refusal's status, or `ALLOWED` for anything else."""
    path = await plot.path_of(operation)
    answer = await who.request(
        operation.method,
        path,
        json=await plot.body_of(operation),
        headers=HEADERS.get(operation.name, {}),
    )
    assert answer.status_code < 500, (operation.name, answer.text)
    return answer.status_code if answer.status_code in REFUSALS else ALLOWED


async def new_plot(cast: Cast) -> Plot:
    workspace = await cast.owner.made("/v1/workspaces", {"name": "Ours"})
    return Plot(cast.owner, cast.other, workspace["id"], cast.database)


def leaves_all_as_it_was(operation: Operation, status: int) -> bool:
    """Return whether the next call finds what this one found; else it may be the end of the workspace."""
    if operation.method == "GET" or status != ALLOWED:
        return True
    if operation.name in IN_THE_WAY:
        return False
    return operation.status == 201 or last_named(operation) in LEAVES


def last_named(operation: Operation) -> str | None:
    return next(reversed(operation.path_types), None)


async def call_on(plot: Plot, who: Api, operation: Operation) -> int:
    """Call on a plot that is used again: what the call was to may be gone, and the next one gets another."""
    status = await call(plot, who, operation)
    if status == ALLOWED and operation.method != "GET" and (name := last_named(operation)) in LEAVES:
        plot.forget(name)
    return status


def test_what_needs_nothing_is_what_has_no_credential_yet():
    """A route that is open to the world is written down twice."""
    assert {operation.name for operation in OPERATIONS if operation.needed is None} == {
        "register",
        "log_in",
        "refresh",
        "log_out",
        "request_password_reset",
        "reset_password",
        "verify_email",
        "begin_browser_session",
        "begin_demo_session",
        "get_sign_in_options",
        "call_hook",
        "join_by_invitation",
        "open_share_link",
        "describe_uploads",
        "download_linked_file",
        "preview_invitation",
        "unsubscribe",
    }


async def test_without_a_credential_nothing_opens(cast: Cast):
    plot = await new_plot(cast)
    found = {operation.name: await call(plot, cast.nobody, operation) for operation in CLOSED}
    assert found == {operation.name: 401 for operation in CLOSED}


@pytest.mark.parametrize("who", ["stranger", "neighbour"])
async def test_outsiders_get_nothing_and_learn_nothing(cast: Cast, who: str):
    plot = await new_plot(cast)
    found = {operation.name: await call(plot, getattr(cast, who), operation) for operation in CLOSED}
    assert found == {operation.name: told(operation, None) for operation in CLOSED}


@pytest.mark.parametrize("role", ROLES)
async def test_members_get_what_their_role_says(cast: Cast, role: Role):
    shared = await new_plot(cast)
    await shared.add(cast.stranger, role)
    found: dict[str, int] = {}
    for operation in CLOSED:
        plot = shared
        if not leaves_all_as_it_was(operation, told(operation, role)):
            plot = await new_plot(cast)
            await plot.add(cast.stranger, role)
        found[operation.name] = await call_on(plot, cast.stranger, operation)
    assert found == {operation.name: told(operation, role) for operation in CLOSED}


async def key_of(owner: Api, workspace_id: str, *scopes: str) -> Api:
    body = {"name": "Robot", "scopes": scopes}
    key = await owner.made(f"/v1/workspaces/{workspace_id}/api-keys", body)
    return Api(owner.client, owner.description, key["key"])


def needs_a_person(operation: Operation) -> bool:
    return operation.needed == "account" or operation.needed in PERSONAL


async def test_a_key_may_what_its_maker_may_but_not_what_needs_a_person(cast: Cast):
    wanted = {
        operation.name: 403 if needs_a_person(operation) else told(operation, "owner") for operation in CLOSED
    }
    shared = await new_plot(cast)
    shared_key = await key_of(cast.owner, shared.workspace_id, "*:write")
    found: dict[str, int] = {}
    for operation in CLOSED:
        plot, key = shared, shared_key
        if not leaves_all_as_it_was(operation, wanted[operation.name]):
            plot = await new_plot(cast)
            key = await key_of(cast.owner, plot.workspace_id, "*:write")
        found[operation.name] = await call_on(plot, key, operation)
    assert found == wanted


async def test_a_key_for_reading_changes_nothing(cast: Cast):
    plot = await new_plot(cast)
    key = await key_of(cast.owner, plot.workspace_id, "*:read")
    writing = [operation for operation in CLOSED if operation.needed in LEAST_ROLE]
    writing = [operation for operation in writing if not operation.needed.endswith(".read")]
    found = {operation.name: await call(plot, key, operation) for operation in writing}
    assert found == {operation.name: 403 for operation in writing}


async def test_another_workspaces_key_learns_nothing(cast: Cast):
    plot = await new_plot(cast)
    elsewhere = await cast.owner.made("/v1/workspaces", {"name": "Elsewhere"})
    key = await key_of(cast.owner, elsewhere["id"], "*:write")
    found = {operation.name: await call(plot, key, operation) for operation in CLOSED}
    assert found == {
        operation.name: 403 if needs_a_person(operation) else told(operation, None) for operation in CLOSED
    }


async def test_a_revoked_key_opens_nothing(cast: Cast):
    plot = await new_plot(cast)
    key = await key_of(cast.owner, plot.workspace_id, "*:write")
    keys = (await cast.owner.get(f"{plot.path}/api-keys")).json()["items"]
    await cast.owner.delete(f"{plot.path}/api-keys/{keys[0]['id']}")
    found = {operation.name: await call(plot, key, operation) for operation in CLOSED}
    assert found == {operation.name: 401 for operation in CLOSED}


async def test_a_visitor_reads_what_the_link_is_to(cast: Cast):
    plot = await new_plot(cast)
    link = await cast.owner.made(
        f"/v1/pages/{await plot.specimen('page_id')}/share-links", {"level": "write"}
    )
    visit = await cast.nobody.post("/v1/share-links/open", {"token": link["token"]})
    visitor = Api(cast.nobody.client, cast.nobody.description, visit.json()["access_token"])
    found = {operation.name: await call(plot, visitor, operation) for operation in CLOSED}
    assert found == {operation.name: ALLOWED if operation.takes_visitors else 401 for operation in CLOSED}


async def test_a_grant_alone_opens_the_page_and_nothing_else(cast: Cast):
    wanted = {
        operation.name: ALLOWED if operation.path.startswith(OF_A_PAGE) else told(operation, None)
        for operation in CLOSED
    }
    shared = await granted_plot(cast)
    found: dict[str, int] = {}
    for operation in CLOSED:
        is_harmless = leaves_all_as_it_was(operation, wanted[operation.name])
        plot = shared if is_harmless else await granted_plot(cast)
        found[operation.name] = await call_on(plot, cast.stranger, operation)
    assert found == wanted


async def granted_plot(cast: Cast) -> Plot:
    plot = await new_plot(cast)
    page = f"/v1/pages/{await plot.specimen('page_id')}/grants"
    await cast.owner.made(page, {"email": cast.stranger.user["email"], "level": "manage"})
    return plot


OF_A_PAGE = (
    "/v1/pages/",
    "/v1/documents/",
    "/v1/blocks/",
    "/v1/comments/",
    "/v1/comment-threads/",
    "/v1/suggestions/",
)
CLOSED = [operation for operation in OPERATIONS if operation.needed is not None]
