"""Presence of people whose sockets are in other processes (N3): it lives and dies with the room that owns it.

Each open room of a document is a *voice*. It says over the bus what its own peers show, as that changes, and
all of it again every few seconds; whoever is not heard for a while, or says that nobody is left, takes its
people along. Messages are numbered, so that an old one never undoes a new one; what is lost comes again.
"""

from collections.abc import Iterable
from typing import Literal

import msgspec

from crdt.awareness import Awareness, Remote, decode_awareness
from crdt.bus import Here
from crdt.errors import CrdtError
from crdt.ports import Principal, PrincipalId
from crdt.protocol import encode_number, encode_string

BEAT_SECONDS = 5.0
SILENCE_SECONDS = 16.0
"""Three beats may be lost."""


class _User(msgspec.Struct, frozen=True):
    """Who the owner's server says somebody is."""

    id: str
    name: str
    kind: Literal["user", "agent", "system"]
    avatar_url: str | None


class _Voice(msgspec.Struct):
    number: int
    heard_at: float
    client_ids: set[int]


_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_user = msgspec.json.Decoder(_User).decode


class Elsewhere:
    """What one room says of its own people, and hears of others'."""

    def __init__(self, voice: str, awareness: Awareness, now: float) -> None:
        self._voice = voice
        self._awareness = awareness
        self._voices: dict[str, _Voice] = {}
        self._number = 0
        self._beat_at = now + BEAT_SECONDS

    def say(self, client_ids: Iterable[int]) -> Here | None:
        """Return what to tell of those who changed; None when none of them is this room's."""
        own = self._awareness.own(client_ids)
        return self._here(own, is_all=False) if own else None

    def say_all(self) -> Here | None:
        """Return what to tell somebody who has heard nothing yet; None when nobody is here."""
        own = self._awareness.own(self._awareness.present())
        return self._here(own, is_all=True) if own else None

    def beat(self, now: float) -> Here | None:
        """Return what to tell again, when it is time."""
        if now < self._beat_at:
            return None
        self._beat_at = now + BEAT_SECONDS
        return self.say_all()

    def say_gone(self) -> Here | None:
        """Return the last words of a room that has said something."""
        return self._here([], is_all=True) if self._number else None

    def hear(self, here: Here, now: float) -> list[int]:
        """Take what another voice says; return the client ids whose entry changed. Raises CrdtError."""
        announcements = decode_awareness(here.update)
        voice = self._voices.setdefault(here.voice, _Voice(-1, now, set()))
        if here.number <= voice.number:
            return []
        voice.number, voice.heard_at = here.number, now
        changed: list[int] = []
        for said in announcements:
            owner = Remote(here.voice, said.client_id)
            user, state = _read_state(said.state)
            entry = encode_number(said.client_id) + encode_number(said.clock) + encode_string(state)
            changed += self._awareness.apply(owner, user, b"\x01" + entry, now)
            voice.client_ids.add(said.client_id)
        if here.is_all:
            for client_id in voice.client_ids - {said.client_id for said in announcements}:
                changed += self._forget(voice, here.voice, client_id, now)
        return changed

    def expire(self, now: float) -> list[int]:
        """Let those go whose voice is silent; return the client ids that are gone."""
        gone: list[int] = []
        for name, voice in list(self._voices.items()):
            if now - voice.heard_at > SILENCE_SECONDS:
                del self._voices[name]
                for client_id in list(voice.client_ids):
                    gone += self._forget(voice, name, client_id, now)
        return gone

    def _forget(self, voice: _Voice, name: str, client_id: int, now: float) -> list[int]:
        voice.client_ids.discard(client_id)
        return self._awareness.leave(Remote(name, client_id), now)

    def _here(self, client_ids: Iterable[int], *, is_all: bool) -> Here:
        self._number += 1
        return Here(self._voice, self._number, is_all, self._awareness.encode(client_ids))


def _read_state(state: bytes | None) -> tuple[Principal, str]:
    """Split a state into who it is of and what they show. Raises CrdtError."""
    if state is None:
        return _NOBODY, "null"
    try:
        fields = _decode_fields(state)
        user = _decode_user(fields.pop("user"))
    except (msgspec.DecodeError, KeyError) as error:
        raise CrdtError("Another process says something of presence that cannot be read.") from error
    principal = Principal(PrincipalId(user.id), user.name, user.kind, user.avatar_url)
    return principal, msgspec.json.encode(fields).decode()


_NOBODY = Principal(PrincipalId(""), "")
