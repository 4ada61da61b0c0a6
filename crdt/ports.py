"""What the live core needs of the world, as Protocols that belong to it.

Their shapes are builtins wherever another package implements them, so that `storage` needs no import of
`crdt`: `server.bootstrap` joins the two.
"""

import asyncio
from collections.abc import Callable, Collection, Container, Mapping, Sequence
from typing import Literal, NewType, Protocol

import msgspec

DocumentName = NewType("DocumentName", str)
"""`page:{uuid}`, `channel:{uuid}` or `inbox:{uuid}`."""

PrincipalId = NewType("PrincipalId", str)
"""Who acts, for instance `user:{uuid}`: the author in the log."""

Right = Literal["none", "read", "comment", "write", "manage"]
"""What a principal may do with a document (rule A1); `manage` is to write, and what its guard makes of it."""


class Principal(msgspec.Struct, frozen=True):
    """Who a peer acts for, as the server knows it; presence and authorship are taken from here (A5)."""

    id: PrincipalId
    name: str
    kind: Literal["user", "agent", "system"] = "user"
    avatar_url: str | None = None
    expires_at: float | None = None
    """Unix seconds when the credential ends; None for one that does not."""
    run_id: str | None = None
    """The agent run that this is done in."""
    acts_for: PrincipalId | None = None
    """Whose rights it has, where these are another's: those of whoever an agent run is for."""

    @property
    def author(self) -> str:
        """Who did something, as the log says it: the principal, and the run if there is one (A7)."""
        return self.id if self.run_id is None else f"{self.id}|run:{self.run_id}"

    def is_among(self, targets: Container[str]) -> bool:
        """Tell whether any of these is what its rights hang on: itself, its run, or whoever it acts for."""
        names = (self.id, self.acts_for, None if self.run_id is None else f"run:{self.run_id}")
        return any(name is not None and name in targets for name in names)


def can_write(right: Right) -> bool:
    """Tell whether a right is one to change a document."""
    return right in ("write", "manage")


Told = Callable[[int | Exception], object]
"""Takes the position of the last row once it is committed, or why it cannot be; must not raise."""


class UpdateLog(Protocol):
    """The append-only table of updates with its snapshots: the truth about every document (D1-D4).

    A document is given by its name, or as `NAME#EPOCH`: then it is unknown once another epoch has begun, so
    that nothing of the old one is written into the new one (D7).
    """

    async def heads(self, documents: Collection[str]) -> dict[str, tuple[str, int]]:
        """Return the epoch (empty: it has none) and the newest position of each of these documents, by name.

        Those that do not exist are left out. Raises the store's own error when it cannot be read.
        """
        ...

    async def load(self, document: str) -> tuple[int, bytes | None, list[bytes]]:
        """Return (position of the newest row, newest snapshot or None, the raw rows after it, in order).

        Raises LookupError for a document that does not exist, ValueError for one whose rows are damaged, and
        the store's own error when it cannot be read (D6): never an empty document instead.
        """
        ...

    async def read_rows(self, document: str, after: int, upto: int) -> list[bytes]:
        """Return the raw rows behind one position up to and with another.

        Raises LookupError where they are not kept, or not of this epoch, any more; else as `load`.
        """
        ...

    def submit(self, document: str, rows: Sequence[tuple[bytes, str]], told: Told) -> None:
        """Queue raw updates, each with its author, and return at once.

        `told` is called once, never within this call: after the commit that holds all of them (D2). Rows of
        one document keep the order of the calls; a commit carries what all documents gathered (D3).
        """
        ...

    def backlog(self) -> tuple[bool, int]:
        """Return whether the store is failing, and how many bytes wait for their commit (D5)."""
        ...

    async def save_snapshot(self, document: str, position: int, state: bytes) -> None:
        """Keep a merged state that covers every row up to `position`."""
        ...


Receiver = Callable[[bytes], None]
"""Takes a message; it may be malformed, and must not raise for that."""


class Line(Protocol):
    """A participant's place in a topic of the bus. No call blocks or raises."""

    @property
    def has_others(self) -> bool:
        """Whether anybody else may hear what is published now."""
        ...

    def publish(self, message: bytes) -> None:
        """Tell all others in the topic, in whatever process, if nothing goes wrong."""
        ...

    def close(self) -> None:
        """Hear nothing more; closing twice does nothing."""
        ...


class Bus(Protocol):
    """Carries messages between the rooms of a document, also of other processes (N1, N2).

    They may be lost, repeated and change their order. A participant never hears itself, and never within the
    call that publishes. What is published before a participant has joined is not for it.
    """

    def join(self, topic: str, receive: Receiver) -> Line:
        """Take part in a topic."""
        ...


Binding = tuple[int, str, bool]
"""A Yjs client id, the principal that it belongs to, and whether anything was written under it."""


class ClientIds(Protocol):
    """Which client ids of a document belong to whom, for as long as the document is there (A7)."""

    async def load(self, document: str) -> list[Binding]:
        """Return all bindings of a document; raises the store's own error when they cannot be read."""
        ...

    def bind(self, document: str, bindings: Sequence[Binding]) -> "asyncio.Future[list[Binding]]":
        """Queue bindings and return at once; first come, first served.

        The future gives, after the commit, those of the client ids that turned out to be somebody else's.
        """
        ...


class Access(Protocol):
    """Who somebody is and what they may do; decided outside of the core."""

    async def admit(self, credential: str, document: str) -> tuple[Principal, Right] | None:
        """Return whom a credential speaks for and their right on a document, `none` included.

        None for a credential that is unknown, forged or expired.
        """
        ...

    async def decide(self, principal: Principal, document: str) -> Right:
        """Return the right of a principal on a document; `none` also for one that does not exist."""
        ...


class Guard(Protocol):
    """The rules of one kind of document, which judge an edit before the document sees it (A6)."""

    @property
    def roots(self) -> Collection[str]:
        """The names of all roots of such a document; they are maps, and there are no others."""
        ...

    def judge(
        self,
        author: str,
        before: Mapping[str, Mapping[str, object]],
        after: Mapping[str, Mapping[str, object]],
        *,
        document: Mapping[str, Mapping[str, object]],
        can_manage: bool,
    ) -> tuple[str, str] | None:
        """Return the rule that an edit of this principal's breaks, with a sentence for them; None for none.

        What the edit touches comes as root -> key -> value, as it is and as it would be; a key that is not
        there is absent, and one that is the same before and after was touched all the same. Shared types are
        told as by `crdt.content.describe`, for instance {"map": {...}}; a plain object is {"object": {...}}.
        `document` is all of it as it would be, read only where it is looked at; `can_manage` tells whether
        the principal has the right `manage`, at this moment. Must not raise, whatever the values are.
        """
        ...


class Channel(Protocol):
    """A way to one client, already open. Neither call blocks, and neither raises once the client is gone."""

    def send(self, frame: bytes) -> None:
        """Queue one frame."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Close after what is queued has been sent."""
        ...
