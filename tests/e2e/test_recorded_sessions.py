"""Recorded human sessions, typed keystroke by keystroke through real clients, an author on each wire."""

import pytest

from tests.clients.client import WIRES, Wire
from tests.services.studio import Studio
from tests.traces import TraceName, load_trace

pytestmark = pytest.mark.node


@pytest.mark.parametrize("wires", [WIRES, WIRES[::-1]], ids=["-".join(WIRES), "-".join(WIRES[::-1])])
@pytest.mark.parametrize("name", ["sveltecomponent", "friendsforever"])
async def test_D4_W1_a_recorded_session_ends_in_the_recorded_text(
    own_studio: Studio, name: TraceName, wires: tuple[Wire, Wire]
) -> None:
    trace = load_trace(name)
    authors = [await own_studio.join(wire, name=f"author {wire}") for wire in wires]

    await own_studio.clients.replay(authors, trace.steps, root="t", client_ids=trace.client_ids, timeout=120)

    for author in authors:
        await author.text("t").equals(trace.end_content)
        if author.wire == "hocuspocus":
            await author.saved()
    assert await own_studio.read_afresh() == trace.end_content
    await own_studio.server.kill()
    for author in authors:
        await author.destroy()
    await own_studio.server.restart()
    for wire in WIRES:
        assert await own_studio.read_afresh(wire=wire) == trace.end_content
    code, said = await own_studio.server.doctor()
    assert code == 0, said
