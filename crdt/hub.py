"""All open documents of one process: opens rooms once, evicts idle ones, owns their tasks and sockets."""

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Container
from contextlib import asynccontextmanager
from functools import partial
from types import TracebackType
from typing import Self
from uuid import uuid4

import anyio
import msgspec
from sniffio import current_async_library_cvar

from crdt.awareness import MAX_STATE_BYTES
from crdt.bus import MemoryBus
from crdt.connection import Connection
from crdt.epoch import EPOCH_ENDED, Epoch
from crdt.errors import (
    CrdtError,
    DocumentDamaged,
    DocumentRefused,
    DocumentUnavailable,
    EpochEnded,
    HubClosed,
)
from crdt.limits import Overruns, Seats
from crdt.peer import Replica
from crdt.ports import Access, Binding, Bus, Channel, ClientIds, DocumentName, Guard, Principal, UpdateLog
from crdt.rhythm import Ticks
from crdt.room import Room
from crdt.session import Session, SessionLimits, Wire
from crdt.snapshots import Folder
from crdt.statistics import HubStatistics, RoomCounts, Verdicts

logger = logging.getLogger(__name__)

FOLD_AT_EVICTION_UPDATES = 50
"""Fewer rows than this load faster than a snapshot is written and read."""


STORE_FAILS = "What you edit cannot be saved now; try again later."
STORE_DEGRADED = '{"store":"degraded"}'
STORE_OK = '{"store":"ok"}'
"""Stateless messages that tell Hocuspocus clients why acknowledgements stay away (D5)."""


class HubConfig(msgspec.Struct, frozen=True):
    """What the hub and its rooms need to know."""

    limits: SessionLimits = SessionLimits()
    auth_timeout_seconds: float = 10.0
    keepalive_seconds: float = 20.0
    room_idle_seconds: float = 30.0
    snapshot_every_updates: int = 500
    coalesce_max_seconds: float = 0.01
    sweep_seconds: float = 1.0
    look_seconds: float = 1.0
    renew_tokens_ahead_seconds: float = 60.0
    shutdown_seconds: float = 8.0
    max_sockets_per_principal: int = 200
    max_document_bytes: int = 32 * 1024 * 1024
    max_presence_bytes: int = MAX_STATE_BYTES
    overrun_pause_seconds: float = 5.0
    """How long whoever was cut off for too large a message waits before being let in again."""
    max_unsaved_bytes: int = 64 * 1024 * 1024
    """What rooms may gather while the store fails; then their peers are sent away until it is back."""


class Hub:
    """Opens documents for sockets and for peers in this process."""

    def __init__(
        self,
        log: UpdateLog,
        access: Access,
        fold: Folder,
        config: HubConfig | None = None,
        *,
        bus: Bus | None = None,
        client_ids: ClientIds,
        guard_of: Callable[[str], Guard | None],
        clock: Callable[[], float] = time.monotonic,
        unix_time: Callable[[], float] = time.time,
    ) -> None:
        """Join what the ports give; without a bus, this process hears no hints of others (N1)."""
        self._log = log
        self._bus = bus or MemoryBus()
        self._client_ids = client_ids
        self._guard_of = guard_of
        self._access = access
        self._fold = fold
        self._config = config or HubConfig()
        self._clock = clock
        self._ticks = Ticks()
        self._renew_at = math.inf  # when a token is to be asked for, or ends
        self._unix_time = unix_time
        self._rooms: dict[DocumentName, Room] = {}
        self._opening: dict[DocumentName, asyncio.Future[None]] = {}
        self._connections: set[Connection] = set()
        self._reviews = 0
        self._seats = Seats(self._config.max_sockets_per_principal)
        self._overruns = Overruns(self._config.overrun_pause_seconds)
        self._verdicts = Verdicts()
        self._past = RoomCounts()
        self._replicas: set[Replica] = set()
        self._is_closing = False
        self._has_ended = False
        self._is_store_failing: bool = False
        self._is_store_full = False
        self._is_blind = False
        self._kept_alive_at = clock()
        self._tasks = anyio.create_task_group()

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        self.start(self._sweep_forever)
        self.start(self._look_forever)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        await self.close()
        self._has_ended = True
        self._tasks.cancel_scope.cancel()
        return await self._tasks.__aexit__(kind, error, traceback)

    @property
    def is_closing(self) -> bool:
        """Tell whether `close` was called."""
        return self._is_closing

    # Sockets and peers

    def connect(self, wire: Wire, channel: Channel) -> Connection:
        """Take a new socket; its frames go to the connection that this returns."""
        connection = Connection(
            Session(wire, self._config.limits),
            channel,
            self._access,
            open_room=self.open,
            start=self.start,
            limits=self._config.limits,
            clock=self._clock,
            unix_time=self._unix_time,
            seats=self._seats,
            overruns=self._overruns,
            verdicts=self._verdicts,
            auth_timeout_seconds=self._config.auth_timeout_seconds,
            on_token=self._note_token,
            on_close=self._connections.discard,
        )
        self._connections.add(connection)
        if self._is_closing:
            connection.close(_closed())
        return connection

    @asynccontextmanager
    async def join(
        self, document: DocumentName, principal: Principal, *, client_id: int | None = None
    ) -> AsyncGenerator[Replica]:
        """Take part in a document from inside this process (R8): the same door, without a socket.

        `client_id` is one that the principal has used before and uses nowhere else now.
        """
        while True:
            reviews = self._reviews
            right = "manage" if principal.kind == "system" else await self._access.decide(principal, document)
            if right == "none":
                raise DocumentRefused("There is no such document, or you may not read it.")
            room = await self.open(document)
            if reviews == self._reviews:  # else it may have been about whoever is not in yet
                break
        replica = Replica(principal, room, right, client_id=client_id)
        self._replicas.add(replica)
        try:
            await replica.synced()
            yield replica
        finally:
            self._replicas.discard(replica)
            replica.leave()

    async def open(self, document: DocumentName, epoch: str | None = None) -> Room:
        """Return the room of a document, loaded once for all who ask at the same time (R5): join it at once.

        Raises DocumentRefused when it does not exist, EpochEnded when it is not in the `epoch` that is asked
        for (D7), DocumentUnavailable when it cannot be loaded (D6), and HubClosed.
        """
        # The room is looked up anew after every wait, and its peer joins without another one: in between,
        # a room without peers could be evicted, and its document would be open twice.
        while True:
            if self._is_closing:
                raise _closed()
            if self._is_store_full:
                raise DocumentUnavailable(STORE_FAILS)
            room = self._rooms.get(document)
            if room is not None and room.failure is None:
                if epoch in (None, room.epoch.name):
                    return room
                await self.look()  # the room may be the one that is late
                if room.failure is None:
                    raise DocumentUnavailable(STORE_FAILS) if self._is_blind else EpochEnded(EPOCH_ENDED)
                continue
            opening = self._opening.get(document)
            if opening is None:
                opening = self._opening[document] = asyncio.get_running_loop().create_future()
                # A task of the hub's, so that no joiner's end takes the others' room away.
                self.start(partial(self._load, document, opening))
            await asyncio.shield(opening)

    async def _load(self, document: DocumentName, opening: "asyncio.Future[None]") -> None:
        try:
            heads = await self._log.heads([document])
            if document not in heads:
                raise DocumentRefused("There is no such document, or you may not read it.")
            epoch = Epoch(document, heads[document][0])
            # In this order: whose an id is that wrote a row has been saved before the row counts.
            stored = await self._log.load(epoch.address)
            bound = await self._client_ids.load(document)
            try:
                room = self._new_room(document, epoch, stored, bound)
            except DocumentDamaged as error:
                room = self._new_room(
                    document, epoch, await self._load_rows(epoch.address, stored, error), bound
                )
            if document in self._rooms:  # a failed one, which the sweep has not found yet
                self._forget(self._rooms[document])
            self._rooms[document] = room
            opening.set_result(None)
        except DocumentRefused as error:
            self._give_up(opening, error)
        except (DocumentDamaged, ValueError) as error:
            logger.exception("document %s: is damaged", document)
            damaged = DocumentDamaged("What is stored of this document is damaged.")
            self._give_up(opening, error if isinstance(error, DocumentDamaged) else damaged)
        except Exception:  # whatever the store says, the answer is the same
            logger.exception("document %s: cannot be loaded", document)
            self._give_up(opening, DocumentUnavailable("The document cannot be loaded now."))
        finally:
            del self._opening[document]
            opening.cancel()  # where shutting down has ended this task

    async def _load_rows(
        self, address: str, stored: tuple[int, bytes | None, list[bytes]], error: DocumentDamaged
    ) -> tuple[int, bytes | None, list[bytes]]:
        """Return what is stored without its snapshot: that only sums up rows, which are there if not pruned.

        Raises the error of what is stored where that is no way out.
        """
        position, snapshot, _ = stored
        if snapshot is None:
            raise error
        try:
            rows = await self._log.read_rows(address, 0, position)
        except LookupError:
            raise error from None
        logger.error("document %s: its snapshot is damaged, and its rows are read instead", address)
        return position, None, rows

    def _new_room(
        self,
        document: DocumentName,
        epoch: Epoch,
        stored: tuple[int, bytes | None, list[bytes]],
        bound: list[Binding],
    ) -> Room:
        return Room(
            document,
            self._log,
            self._bus,
            stored,
            epoch=epoch,
            voice=uuid4().hex,
            client_ids=self._client_ids,
            bound=bound,
            guard=self._guard_of(document),
            clock=self._clock,
            ticks=self._ticks,
            start=self.start,
            snapshot_every_updates=self._config.snapshot_every_updates,
            coalesce_max_seconds=self._config.coalesce_max_seconds,
            max_bytes=self._config.max_document_bytes,
            max_presence_bytes=self._config.max_presence_bytes,
            fold_elsewhere=self._fold,
        )

    def _give_up(self, opening: "asyncio.Future[None]", error: CrdtError) -> None:
        opening.set_exception(error)
        opening.exception()  # known, even where every joiner has gone

    # Life

    def start(self, work: Callable[[], Awaitable[None]]) -> None:
        """Run an async callable in the hub's task group; its failure is logged and ends nothing else (R7).

        After the hub's end nothing is run: what the log commits then has nobody to be told of it.
        """
        if not self._has_ended:
            # A carrier calls from outside every task, where anyio cannot tell by itself which loop runs.
            current_async_library_cvar.set("asyncio")
            self._tasks.start_soon(_guarded, work)

    def review(self, targets: Container[str]) -> None:
        """Decide anew on everybody whose principal id or document is among the targets (A3)."""
        self._reviews += 1
        for connection in self._connections:
            connection.review(targets)
        for replica in self._replicas:
            is_concerned = replica.principal.is_among(targets) or replica.document in targets
            if is_concerned and replica.principal.kind != "system":
                self.start(partial(self._review, replica))

    async def _review(self, replica: Replica) -> None:
        replica.reviews += 1
        review = replica.reviews
        try:
            right = await self._access.decide(replica.principal, replica.document)
        except Exception:  # whatever the access port says: nobody stays on an answer that may be old
            logger.exception("document %s: access cannot be decided anew", replica.document)
            replica.right = "none"
            replica.end(DocumentUnavailable("The server cannot decide on this now."))
            return
        if review < replica.reviews:  # a newer one is under way, or its answer was here first
            return
        replica.right = right
        if right == "none":
            replica.end(DocumentRefused("You may not read this document any more."))

    async def look(self) -> None:
        """Notice what other processes did to open documents: wrote into them (N1), or ended them (D7)."""
        rooms = [room for room in self._rooms.values() if room.failure is None]
        if not rooms:
            return
        try:
            heads = await self._log.heads([room.name for room in rooms])
            self._is_blind = False
        except Exception as error:  # noqa: BLE001 - whatever the store says: it is asked again
            if not self._is_blind:
                logger.error("open documents cannot be looked after: %s", error)  # noqa: TRY400
            self._is_blind = True
            return
        for room in rooms:
            if room.name not in heads:
                room.fail(DocumentRefused("There is no such document any more."))
            elif heads[room.name][0] != room.epoch.name:
                room.fail(EpochEnded(EPOCH_ENDED))
            else:
                room.heard(heads[room.name][1])

    async def sweep(self) -> None:
        """Do what is due: renew tokens, keep sockets alive, expire presence, evict idle rooms."""
        self._watch_store()
        now = self._clock()
        if (unix_time := self._unix_time()) >= self._renew_at:
            ahead_seconds = self._config.renew_tokens_ahead_seconds
            next_at = [connection.renew(unix_time, ahead_seconds) for connection in list(self._connections)]
            self._renew_at = min(next_at, default=math.inf)
        if now - self._kept_alive_at >= self._config.keepalive_seconds:
            self._kept_alive_at = now
            for connection in self._connections:
                connection.keep_alive()
        for room in list(self._rooms.values()):
            room.sweep()
            if room.failure is not None:
                self._forget(room)
            elif self._is_idle(room, now):
                if room.is_worth_folding(FOLD_AT_EVICTION_UPDATES):
                    # The next sweep finds it folded. Whoever comes meanwhile keeps it.
                    self.start(partial(room.fold, FOLD_AT_EVICTION_UPDATES))
                else:
                    room.close()
                    self._forget(room)

    def _watch_store(self) -> None:
        """Tell peers when the store fails and when it is back; send them away before memory runs out (D5)."""
        is_failing, waiting_bytes = self._log.backlog()
        if is_failing != self._is_store_failing:
            self._is_store_failing = is_failing
            for connection in self._connections:
                connection.tell(STORE_DEGRADED if is_failing else STORE_OK)
        self._is_store_full = is_failing and waiting_bytes > self._config.max_unsaved_bytes
        if self._is_store_full:
            for connection in list(self._connections):
                connection.close(DocumentUnavailable(STORE_FAILS))

    async def close(self) -> None:
        """Take no new peers, commit and acknowledge everything, then send all peers away (R6)."""
        if self._is_closing:
            return
        self._is_closing = True
        with anyio.move_on_after(self._config.shutdown_seconds) as scope:
            for room in list(self._rooms.values()):
                await room.settle()
        if scope.cancelled_caught:
            logger.error("shutdown: not all edits could be committed in time; their clients keep them")
        for connection in list(self._connections):
            connection.close(_closed())
        for room in self._rooms.values():
            room.end(_closed())
            room.close()

    def peers(self, kind: str) -> dict[DocumentName, int]:
        """Return the open documents whose names begin like this, and how many peers each has."""
        return {
            name: room.peers
            for name, room in self._rooms.items()
            if name.startswith(kind) and room.failure is None
        }

    def statistics(self) -> HubStatistics:
        """Return the hub at this moment."""
        rooms = {str(name): room.statistics() for name, room in self._rooms.items()}
        counts = RoomCounts()
        for counted in (self._past, *(room.counts for room in self._rooms.values())):
            counts.add(counted)
        return HubStatistics(
            sockets=len(self._connections),
            replicas=len(self._replicas),
            rooms=rooms,
            turns=counts.turns,
            edits=counts.edits,
            refused_edits=counts.refused_edits,
            refused=dict(self._verdicts.refused),
            closed=dict(self._verdicts.closed),
        )

    def _note_token(self, ends_at: float) -> None:
        self._renew_at = min(self._renew_at, ends_at - self._config.renew_tokens_ahead_seconds)

    def _forget(self, room: Room) -> None:
        del self._rooms[room.name]
        self._past.add(room.counts)

    def _is_idle(self, room: Room, now: float) -> bool:
        return (
            room.idle_since is not None
            and now - room.idle_since >= self._config.room_idle_seconds
            and room.is_settled
        )

    async def _look_forever(self) -> None:
        while True:
            await anyio.sleep(self._config.look_seconds)
            await self.look()

    async def _sweep_forever(self) -> None:
        while True:
            await anyio.sleep(self._config.sweep_seconds)
            await self.sweep()


async def _guarded(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # the edge of a task
        logger.exception("a task of the live core failed")


def _closed() -> HubClosed:
    return HubClosed("The server restarts.")
