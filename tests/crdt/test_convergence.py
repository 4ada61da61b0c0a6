"""Whatever people do, and whatever happens to their sockets and to the server: all documents end up equal."""

import asyncio
from typing import Any

import pycrdt
from hypothesis import given
from hypothesis import strategies as st

from crdt.document import LiveDocument
from crdt.hub import Hub, HubConfig
from crdt.ports import Guard
from crdt.session import HOCUSPOCUS, YWS
from tests.crdt.world import PAGE, Client, Clock, HeldClientIds, HeldLog, Lenient, Rights, turns

Action = tuple[str, int, int]
"""What happens, to which of four clients, and a number to do it with."""

ACTIONS = (
    *("type", "type", "erase", "field", "paragraph"),
    *("wait", "wait", "drop", "join", "pause", "resume"),
    *("hold", "release", "restart", "sweep"),
)

actions = st.lists(
    st.tuples(
        st.sampled_from(ACTIONS),
        st.integers(0, 3),
        st.integers(0, 30),
    ),
    max_size=60,
)


class Story:
    """Four clients on both wires, one log, and one server after another."""

    def __init__(self, log: HeldLog, guard: Guard | None = None) -> None:
        self.log, self.rights, self.clock = log, Rights(), Clock()
        self.client_ids, self.guard = HeldClientIds(), guard
        self.clients: list[Client] = []

    async def play(self, script: list[Action]) -> None:
        """Play the script; after a restart, go on with the next server."""
        rest = list(script)
        while True:
            config = HubConfig(sweep_seconds=3600, room_idle_seconds=0, snapshot_every_updates=3)
            async with Hub(
                self.log,
                self.rights,
                self.log.fold,
                config,
                client_ids=self.client_ids,
                guard_of=lambda _: self.guard,
                clock=self.clock,
            ) as hub:
                if not self.clients:
                    wires = (YWS, HOCUSPOCUS, YWS, HOCUSPOCUS)
                    self.clients = [
                        Client(hub, wire, PAGE, "ann", client_id=index + 1)
                        for index, wire in enumerate(wires)
                    ]
                for client in self.clients:
                    client.move_to(hub)
                    client.connect()
                while rest:
                    action, index, number = rest.pop(0)
                    if action == "restart":
                        break
                    await self.act(hub, action, self.clients[index], number)
                else:
                    await self.settle()
                    return
                self.log.release()

    async def act(self, hub: Hub, action: str, client: Client, number: int) -> None:
        """Do one thing."""
        text = client.text
        if self.guard is not None and action in ("type", "erase", "paragraph"):
            action = "field"  # a guarded document has maps only
        if action == "type":
            text.insert(min(number, len(text)) if str(text).isascii() else 0, "aé🙂"[number % 3])
        elif action == "erase" and len(text) and str(text).isascii():
            del text[number % len(text)]
        elif action == "field":
            client.doc.get("fields", type=pycrdt.Map[Any])[f"k{number % 4}"] = number
        elif action == "paragraph":
            body = client.doc.get("body", type=pycrdt.XmlFragment)
            body.children.append(pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText("p")]))
        elif action == "wait":
            await turns(number)
        elif action == "drop" and client.connection is not None:
            client.disconnect()
        elif action == "join" and client.connection is None:
            client.connect()
        elif action == "pause":
            client.is_paused = True
        elif action == "resume":
            client.resume()
        elif action == "hold":
            self.log.hold()
        elif action == "release":
            self.log.release()
        elif action == "sweep":
            self.clock.now += 1
            await hub.sweep()

    async def settle(self) -> None:
        """Let everybody come back and hear everything."""
        self.log.release()
        self.client_ids.release()
        for client in self.clients:
            client.resume()
            if client.connection is None:
                client.connect()
        await turns(50)


def seen(doc: pycrdt.Doc[Any]) -> tuple[str, object, str]:
    """Return what people see of a document."""
    return (
        str(doc.get("text", type=pycrdt.Text)),
        doc.get("fields", type=pycrdt.Map[Any]).to_py(),
        str(doc.get("body", type=pycrdt.XmlFragment)),
    )


@given(actions)
def test_D4_all_documents_and_the_log_are_equal_at_the_end(script: list[Action]) -> None:
    tell(script, None)


@given(actions)
def test_A6_honest_edits_of_a_guarded_document_all_arrive(script: list[Action]) -> None:
    tell(script, Lenient("fields"))


def tell(script: list[Action], guard: Guard | None) -> None:
    log = HeldLog()
    story = Story(log, guard)
    asyncio.run(story.play(script))
    stored = pycrdt.Doc[Any]()
    stored.apply_update(LiveDocument(None, [update for update, _ in log.rows[PAGE]]).state())
    for client in story.clients:
        assert seen(client.doc) == seen(stored)
        assert client.doc.get_state() == stored.get_state()
        assert client.wire is YWS or client.unsaved == 0
