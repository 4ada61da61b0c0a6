"""Presence in one document: who is here, and what they show of themselves.

Unlike the clients' own awareness, entries have owners (rule A5): an entry belongs to the peer that announced
its client id, a peer has one entry, and the `user` field of its state is written by the server. Whatever a
peer says of anybody else is ignored without a word, because y-websocket clients repeat what they hear.

Sans-I/O: the clock is an argument. The wire is y-protocols': varUint count, then for each entry varUint
client id, varUint clock, string with the state's JSON (`null` for "gone").
"""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from crdt.errors import PresenceTooLarge, ProtocolError
from crdt.ports import Principal
from crdt.protocol import Reader, encode_number, encode_string

RENEWED_WITHIN_SECONDS = 30.0
"""y-protocols' `outdatedTimeout`: a client renews its entry every 15 s, and others forget it after 30 s."""

TOMBSTONE_SECONDS = 60.0
"""For so long an entry that is gone cannot be brought back by a client that repeats what it heard before."""

_decode_state = msgspec.json.Decoder(dict[str, msgspec.Raw] | None).decode
_encode_json = msgspec.json.encode

_PALETTE = ("#e4572e", "#17807e", "#b5651d", "#2e86ab", "#a23b72", "#3c7a3f", "#6a4c93", "#c2185b", "#5c6bc0")


MAX_STATE_BYTES = 64 * 1024


class Announcement(msgspec.Struct, frozen=True):
    """One entry of an awareness update; `state` is JSON, None for an entry that is withdrawn."""

    client_id: int
    clock: int
    state: bytes | None


class Remote(msgspec.Struct, frozen=True):
    """The owner of an entry whose peer is in another process."""

    voice: str
    client_id: int


class _Entry(msgspec.Struct):
    clock: int
    state: bytes | None
    owner: object | None
    principal_id: str
    changed_at: float


class Awareness:
    """The entries of one document."""

    def __init__(
        self, max_state_bytes: int = MAX_STATE_BYTES, owners: Mapping[int, str] | None = None
    ) -> None:
        """`owners` says which client ids belong to which principal, whoever is present (A7)."""
        self._max_state_bytes = max_state_bytes
        self._owners: Mapping[int, str] = {} if owners is None else owners
        self._entries: dict[int, _Entry] = {}
        self._client_ids: dict[object, int] = {}
        # Under which client id a peer came, also where another has taken the entry over since.
        self._came_as: dict[object, int] = {}
        self._came: dict[int, list[object]] = {}

    def apply(self, owner: object, principal: Principal, update: bytes, now: float) -> list[int]:
        """Take what a peer announces of itself; return the client ids whose entry changed.

        Raises ProtocolError when the update is malformed, and PresenceTooLarge when the peer's own state is
        too large (W4); clients repeat what they hear, so how large the update is says nothing.
        """
        return [
            announcement.client_id
            for announcement in decode_awareness(update)
            if self._take(owner, principal, announcement, now)
        ]

    def leave(self, owner: object, now: float) -> list[int]:
        """Remove a peer's entry; return the client ids that are gone."""
        self._note(owner, None)
        client_id = self._client_ids.pop(owner, None)
        if client_id is None:
            return []
        return [client_id] if self._withdraw(client_id, now) else []

    def disown(self, client_ids: Iterable[int], now: float) -> list[int]:
        """Withdraw what is shown under client ids that turned out to be another's; return those."""
        gone: list[int] = []
        for client_id in client_ids:
            entry, owner = self._entries.get(client_id), self._owners[client_id]
            if entry is not None and entry.principal_id != owner:
                self._client_ids.pop(entry.owner, None)
                entry.principal_id = owner
                if self._withdraw(client_id, now):
                    gone.append(client_id)
        return gone

    def expire(self, now: float) -> list[int]:
        """Remove entries that were not renewed in time, and forget old tombstones."""
        gone: list[int] = []
        for client_id, entry in list(self._entries.items()):
            age = now - entry.changed_at
            if entry.state is None:
                if age > TOMBSTONE_SECONDS:
                    del self._entries[client_id]
            elif age > RENEWED_WITHIN_SECONDS:
                self._withdraw(client_id, now)
                gone.append(client_id)
        return gone

    def owner_of(self, client_id: int) -> object | None:
        """Return the peer that has announced a client id and is still there."""
        entry = self._entries.get(client_id)
        if entry is None or self._client_ids.get(entry.owner) != client_id:
            return None
        return entry.owner

    def came_as(self, client_id: int) -> Sequence[object]:
        """Return the peers that have announced a client id and are still there.

        They are several where a client has come back and its old socket has not ended yet.
        """
        return self._came.get(client_id, ())

    def present(self) -> list[int]:
        """Return the client ids that are here."""
        return [client_id for client_id, entry in self._entries.items() if entry.state is not None]

    def own(self, client_ids: Iterable[int]) -> list[int]:
        """Return those of these client ids whose entries belong to peers of this process."""
        return [
            client_id
            for client_id in client_ids
            if client_id in self._entries and not isinstance(self._entries[client_id].owner, Remote)
        ]

    def encode(self, client_ids: Iterable[int]) -> bytes:
        """Encode the entries of these client ids as they are now."""
        known = [
            (client_id, self._entries[client_id]) for client_id in client_ids if client_id in self._entries
        ]
        parts = [encode_number(len(known))]
        for client_id, entry in known:
            parts += (encode_number(client_id), encode_number(entry.clock))
            parts.append(encode_string((entry.state or b"null").decode()))
        return b"".join(parts)

    def encode_all(self) -> bytes:
        """Encode everybody who is here, and everybody who has left lately."""
        return self.encode(self._entries)

    def _take(self, owner: object, principal: Principal, said: Announcement, now: float) -> bool:
        entry = self._entries.get(said.client_id)
        own_id = self._client_ids.get(owner)
        if own_id is None:
            if said.state is not None and self._owners.get(said.client_id, principal.id) == principal.id:
                self._note(owner, said.client_id)
            is_taken = said.state is not None and self._can_claim(entry, principal, said)
            # Who has moved to this process is still spoken of by the one they have left.
            holder = self.owner_of(said.client_id)
            if entry is not None and isinstance(owner, Remote) and not isinstance(holder, Remote | None):
                is_taken = is_taken and said.clock > entry.clock
        else:
            is_taken = said.client_id == own_id and self._is_news(entry, said)
        if not is_taken:
            return False
        if said.state is not None and len(said.state) > self._max_state_bytes:
            raise PresenceTooLarge(f"What you show of yourself has more than {self._max_state_bytes} bytes.")
        state = None if said.state is None else _with_user(said.state, principal)
        if own_id is None:
            self._claim(owner, entry, said.client_id)
        self._entries[said.client_id] = _Entry(said.clock, state, owner, principal.id, now)
        return True

    def _is_news(self, entry: _Entry | None, said: Announcement) -> bool:
        if entry is None or said.clock > entry.clock:
            return True
        return said.clock == entry.clock and said.state is None

    def _can_claim(self, entry: _Entry | None, principal: Principal, said: Announcement) -> bool:
        if self._owners.get(said.client_id, principal.id) != principal.id:
            return False
        # The same principal may take its entry over: that is a reconnect, seen before the old socket's end.
        return entry is None or (entry.principal_id == principal.id and said.clock >= entry.clock)

    def _claim(self, owner: object, entry: _Entry | None, client_id: int) -> None:
        if entry is not None and entry.owner is not None:
            self._client_ids.pop(entry.owner, None)
        self._client_ids[owner] = client_id

    def _note(self, owner: object, client_id: int | None) -> None:
        before = self._came_as.pop(owner, None)
        if before is not None:
            self._came[before].remove(owner)
            if not self._came[before]:
                del self._came[before]
        if client_id is not None:
            self._came_as[owner] = client_id
            self._came.setdefault(client_id, []).append(owner)

    def _withdraw(self, client_id: int, now: float) -> bool:
        # The clock stays: y-protocols takes `null` at the same clock, and the owner comes back with the next.
        entry = self._entries[client_id]
        was_present = entry.state is not None
        entry.state = None
        entry.changed_at = now
        return was_present


def decode_awareness(update: bytes) -> list[Announcement]:
    """Decode an awareness update; raises ProtocolError for anything else."""
    reader = Reader(update)
    count = reader.read_number()
    announcements: list[Announcement] = []
    for _ in range(count):
        client_id, clock = reader.read_number(), reader.read_number()
        state = reader.read_string().encode()
        announcements.append(Announcement(client_id, clock, None if state == b"null" else state))
    if not reader.is_done:
        raise ProtocolError("trailing_bytes", "There are bytes behind the end of the awareness update.")
    return announcements


def color_of(principal_id: str) -> str:
    """Return the colour that somebody has everywhere, as `#rrggbb`: y-prosemirror takes no other form."""
    return _PALETTE[sum(principal_id.encode()) % len(_PALETTE)]


def _with_user(state: bytes, principal: Principal) -> bytes:
    try:
        fields = _decode_state(state)
    except (msgspec.DecodeError, RecursionError):
        raise ProtocolError("bad_presence", "An awareness state is not a JSON object.") from None
    if fields is None:
        raise ProtocolError("bad_presence", "An awareness state is not a JSON object.")
    color = color_of(principal.id)
    user: dict[str, str | None] = {
        "id": principal.id,
        "name": principal.name,
        "kind": principal.kind,
        "color": color,
        "colorLight": color + "33",  # what y-codemirror.next paints selections with
        "avatar_url": principal.avatar_url,
    }
    if principal.run_id is not None:
        user |= {"run_id": principal.run_id, "acts_for": principal.acts_for}
    return _encode_json({**fields, "user": user})
