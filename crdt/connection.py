"""One client's socket: joins its session's messages with the rooms they are for.

Knows no WebSocket library: frames come in by `receive`, and go out by the `Channel` it was given.
"""

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from crdt.broadcast import Broadcast
from crdt.errors import (
    CrdtError,
    CredentialRefused,
    DocumentDamaged,
    DocumentRefused,
    DocumentUnavailable,
    ProtocolError,
    TooLate,
    UpdateRefused,
)
from crdt.ports import Access, Channel, DocumentName, Principal, Right
from crdt.protocol import (
    PONG,
    Edit,
    Leave,
    Message,
    Ping,
    Presence,
    QueryPresence,
    SyncStep1,
    Token,
    document_of,
    encode_denied,
    encode_scope,
    encode_sync_status,
    encode_yws_denied,
)
from crdt.room import Opener, Room
from crdt.session import Session

logger = logging.getLogger(__name__)


class SocketPeer:
    """A client in one room. Implements `crdt.broadcast.Peer`."""

    def __init__(
        self, connection: "Connection", key: str, principal: Principal, right: Right, room: Room
    ) -> None:
        self.principal = principal
        self.can_write = right == "write"
        self.room = room
        self.waits_for_echo = not connection.session.wire.has_sync_status
        self._connection = connection
        self._channel = connection.channel
        self._key = key
        self._prefix = connection.session.wire.prefix(key)

    def deliver(self, broadcast: Broadcast) -> None:
        """Send what all peers get."""
        self._channel.send(broadcast.frame(self._prefix))

    def send(self, payload: bytes) -> None:
        """Send what is for this client only."""
        self._channel.send(self._prefix + payload)

    def acknowledge(self, edits: int, position: int) -> None:
        """Say that so many edits are committed; a y-websocket client sees it by the echo."""
        if not self.waits_for_echo:
            frame = self._prefix + encode_sync_status(is_saved=True)
            for _ in range(edits):
                self._channel.send(frame)

    def deny(self, reason: str) -> None:
        """Refuse an edit that is not this principal's to make (A2); the client stays."""
        self.send(encode_yws_denied(reason) if self.waits_for_echo else encode_sync_status(is_saved=False))

    def refuse(self, error: CrdtError) -> None:
        """Refuse what no well-behaved client sends; the socket ends."""
        if isinstance(error, UpdateRefused):
            self.deny(error.reason)
        self._connection.close(error)

    def end(self, error: CrdtError) -> None:
        """The room is gone: the client is to come back."""
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
        auth_timeout_seconds: float,
        on_close: Callable[["Connection"], None],
    ) -> None:
        self.session = session
        self.channel = channel
        self._access = access
        self._open_room = open_room
        self._start = start
        self._on_close = on_close
        self._peers: dict[str, SocketPeer] = {}
        self._is_closed = False
        self._auth_timeout = asyncio.get_running_loop().call_later(
            auth_timeout_seconds, self.close, TooLate("Nobody signed in on this socket in time.")
        )

    def sign_in(self, document: str, token: str) -> None:
        """Begin with the one document of a y-websocket client."""
        self.session.begin("")
        self._start(partial(self._admit, "", document, token))

    def receive(self, frame: bytes) -> None:
        """Take a frame from the client."""
        if self._is_closed:
            return
        try:
            for key, message in self.session.receive(frame):
                self._take(key, message)
        except ProtocolError as error:
            self.close(error)

    def keep_alive(self) -> None:
        """Let the client know that the socket is alive."""
        self.channel.send(self.session.wire.keepalive)

    def close(self, error: CrdtError) -> None:
        """End the socket and say why."""
        if not self._is_closed:
            logger.info("socket closed: %d %s: %s", error.close_code, error.code, error.reason)
            self.channel.close(error.close_code, error.reason)
            self.closed()

    def closed(self) -> None:
        """Note that the socket is gone."""
        if self._is_closed:
            return
        self._is_closed = True
        self._auth_timeout.cancel()
        for peer in self._peers.values():
            peer.room.leave(peer)
        self._peers.clear()
        self._on_close(self)

    def _take(self, key: str, message: Message) -> None:
        peer = self._peers.get(key)
        if peer is None:
            if isinstance(message, Token):
                self._start(partial(self._admit, key, document_of(key), message.token))
            elif isinstance(message, Ping):
                self.channel.send(PONG)
        elif isinstance(message, Edit):
            self._take_edit(peer, message.update)
        elif isinstance(message, Presence):
            peer.room.announce(peer, message.update)
        elif isinstance(message, SyncStep1):
            peer.room.request_state(peer, message.state_vector)
        elif isinstance(message, QueryPresence):
            peer.room.send_presence(peer)
        elif isinstance(message, Leave):
            self._leave(key)

    def _take_edit(self, peer: SocketPeer, update: bytes) -> None:
        if peer.can_write:
            peer.room.submit(peer, update)
        elif peer.room.contains(update):
            peer.acknowledge(1, 0)  # nothing new: the answer to our step 1
        else:
            peer.deny("You may read this document, not change it.")

    def _leave(self, key: str) -> None:
        peer = self._peers.pop(key)
        peer.room.leave(peer)
        self.session.leave(key)

    async def _admit(self, key: str, document: str, token: str) -> None:
        """Decide on one document: no byte of it leaves before that (A1)."""
        try:
            principal = await self._access.authenticate(token)
            if principal is None:
                raise CredentialRefused("The token is not valid, or no longer.")
            right = await self._access.decide(principal, document)
            if right == "none":
                raise DocumentRefused("There is no such document, or you may not read it.")
            if self._is_wanted(key):
                room = await self._open_room(DocumentName(document))
                if self._is_wanted(key):
                    self._join(key, SocketPeer(self, key, principal, right, room))
        except (CredentialRefused, DocumentRefused, DocumentDamaged) as error:
            self._deny(key, error)
        except CrdtError as error:
            self.close(error)
        except Exception:  # whatever the access port says: it decided nothing
            logger.exception("document %s: access cannot be decided", document)
            self.close(DocumentUnavailable("The server cannot decide on this now."))

    def _is_wanted(self, key: str) -> bool:
        return not self._is_closed and self.session.is_deciding(key)

    def _join(self, key: str, peer: SocketPeer) -> None:
        self._auth_timeout.cancel()
        if self.session.wire.has_sync_status:
            peer.send(encode_scope(can_write=peer.can_write))
        peer.room.join(peer)
        self._peers[key] = peer
        try:
            for message in self.session.admit(key):
                self._take(key, message)
        except ProtocolError as error:
            self.close(error)

    def _deny(self, key: str, error: CrdtError) -> None:
        if not self._is_wanted(key):
            return
        if not self.session.wire.has_sync_status:
            self.close(error)
            return
        # The socket may carry other documents, and the client may try again with another token.
        self.session.deny(key)
        self.channel.send(self.session.wire.prefix(key) + encode_denied(error.reason))
