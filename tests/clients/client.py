"""One stock client as a test sees it: its content, its presence, its connection and what happened to it."""

import base64
from typing import Any, Literal, Protocol

from tests.clients.content import Array, Edit, Fragment, Json, Map, Target, Text

Wire = Literal["y-websocket", "hocuspocus"]
WIRES: tuple[Wire, Wire] = ("y-websocket", "hocuspocus")

Event = dict[str, Any]

TIMEOUT_SECONDS = 10.0
"""How long a wait may take unless it says otherwise."""


class Driver(Protocol):
    """What hosts the clients and takes their commands."""

    async def call(self, command: str, *, timeout: float = ..., **arguments: Any) -> Any: ...


class NodeClient:
    """One stock client: a Y.Doc and an unmodified provider."""

    def __init__(self, driver: Driver, name: str, wire: Wire) -> None:
        self.name = name
        self.wire: Wire = wire
        self.client_id = 0
        """Its Yjs client id: who it is in the document and in presence."""
        self.events: list[Event] = []
        """attempt, open, status, synced, authenticated, authenticationFailed, token, close, terminal ..."""
        self._driver = driver

    # Content

    def text(self, *path: str) -> Text:
        """The Y.Text at a path: a root's name, or a root map's and the keys that lead on."""
        return Text(self, Target("text", path))

    def map(self, *path: str) -> Map:
        """The Y.Map at a path."""
        return Map(self, Target("map", path))

    def array(self, *path: str) -> Array:
        """The Y.Array at a path."""
        return Array(self, Target("array", path))

    def fragment(self, *path: str) -> Fragment:
        """The Y.XmlFragment at a path, read and written as Tiptap does."""
        return Fragment(self, Target("fragment", path))

    async def edit(self, *edits: Edit) -> None:
        """Apply edits in one transaction."""
        await self.call("edit", edits=[edit.to_json() for edit in edits])

    async def state_vector(self) -> dict[int, int]:
        """Return the next clock of every client id the document knows."""
        return {int(client): clock for client, clock in (await self.call("stateVector")).items()}

    async def update(self) -> bytes:
        """Return the whole document as one update."""
        return base64.b64decode(await self.call("update"))

    async def apply(self, update: bytes) -> None:
        """Apply an update to the document as if the user had made it, so that the provider sends it."""
        await self.call("apply", update=_base64(update))

    async def missing(self, update: bytes) -> str | None:
        """Say what an update has that the document lacks; None when the document has all of it."""
        return await self.call("missing", update=_base64(update))

    # Presence

    async def set_presence(self, field: str, value: Json) -> None:
        """Set a field of the client's own presence."""
        await self.call("setPresence", field=field, value=value)

    async def leave_presence(self) -> None:
        """Withdraw the client's own presence."""
        await self.call("leavePresence")

    async def presence(self) -> dict[int, dict[str, Any]]:
        """Return everyone's presence as this client sees it, by Yjs client id."""
        return {int(peer): state for peer, state in (await self.call("presence")).items()}

    # Connection

    async def connect(self) -> None:
        """Let the provider connect."""
        await self.call("connect")

    async def disconnect(self) -> None:
        """Let the provider disconnect, and not come back by itself."""
        await self.call("disconnect")

    async def kill(self) -> None:
        """Drop the TCP connection without a closing handshake."""
        await self.call("kill")

    async def destroy(self) -> None:
        """End the client for good."""
        await self.call("destroy")

    async def set_token(self, token: str) -> None:
        """Give the provider another token for its next connection."""
        await self.call("setToken", token=token)

    async def send_token(self) -> None:
        """Let the Hocuspocus provider authenticate again in the open connection."""
        await self.call("sendToken")

    async def send_stateless(self, payload: str) -> None:
        """Send a stateless Hocuspocus message."""
        await self.call("sendStateless", payload=payload)

    async def send_raw(self, frame: bytes) -> None:
        """Send a frame over the client's socket as if its provider had."""
        await self.call("sendRaw", frame=frame.hex())

    # Waiting

    async def synced(self, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the provider says that it holds the server's state."""
        await self.wait("synced", timeout=timeout)

    async def saved(self, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until Hocuspocus' `hasUnsyncedChanges` is false; y-websocket has no such thing."""
        await self.wait("saved", timeout=timeout)

    async def acknowledged_count(self, count: int, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the server has acknowledged so many updates of this client."""
        await self.wait("acknowledged", count=count, timeout=timeout)

    async def refused(self, count: int = 1, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the server has refused so many of this client's messages in the protocol's words."""
        await self.wait("refused", count=count, timeout=timeout)

    async def has(self, update: bytes, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the document has all of an update."""
        await self.wait("has", update=_base64(update), timeout=timeout)

    async def converged(self, *others: "NodeClient", timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until the documents of all these clients are the same, deletions and all."""
        await self.wait("converged", others=[other.name for other in others], timeout=timeout)

    async def sees(
        self, peer: "NodeClient", field: str, value: Json, *, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        """Wait until another client is present with this value in a field."""
        condition = {"count": None, "peer": peer.client_id, "field": field, "value": value}
        await self.wait("presence", timeout=timeout, **condition)

    async def sees_gone(self, peer: "NodeClient", *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until another client is no longer present."""
        condition = {"count": None, "peer": peer.client_id, "field": None, "value": None}
        await self.wait("presence", timeout=timeout, **condition)

    async def present_count(self, count: int, *, timeout: float = TIMEOUT_SECONDS) -> None:
        """Wait until so many clients are present, this one included."""
        await self.wait("presence", count=count, timeout=timeout)

    async def event(
        self, event_type: str, *, count: int = 1, timeout: float = TIMEOUT_SECONDS, **detail: Json
    ) -> Event:
        """Wait for the `count`-th event of a type with these details, counted from the start; returns it."""
        await self.wait("event", type=event_type, detail=detail, count=count, timeout=timeout)
        return self.all_events(event_type, **detail)[count - 1]

    def all_events(self, event_type: str, **detail: Json) -> list[Event]:
        """Return the events of a type with these details so far."""
        return [
            event
            for event in self.events
            if event["event"] == event_type and all(event.get(key) == value for key, value in detail.items())
        ]

    async def wait(self, condition: str, *, timeout: float = TIMEOUT_SECONDS, **details: Any) -> None:
        """Wait for a condition of `conditions.mjs`."""
        await self.call("wait", condition={"is": condition, **details}, timeout=timeout)

    # What happened

    async def state(self) -> dict[str, Any]:
        """Return what is known of it: synced, connected, wants, unsynced, receipts, attempts, pending ..."""
        return await self.call("state")

    async def record(self) -> None:
        """Start to record raw frames, from nothing."""
        await self.call("record")

    async def frames(self) -> list[tuple[Literal["sent", "received"], bytes]]:
        """Return the frames since `record`, in order."""
        return [(direction, bytes.fromhex(frame)) for direction, frame in await self.call("frames")]

    async def call(self, command: str, **arguments: Any) -> Any:
        """Send a command of `driver.mjs` about this client."""
        return await self._driver.call(command, client=self.name, **arguments)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
