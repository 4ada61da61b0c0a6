"""What the run of an agent may do: what its person may, cut by what the agent was granted, at any moment."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from blocks import channel
from blocks.channel_content import Text
from crdt.errors import DocumentRefused, UpdateRefused
from crdt.ports import DocumentName, Principal, PrincipalId
from server.bootstrap import Services
from storage.access import readable_documents, workspace_standing
from storage.actions import NEVER_AGENTS, Action
from storage.callers import caller_of_run
from tests.server.api import Api
from tests.server.runs import begin_run, end_run, grant_to
from tests.server.test_blocks import join


async def allowed(services: Services, principal: Principal, workspace: str) -> frozenset[Action]:
    async with services.database.read() as uow:
        caller = await caller_of_run(uow, UUID(principal.run_id))
        found = await workspace_standing(uow, caller, UUID(workspace.split("/")[-1])) if caller else None
        return found[1].actions if found else frozenset()


async def test_a_run_may_what_its_person_may_and_never_what_agents_may_not(
    services: Services, ann: Api, bob: Api, workspace: str
):
    await ann.made(f"{workspace}/members", {"email": "bob@example.com", "role": "member"})
    run_of_owner, run_of_member = [await begin_run(services, who, workspace) for who in (ann, bob)]
    of_owner = await allowed(services, run_of_owner, workspace)
    of_member = await allowed(services, run_of_member, workspace)
    assert of_member <= of_owner
    assert {"pages.write", "channels.write", "agents.run"} <= of_member
    assert not of_owner & NEVER_AGENTS


CUTS: list[tuple[list[str], Action | None, Action]] = [
    (["pages:read"], "pages.read", "pages.write"),
    (["pages:write"], "pages.write", "channels.read"),
    (["*:read"], "channels.read", "channels.write"),
    (["pages:read"], "search.read", "brands.read"),
    ([], None, "workspace.read"),
]


async def test_a_grant_cuts(services: Services, ann: Api, workspace: str):
    for scopes, can, cannot in CUTS:
        run = await begin_run(services, ann, workspace, {"scopes": scopes})
        found = await allowed(services, run, workspace)
        assert can is None or can in found
        assert cannot not in found


async def test_a_configuration_that_does_not_hold_grants_nothing(
    services: Services, ann: Api, workspace: str
):
    run = await begin_run(services, ann, workspace, {"scopes": 5})
    assert not await allowed(services, run, workspace)


async def test_a_grant_of_pages_reaches_those_below_and_no_others(
    services: Services, ann: Api, workspace: str
):
    top = await ann.made(f"{workspace}/pages", {"title": "Top"})
    below = await ann.made(f"{workspace}/pages", {"title": "Below", "parent_page_id": top["id"]})
    other = await ann.made(f"{workspace}/pages", {"title": "Other"})
    general = await ann.made(f"{workspace}/channels", {"name": "general"})
    run = await begin_run(services, ann, workspace, {"pages": [top["id"]], "channels": []})
    documents = [page["document"] for page in (top, below, other)]
    rights = [await services.access.decide(run, document) for document in documents]
    assert rights == ["write", "write", "none"]
    assert await services.access.decide(run, f"comments:{other['id']}") == "none"
    assert await services.access.decide(run, general["document"]) == "none"
    async with services.database.read() as uow:
        caller = await caller_of_run(uow, UUID(run.run_id))
        assert caller is not None
        names = [*documents, general["document"]]
        found = await readable_documents(uow, caller, UUID(workspace.split("/")[-1]), names)
    assert found == {top["document"], below["document"]}


async def test_an_agent_without_its_run_is_nobody(services: Services, ann: Api, workspace: str):
    page = await ann.made(f"{workspace}/pages", {"title": "P"})
    run, other = [await begin_run(services, ann, workspace) for _ in range(2)]
    for forged in (
        Principal(id=run.id, name="A", kind="agent"),
        Principal(id=other.id, name="A", kind="agent", run_id=run.run_id),
        Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="A", run_id=run.run_id),
        Principal(id=run.id, name="A", kind="agent", run_id="x"),
    ):
        assert await services.access.decide(forged, page["document"]) == "none"


async def test_a_run_has_no_inbox_and_manages_nothing(services: Services, ann: Api, workspace: str):
    run = await begin_run(services, ann, workspace)
    page = await ann.made(f"{workspace}/pages", {"title": "P"})
    general = await ann.made(f"{workspace}/channels", {"name": "general"})
    assert await services.access.decide(run, f"inbox:{ann.user['id']}") == "none"
    assert await services.access.decide(run, f"comments:{page['id']}") == "write"
    assert await services.access.decide(run, general["document"]) == "write"


async def test_A3_whatever_ends_a_runs_right_ends_its_open_peers(
    services: Services, ann: Api, bob: Api, workspace: str
):
    await join(ann, workspace, bob)
    page = DocumentName((await ann.made(f"{workspace}/pages", {"title": "P"}))["document"])
    cancelled, cut, archived, orphaned = [await begin_run(services, bob, workspace) for _ in range(4)]

    async def cut_grant() -> None:
        async with services.database.transaction() as uow:
            agent = await uow.agent_configurations.get(UUID(cut.id.partition(":")[2]))
            assert agent is not None
            await grant_to(uow.agent_configurations, agent, {"scopes": ["channels:write"]})

    for run, change in (
        (cancelled, end_run(services, cancelled)),
        (cut, cut_grant()),
        (archived, ann.delete(f"/v1/agents/{archived.id.partition(':')[2]}")),
        (orphaned, ann.delete(f"{workspace}/members/{bob.user['id']}")),
    ):
        async with services.hub.join(page, run) as replica:
            await change
            with pytest.raises(DocumentRefused):
                async with asyncio.timeout(10):
                    await replica.reached(b"\x01\x01\x01")  # what nobody will ever write
        with pytest.raises(DocumentRefused):
            async with services.hub.join(page, run):
                pass


async def test_A6_a_run_posts_as_its_agent_and_as_nobody_else(services: Services, ann: Api, workspace: str):
    general = DocumentName((await ann.made(f"{workspace}/channels", {"name": "general"}))["document"])
    run, other = [await begin_run(services, ann, workspace) for _ in range(2)]

    async def post(sender: str, sender_type: Any) -> None:
        async with services.database.read() as uow:
            message_id = str(uow.new_id())
            now = uow.now.isoformat().replace("+00:00", "Z")
        async with services.hub.join(general, run) as replica:
            channel.post(
                replica.doc,
                message_id,
                Text(text="Done"),
                sender_id=sender,
                sender_type=sender_type,
                created_at=now,
            )
            await replica.saved()

    await post(run.id, "agent")
    for sender, sender_type in (
        (run.id, "user"),
        (other.id, "agent"),
        (f"user:{ann.user['id']}", "user"),
        (run.author, "agent"),
    ):
        with pytest.raises(UpdateRefused):
            await post(sender, sender_type)
    listed = (await ann.get(f"/v1/channels/{general.partition(':')[2]}/messages")).json()["items"]
    assert [(item["sender_id"], item["sender_type"]) for item in listed] == [(run.id, "agent")]
