"""One client's socket: joins its session's messages with the rooms they are for.

Knows no WebSocket library: frames come in by `receive`, and go out by the `Channel` it was given.
"""

import asyncio
import logging
import math
from collections.abc import Callable, Container
from functools import partial

from crdt.broadcast import Broadcast
from crdt.epoch import EPOCH_ENDED, read_token
from crdt.errors import (
    CrdtError,
    CredentialRefused,
    DocumentDamaged,
    DocumentRefused,
    DocumentUnavailable,
    EditTooLarge,
    EpochEnded,
    PresenceTooLarge,
    RuleViolated,
    TokenExpired,
    TooLate,
    UpdateRefused,
)
from crdt.limits import Meter, Overruns, Seats, SocketSeats
from crdt.ports import Access, Channel, DocumentName, Principal, Right, can_write
from crdt.protocol import (
    EMPTY_UPDATE,
    PONG,
    TOKEN_WANTED,
    UPDATE,
    Edit,
    Leave,
    Message,
    OneTooMany,
    OversizedEdit,
    Ping,
    Presence,
    QueryPresence,
    SyncStep1,
    Token,
    document_of,
    encode_denied,
    encode_scope,
    encode_stateless,
    encode_sync_status,
    encode_verdict,
    encode_yws_denied,
    read_update,
)
from crdt.room import Opener, Room
from crdt.session import Session, SessionLimits
from crdt.statistics import Verdicts, count
from crdt.structs import MAX_LEVELS, is_too_deep

logger = logging.getLogger(__name__)

READ_ONLY = "You may read this document, not change it."
TOKEN_EXPIRED = "The token has expired."


class SocketPeer:
    """A client in one room. Implements `crdt.broadcast.Peer`."""

    def __init__(
        self,
        connection: "Connection",
        key: str,
        token: str,
        principal: Principal,
        right: Right,
        room: Room,
    ) -> None:
        self.token = token
        self.principal = principal
        self.set_right(right)
        self.is_token_wanted = False
        self.room = room
        self.waits_for_echo = not connection.session.wire.has_sync_status
        self._key = key
        self._connection = connection
        self._send = connection.channel.send
        self._prefix = connection.session.wire.prefix(key)
        self._saved_frame = self._prefix + encode_sync_status(is_saved=True)
        self.update_prefix = self._prefix + UPDATE
        """What frames with an update from this client begin with."""
        self.is_gone = False
        """Whether it has left the room, which may still have edits of its."""
        self.is_review_due = False
        self.is_under_review = False
        """Whether it is decided anew now: one decision at a time, so that no answer undoes a newer one."""
        self.offered: tuple[str, str | None] | None = None
        """The newest token that came since, and the epoch that it states."""

    @property
    def ends_at(self) -> float:
        """When its token ends, in Unix seconds."""
        return self.principal.expires_at or math.inf

    def set_right(self, right: Right) -> None:
        """Note what the client may do with the document, as each of its edits asks."""
        self.can_write = can_write(right)
        self.can_manage = right == "manage"
        """Whether the client may do what its document's guard lets only few do."""

    @property
    def is_full(self) -> bool:
        """Whether the socket takes nothing more now (R3)."""
        return self._connection.is_full

    def deliver(self, broadcast: Broadcast) -> None:
        """Send what all peers get."""
        self._send(broadcast.frames.get(self._prefix) or broadcast.build(self._prefix))

    def send(self, payload: bytes) -> None:
        """Send what is for this client only."""
        self._send(self._prefix + payload)

    def acknowledge(self, edits: int, position: int) -> None:
        """Say that so many edits are committed; a y-websocket client sees it by the echo."""
        if not self.waits_for_echo:
            self._send(self._saved_frame)
            for _ in range(edits - 1):
                self._send(self._saved_frame)

    def leave(self) -> None:
        """Go out of the room, and say nothing more: the client may be in again, under the same key."""
        self.is_gone = True
        self._send = _say_nothing
        self.room.leave(self)
        self._connection.seats.give_back(self.principal.id)

    def deny(self, code: str, reason: str) -> None:
        """Refuse an edit that is not this principal's to make (A2); the client stays."""
        if self.waits_for_echo:
            self.send(encode_yws_denied(reason))
        else:
            self.send(encode_verdict(edit="refused", code=code, reason=reason))
            self.send(encode_sync_status(is_saved=False))

    def refuse(self, error: CrdtError) -> None:
        """Refuse an edit that does not fit, or what no well-behaved client sends: then the socket ends."""
        if self.is_gone:
            return
        if isinstance(error, UpdateRefused):
            self.deny(error.code, error.reason)
        if isinstance(error, RuleViolated):
            self._connection.expel(self._key, error)
        elif not isinstance(error, EditTooLarge):
            self._connection.close(error)

    def refuse_presence(self, reason: str) -> None:
        """Say that presence was not passed on, for which no protocol has words of its own."""
        if self.waits_for_echo:
            self.send(encode_yws_denied(reason))
        else:
            self.send(encode_verdict(presence="refused", reason=reason))

    def end(self, error: CrdtError) -> None:
        """The room is gone: the client is to come back, unless its document is not the same any more."""
        if self.is_gone:
            return
        if isinstance(error, EpochEnded | DocumentRefused):
            self._connection.expel(self._key, error)
        else:
            self._connection.close(error)


class Connection:
    """One socket from its opening to its end."""

    def __init__(
        self,
        session: Session,
        channel: Channel,
        access: Access,
        *,
        open_room: Opener,
        start: Callable[..., object],
        limits: SessionLimits,
        auth_timeout_seconds: float,
        clock: Callable[[], float],
        unix_time: Callable[[], float],
        seats: Seats,
        overruns: Overruns,
        verdicts: Verdicts,
        on_token: Callable[[float], None],
        on_close: Callable[["Connection"], None],
    ) -> None:
        """Take a socket; `on_token` hears when each token ends that somebody is let in with."""
        self.session = session
        self.channel = channel
        self._access = access
        self._open_room = open_room
        self._start = start
        self.seats = SocketSeats(seats)
        self._overruns = overruns
        self._verdicts = verdicts
        self._on_token = on_token
        self._on_close = on_close
        self.credential = ""
        """What the socket was opened with: it stands where a client brings no token of its own."""
        self.is_full = False
        """Whether the client reads more slowly than it is written to (R3)."""
        self._clock = clock
        self._unix_time = unix_time
        self._meter = Meter(limits.frame_rate, limits.byte_rate, clock)
        self._max_frame_bytes = limits.max_frame_bytes
        self._writer: SocketPeer | None = None  # who edited last, and so most likely next
        self._peers: dict[str, SocketPeer] = {}
        self._reviews = 0
        self._is_closed = False
        self._auth_timeout = asyncio.get_running_loop().call_later(
            auth_timeout_seconds, self.close, TooLate("Nobody signed in on this socket in time.")
        )

    def sign_in(self, document: str, token: str) -> None:
        """Begin with the one document of a y-websocket client; the token may state an epoch (D7)."""
        self.session.begin("")
        self._start(partial(self._admit, "", document, *read_token(token)))

    def receive(self, frame: bytes) -> float:
        """Take a frame from the client; return for how many seconds to read nothing more of it (W4)."""
        if self._is_closed:
            return 0.0
        writer = self._writer
        try:
            if (
                writer is not None
                and len(frame) <= self._max_frame_bytes
                and (update := read_update(frame, writer.update_prefix)) is not None
            ):
                if writer.can_write and len(update) < MAX_LEVELS:  # too short to be too deep
                    writer.room.take(writer, update)
                else:
                    self._take_edit(writer, update, is_answer=False)
            else:
                for key, message in self.session.receive(frame):
                    self._take(key, message)
        except CrdtError as error:
            self.close(error)
        return self._meter.take(len(frame))

    def tell(self, payload: str) -> None:
        """Send a message outside of the documents, which only Hocuspocus has room for."""
        if self.session.wire.has_sync_status:
            for peer in self._peers.values():
                peer.send(encode_stateless(payload))

    def keep_alive(self) -> None:
        """Let the client know that the socket is alive."""
        self.channel.send(self.session.wire.keepalive)

    def set_full(self, is_full: bool) -> None:
        """Note that the socket takes nothing more for now, or that all of it has left (R3)."""
        self.is_full = is_full
        for peer in self._peers.values():
            if is_full:
                peer.room.lag(peer)
            else:
                peer.room.catch_up(peer)

    def review(self, targets: Container[str]) -> None:
        """Decide anew for the principals and documents among the targets (A3)."""
        self._reviews += 1
        for key, peer in self._peers.items():
            if peer.principal.is_among(targets) or peer.room.name in targets:
                self._start_review(key, peer)

    def renew(self, now: float, ahead_seconds: float) -> float:
        """Ask for a new token where one ends soon, and end what has outlived its own (A4).

        Returns when there will be something to do next, should nothing change.
        """
        next_at = math.inf
        for key, peer in list(self._peers.items()):
            ends_at = peer.ends_at
            if ends_at <= now:
                self.close(TokenExpired(TOKEN_EXPIRED))
                return math.inf
            if not self.session.wire.has_sync_status or peer.is_token_wanted:
                next_at = min(next_at, ends_at)
            elif ends_at - ahead_seconds <= now:
                peer.is_token_wanted = True
                self.channel.send(self.session.wire.prefix(key) + TOKEN_WANTED)
                next_at = min(next_at, ends_at)
            else:
                next_at = min(next_at, ends_at - ahead_seconds)
        return next_at

    def close(self, error: CrdtError) -> None:
        """End the socket and say why."""
        if not self._is_closed:
            logger.info("socket closed: %d %s: %s", error.close_code, error.code, error.reason)
            count(self._verdicts.closed, error.close_code)
            self.channel.close(error.close_code, error.reason)
            self.closed()

    def overran(self) -> None:
        """Note that the client is cut off because it sent more in one message than is read."""
        for peer in self._peers.values():
            self._overruns.note(peer.principal.id, peer.room.name, self._clock())

    def closed(self) -> None:
        """Note that the socket is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        self._auth_timeout.cancel()
        for peer in self._peers.values():
            peer.leave()
        self._peers.clear()
        self._writer = None
        self._on_close(self)

    def _token(self, message: Token) -> tuple[str, str | None]:
        token, epoch = read_token(message.token)
        return token or self.credential, epoch

    def _take(self, key: str, message: Message) -> None:
        peer = self._peers.get(key)
        if peer is None:
            if isinstance(message, Token):
                self._start(partial(self._admit, key, document_of(key), *self._token(message)))
            elif isinstance(message, Ping):
                self.channel.send(PONG)
            elif isinstance(message, OneTooMany):
                count(self._verdicts.refused, "too_many_documents")
                reason = "This socket carries no more documents; close one first, or open another socket."
                self._send_denial(key, "too_many_documents", reason)
        elif isinstance(message, Edit):
            self._writer = peer
            self._take_edit(peer, message.update, is_answer=message.is_answer)
        elif isinstance(message, OversizedEdit):
            self._take_oversized(peer, message)
        elif isinstance(message, Presence):
            try:
                peer.room.announce(peer, message.update)
            except PresenceTooLarge as error:
                count(self._verdicts.refused, error.code)
                peer.refuse_presence(error.reason)
        elif isinstance(message, SyncStep1):
            self._request_state(key, peer, message)
        elif isinstance(message, QueryPresence):
            peer.room.send_presence(peer)
        elif isinstance(message, Token):
            peer.offered = self._token(message)
            self._start_review(key, peer)
        elif isinstance(message, Leave):
            self._leave(key)

    def _take_edit(self, peer: SocketPeer, update: bytes, *, is_answer: bool) -> None:
        if is_too_deep(update):
            peer.refuse(UpdateRefused("The update is malformed, or its values are nested too deeply."))
        elif peer.can_write:
            peer.room.submit(peer, update, is_answer=is_answer)
        elif peer.room.contains(update):
            # The answer to our step 1, with nothing new. But what it repeats may be on its way to the commit.
            peer.room.submit(peer, EMPTY_UPDATE, is_answer=is_answer)
        else:
            peer.room.admission.deny(peer, is_answer=is_answer)
            peer.deny("read_only", READ_ONLY)

    def _take_oversized(self, peer: SocketPeer, edit: OversizedEdit) -> None:
        if peer.can_write:
            peer.room.admission.refuse_oversized(peer, is_answer=edit.is_answer)
        else:
            peer.room.admission.deny(peer, is_answer=edit.is_answer)
            peer.deny("read_only", READ_ONLY)

    def _request_state(self, key: str, peer: SocketPeer, message: SyncStep1) -> None:
        try:
            peer.room.request_state(peer, message.state_vector)
        except EpochEnded as error:
            self.expel(key, error)

    def _take_out(self, key: str) -> None:
        self._writer = None
        self._peers.pop(key).leave()

    def _leave(self, key: str) -> None:
        self._take_out(key)
        self.session.leave(key)

    async def _admit(self, key: str, document: str, token: str, epoch: str | None) -> None:
        """Decide on one document: no byte of it leaves before that (A1)."""
        try:
            reviews = self._reviews
            principal, right = await self._decide(document, token)
            if self._is_wanted(key):
                await self._enter(key, DocumentName(document), epoch, token, principal, right, reviews)
        except (CredentialRefused, DocumentRefused, DocumentDamaged, EpochEnded) as error:
            count(self._verdicts.refused, error.code)
            self._deny(key, error)
        except CrdtError as error:
            count(self._verdicts.refused, error.code)
            self.close(error)
        except Exception:  # whatever the access port says: it decided nothing
            logger.exception("document %s: access cannot be decided", document)
            self.close(DocumentUnavailable("The server cannot decide on this now."))

    async def _enter(
        self,
        key: str,
        document: DocumentName,
        epoch: str | None,
        token: str,
        principal: Principal,
        right: Right,
        reviews: int,
    ) -> None:
        self.seats.take(principal.id)
        is_in = False
        try:
            pause_seconds = self._overruns.pause_seconds(principal.id, document, self._clock())
            if pause_seconds:
                self._auth_timeout.cancel()
                await asyncio.sleep(pause_seconds)
            room = await self._open_room(document, epoch)
            while reviews != self._reviews:  # it may have been about whoever is not in yet
                reviews = self._reviews
                principal, right = await self._decide(document, token)
                room = await self._open_room(document, epoch)
            if self._is_wanted(key):
                self._join(key, SocketPeer(self, key, token, principal, right, room))
                is_in = True
        finally:
            if not is_in:
                self.seats.give_back(principal.id)

    async def _decide(self, document: str, token: str) -> tuple[Principal, Right]:
        admitted = await self._access.admit(token, document)
        if admitted is None:
            raise CredentialRefused("The token is not valid, or no longer.")
        principal, right = admitted
        if right == "none":
            raise DocumentRefused("There is no such document, or you may not read it.")
        return principal, right

    def _start_review(self, key: str, peer: SocketPeer) -> None:
        """Decide anew on somebody who is in: with a new token (A4), or because rights have changed (A3)."""
        peer.is_review_due = True
        if not peer.is_under_review:
            peer.is_under_review = True
            self._start(partial(self._review, key, peer))

    async def _review(self, key: str, peer: SocketPeer) -> None:
        try:
            while peer.is_review_due and not peer.is_gone:
                peer.is_review_due = False
                offered, peer.offered = peer.offered, None
                await self._decide_anew(key, peer, *(offered or (peer.token, None)))
        finally:
            peer.is_under_review = False

    async def _decide_anew(self, key: str, peer: SocketPeer, token: str, epoch: str | None) -> None:
        try:
            if epoch not in (None, peer.room.epoch.name):
                raise EpochEnded(EPOCH_ENDED)
            principal, right = await self._decide(peer.room.name, token)
            if principal.id != peer.principal.id:
                raise CredentialRefused("The token is somebody else's.")
        except (CredentialRefused, DocumentRefused, EpochEnded) as error:
            if isinstance(error, CredentialRefused) and peer.offered is not None:
                return  # another token has come, which is looked at next
            if not peer.is_gone:
                has_ended = isinstance(error, CredentialRefused) and peer.ends_at <= self._unix_time()
                if has_ended:  # it was not renewed, and the sweep would say so a moment later
                    self.close(TokenExpired(TOKEN_EXPIRED))
                else:
                    self.expel(key, error)
            return
        except Exception:  # whatever the access port says: nobody stays on an answer that may be old
            logger.exception("document %s: access cannot be decided anew", peer.room.name)
            if peer.is_gone:
                return
            self.close(DocumentUnavailable("The server cannot decide on this now."))
            return
        if not peer.is_gone:
            self._change(peer, token, principal, right)

    def _change(self, peer: SocketPeer, token: str, principal: Principal, right: Right) -> None:
        could_write = peer.can_write
        peer.token, peer.principal, peer.is_token_wanted = token, principal, False
        peer.set_right(right)
        self._on_token(peer.ends_at)
        if peer.can_write != could_write:
            if self.session.wire.has_sync_status:
                peer.send(encode_scope(can_write=peer.can_write))
            if peer.can_write:
                peer.room.promote(peer)

    def expel(self, key: str, error: CrdtError) -> None:
        """Send a client out of one document; the others on its socket stay where the protocol can say so."""
        count(self._verdicts.refused, error.code)
        if self.session.wire.has_sync_status:
            # It may try again with another token, and its other documents are not concerned.
            self._take_out(key)
            self.session.deny(key)
            self._send_denial(key, error.code, error.reason)
        else:
            self.close(error)

    def _send_denial(self, key: str, code: str, reason: str) -> None:
        """Refuse a Hocuspocus client's document: first for programs, in our words, then in the protocol's."""
        prefix = self.session.wire.prefix(key)
        self.channel.send(prefix + encode_verdict(document="denied", code=code, reason=reason))
        self.channel.send(prefix + encode_denied(reason))

    def _is_wanted(self, key: str) -> bool:
        return not self._is_closed and self.session.is_deciding(key)

    def _join(self, key: str, peer: SocketPeer) -> None:
        self._auth_timeout.cancel()
        if self.session.wire.has_sync_status:
            peer.send(encode_scope(can_write=peer.can_write))
        peer.room.join(peer)
        self._peers[key] = peer
        self._on_token(peer.ends_at)
        try:
            for message in self.session.admit(key, begins_with_step1=bool(peer.room.epoch.name)):
                self._take(key, message)
        except CrdtError as error:
            self.close(error)

    def _deny(self, key: str, error: CrdtError) -> None:
        if not self._is_wanted(key):
            return
        if not self.session.wire.has_sync_status:
            self.close(error)
            return
        # The socket may carry other documents, and the client may try again with another token.
        self.session.deny(key)
        self._send_denial(key, error.code, error.reason)


def _say_nothing(frame: bytes) -> None:
    """Take the place of a channel."""
