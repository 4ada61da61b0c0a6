"""People in stock editors and three agents on one page at once; then one of the agents' runs is undone."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select

from agents.collaborator import Manners
from blocks.page import blocks_of
from server.bootstrap import Services
from storage.models import Document, Update
from tests.clients.driver import NodeClients
from tests.server.api import Api
from tests.server.runs import begin_run, end_run
from tests.server.test_blocks import Json, text_block
from tests.server.test_blocks import join as join_workspace
from tests.server.test_blocks_together import open_editor
from tests.server.test_collaborators import join, lines
from tests.server.test_versions import open_as
from tests.tiptap import paragraph, text

pytestmark = pytest.mark.node

QUICK = Manners(tick_seconds=0.01, characters=6, quiet_seconds=0.2)
WORDS = 12


async def written(name: str) -> AsyncIterator[str]:
    for number in range(WORDS):
        yield f"{name}{number} "
        await asyncio.sleep(0)  # as a model, which lets others go on
    yield f"\n\n- {name} one\n- {name} two\n\n**{name}** ends"


def shown_of(name: str) -> list[str]:
    return [
        "".join(f"{name}{number} " for number in range(WORDS)).strip(),
        f"{name} one",
        f"{name} two",
        f"{name} ends",
    ]


async def test_people_type_while_three_agents_write_and_one_of_these_is_undone(
    ann: Api,
    bob: Api,
    services: Services,
    node_clients: NodeClients,
    workspace: str,
    port: int,
):
    await join_workspace(ann, workspace, bob)
    page: Json = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    block = (await text_block(ann, f"/v1/pages/{page['id']}/blocks", "Ann writes:", "Bob writes:"))["id"]
    editors = [
        await open_editor(node_clients, port, person, page, wire)
        for person, wire in ((ann, "y-websocket"), (bob, "hocuspocus"))
    ]
    fragments = [editor.fragment("blocks", block, "content", "doc") for editor in editors]
    names = ("Ada", "Ben", "Cleo")
    runs = [await begin_run(services, ann, workspace, name=name) for name in names]

    async def person(line: int, name: str) -> None:
        for number in range(30):
            await fragments[line].type(line, f" {name}{number}")
        await fragments[line].append(paragraph(text(f"{name} has done")))

    async def agent(number: int) -> None:
        async with join(services, runs[number], page, QUICK, step_id=f"step:{number}") as peer:
            writing = await peer.type_into(block, written(names[number]))
            assert writing.outcome == "written"

    await asyncio.gather(person(0, "ann"), person(1, "bob"), *(agent(number) for number in range(3)))
    await editors[0].converged(editors[1])
    people = [
        "Ann writes:" + "".join(f" ann{number}" for number in range(30)),
        "Bob writes:" + "".join(f" bob{number}" for number in range(30)),
        "ann has done",
        "bob has done",
    ]
    everything = [*people, *(line for name in names for line in shown_of(name))]
    async with open_as(services, ann, page["document"]) as replica:
        assert sorted(line.strip() for line in lines(replica)) == sorted(everything)
    # Every row says whose it is.
    async with services.database.read() as uow:
        found = await uow.session.scalars(
            select(Update.author).join(Document).where(Document.name == page["document"]).distinct()
        )
        authors = set(found)
    assert {run.author for run in runs} <= authors
    assert {f"user:{who.user['id']}" for who in (ann, bob)} <= authors

    # Somebody writes within what the second agent wrote; then its run is undone by somebody else.
    async with open_as(services, ann, page["document"]) as replica:
        nodes = blocks_of(replica.doc)[block]["content"]["doc"].children
        at = next(index for index, node in enumerate(nodes) if "Ben0" in str(node))
    await fragments[0].type(at, " and ann")
    await editors[0].converged(editors[1])
    await end_run(services, runs[1], "success")
    answer = await bob.post(f"/v1/runs/{runs[1].run_id}/undo")
    assert answer.status_code == 200, answer.text
    assert answer.json()["is_complete"]
    left = [line for line in everything if not line.startswith("Ben")] + ["and ann"]
    async with open_as(services, ann, page["document"]) as replica:
        assert sorted(line.strip() for line in lines(replica)) == sorted(left)
        update = replica.doc.get_update()
    for editor in editors:
        await editor.has(update)
    await editors[0].converged(editors[1])
