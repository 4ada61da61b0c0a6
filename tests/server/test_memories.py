"""What agents remember: by tools, for whom, and in the hands of people."""

from typing import Any
from uuid import UUID

from agents.config import config_of
from agents.memory import recall, remember_run, told_at_start
from server.bootstrap import Services
from storage.callers import Caller
from storage.models import AgentMemory
from tests.server.api import Api
from tests.server.runs import begin_run
from tests.server.tool_desk import Desk, open_desk


async def path_of(desk: Desk) -> str:
    return f"/v1/agents/{desk.principal.id.partition(':')[2]}"


async def texts(api: Api, path: str, **query: Any) -> list[str]:
    answer = await api.get(f"{path}/memories", params=query)
    return [memory["text"] for memory in answer.json()["items"]]


async def desk_for(services: Services, person: Api, workspace: str, **agent: Any) -> Desk:
    return Desk(services, person, workspace, await begin_run(services, person, workspace, None, **agent))


async def test_an_agent_remembers_recalls_and_forgets(ann: Api, workspace: str, services: Services):
    desk = await open_desk(services, ann, workspace)
    assert "would remember" in (await desk.call("remember", dry=True, text="Nothing")).text
    await desk.call("remember", text="Ann likes short mails.")
    await desk.call("remember", again=True, text="Ann likes short mails.")
    await desk.call("remember", text="The shop closes in August.", kind="note")
    found = (await desk.call("recall", query="when is the shop open?")).text
    assert "closes in August" in found
    assert "short mails" not in found
    assert "You remember nothing" in (await desk.call("recall", query="zebra")).text
    path = await path_of(desk)
    assert await texts(ann, path) == ["The shop closes in August.", "Ann likes short mails."]
    assert await texts(ann, path, kind="note") == ["The shop closes in August."]
    (memory,) = (await ann.get(f"{path}/memories?kind=fact")).json()["items"]
    await desk.call("forget", memory_id=memory["id"])
    assert await texts(ann, path) == ["The shop closes in August."]
    assert "nothing with this id" in await desk.refused("forget", memory_id=memory["id"])


async def test_people_read_correct_and_delete_what_is_remembered(
    ann: Api, workspace: str, services: Services
):
    desk = await open_desk(services, ann, workspace)
    await desk.call("remember", text="Ann has two shops.")
    path = await path_of(desk)
    (memory,) = (await ann.get(f"{path}/memories")).json()["items"]
    one = f"{path}/memories/{memory['id']}"
    corrected = (await ann.patch(one, {"text": "Ann has three shops."})).json()
    assert (corrected["text"], corrected["written_by"]) == ("Ann has three shops.", f"user:{ann.user['id']}")
    assert "three shops" in (await desk.call("recall", query="shops")).text
    assert (await ann.delete(one)).status_code == 204
    assert (await ann.get(one)).status_code == 404
    async with services.database.read() as uow:
        assert await uow.session.get(AgentMemory, UUID(memory["id"])) is None
    for text in ("One", "Two", "One"):
        await ann.made(f"{path}/memories", {"text": text})
    assert await texts(ann, path) == ["Two", "One"]
    assert (await ann.delete(f"{path}/memories")).status_code == 204
    assert await texts(ann, path) == []


async def test_what_was_learned_is_for_those_who_may_know_it(
    ann: Api, bob: Api, workspace: str, services: Services
):
    await ann.made(f"{workspace}/members", {"email": bob.user["email"], "role": "member"})
    secret = await ann.made(f"{workspace}/channels", {"name": "board", "type": "private"})
    public = await ann.made(f"{workspace}/channels", {"name": "general"})
    desk = await open_desk(services, ann, workspace)
    for place, text in (
        (f"channel:{secret['id']}", "The board sells the shop."),
        (f"channel:{public['id']}", "The shop is in Porto."),
        (None, "Ann wants to leave the shop."),
    ):
        desk.steps += 1
        context = await desk.context(place=place)
        await services.toolbox.call(context, "remember", {"text": text})
    path = await path_of(desk)
    await ann.made(f"{path}/memories", {"text": "The shop sells tea."})
    assert len(await texts(ann, path)) == 4
    assert await texts(bob, path) == ["The shop sells tea.", "The shop is in Porto."]
    hidden = {memory["id"] for memory in (await ann.get(f"{path}/memories")).json()["items"]} - {
        memory["id"] for memory in (await bob.get(f"{path}/memories")).json()["items"]
    }
    for memory_id in hidden:
        for answer in (
            await bob.get(f"{path}/memories/{memory_id}"),
            await bob.patch(f"{path}/memories/{memory_id}", {"text": "x"}),
            await bob.delete(f"{path}/memories/{memory_id}"),
        ):
            assert answer.status_code == 404
    async with services.database.read() as uow:
        agent = await uow.agent_configurations.get(UUID(path.rpartition("/")[2]))
        assert agent is not None
        found = await recall(uow, agent, Caller.of_user(UUID(bob.user["id"])), "shop", 10)
    assert {memory.text for memory in found} == {"The shop sells tea.", "The shop is in Porto."}


async def test_agents_share_a_namespace_within_a_workspace_and_never_beyond(
    ann: Api, workspace: str, services: Services
):
    shared = {"external_memory_namespace": "team"}
    first = await desk_for(services, ann, workspace, **shared)
    second = await desk_for(services, ann, workspace, **shared)
    other = await desk_for(services, ann, workspace)
    elsewhere = f"/v1/workspaces/{(await ann.made('/v1/workspaces', {'name': 'Elsewhere'}))['id']}"
    foreign = await desk_for(services, ann, elsewhere, **shared)
    await first.call("remember", text="We meet on Mondays.")
    assert "Mondays" in (await second.call("recall", query="meet")).text
    for stranger in (other, foreign):
        assert "You remember nothing" in (await stranger.call("recall", query="meet")).text
        assert await texts(ann, await path_of(stranger)) == []


async def test_the_oldest_memories_give_way(ann: Api, workspace: str, services: Services):
    desk = await desk_for(services, ann, workspace, yaml_config="memory: {max_memories: 3}")
    for n in range(5):
        await desk.call("remember", text=f"Fact {n}.")
    assert await texts(ann, await path_of(desk)) == ["Fact 4.", "Fact 3.", "Fact 2."]


async def test_an_agent_without_memory_remembers_nothing(ann: Api, workspace: str, services: Services):
    desk = await desk_for(services, ann, workspace, yaml_config="memory: {type: null}")
    assert "no memory" in await desk.refused("remember", text="Anything.")
    async with services.database.transaction() as uow:
        agent = await uow.agent_configurations.get(UUID((await path_of(desk)).rpartition("/")[2]))
        run = await uow.agent_runs.get(desk.run_id)
        assert agent is not None
        assert run is not None
        assert not await remember_run(uow, agent, run, "All done.")


async def test_runs_are_remembered_once_and_told_when_the_next_begins(
    ann: Api, workspace: str, services: Services
):
    desk = await desk_for(services, ann, workspace)
    async with services.database.transaction() as uow:
        agent = await uow.agent_configurations.get(UUID((await path_of(desk)).rpartition("/")[2]))
        run = await uow.agent_runs.get(desk.run_id)
        assert agent is not None
        assert run is not None
        for _ in range(2):
            await remember_run(uow, agent, run, "Wrote the plan\nfor the summer sale.")
        caller = Caller.of_user(UUID(ann.user["id"]))
        config = config_of(agent)
        told = await told_at_start(uow, agent, config, caller, "summer")
        assert told.endswith("Wrote the plan for the summer sale.")
        assert await told_at_start(uow, agent, config, caller, "winter") == ""
    path = await path_of(desk)
    assert len(await texts(ann, path, kind="run")) == 1
