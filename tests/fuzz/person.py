"""Somebody with an editor: writes online and offline, comes back after every loss, on either wire."""

import asyncio
import random
from typing import Any

import pycrdt

from crdt.protocol import (
    EMPTY_UPDATE,
    encode_number,
    encode_presence,
    encode_step1,
    encode_step2,
    encode_string,
    encode_update,
)
from crdt.session import HOCUSPOCUS, YWS, Wire
from crdt.waiting import Waiting
from tests.crdt.world import Said
from tests.fuzz.network import Link
from tests.fuzz.pen import Pen
from tests.fuzz.server import Servers

RENEW_SECONDS = 15.0


class Person:
    """One editor with one document. Implements `tests.fuzz.network.Client`."""

    def __init__(
        self, servers: Servers, name: str, token: str, wire: Wire, document: str, chance: random.Random
    ) -> None:
        self.name, self.token, self.wire, self.document = name, token, wire, document
        self.chance = chance
        self.link: Link | None = None
        self.is_away = False
        """Whether they stay offline for now."""
        self.is_slow = chance.random() < 0.25
        self.is_reader = token == "eve"
        self.reloads = 0
        self.tab: Person | None = None
        """Another editor of the same person, which hears of edits past the server."""
        self._servers = servers
        self._loop = asyncio.get_running_loop()
        self._presence_clock = 0
        self._start()
        self._loop.call_later(RENEW_SECONDS, self._renew)

    def _start(self) -> None:
        # Yjs' client ids have 32 bits; small ones show mistakes sooner.
        self.client_id = self.chance.randrange(100, 2**20)
        self.doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=self.client_id, skip_gc=True)
        self._waiting = Waiting(self.doc)
        self.pen = Pen(self.doc, self.chance, can_undo=True)
        self._is_following = False
        self._newest = EMPTY_UPDATE
        self._subscription = self.doc.observe(self._on_change)

    # What they do

    def edit(self) -> None:
        """Make an edit, if one may."""
        if not self.is_reader:
            self.pen.edit()

    def connect(self) -> None:
        """Open a socket and say what the stock providers say without waiting."""
        if self.link is not None or self.is_away:
            return
        self.link = link = self._servers.connect(self, is_slow=self.is_slow)
        if self.wire is HOCUSPOCUS:
            self._say(b"\x02\x00" + encode_string(self.token))
        self._say(encode_step1(self.doc.get_state()))
        self._announce()
        self._loop.call_later(30.0, self._expect_an_answer, link, link.frames_heard)

    def drop(self, *, away: bool) -> None:
        """Lose the network; come back soon unless they stay away."""
        self.is_away = away
        if self.link is not None:
            self.link.hang_up()
            self.link = None
        self._come_back()

    def reload(self) -> None:
        """Throw the document away, as one does whose edit was refused, and fetch it anew."""
        self.reloads += 1
        self._subscription.drop()
        self.drop(away=False)
        self._start()

    def whisper(self) -> None:
        """Tell the other tab of the newest edit, past the server.

        Who was refused an edit throws it away here; with another tab's help it would come back.
        """
        if self.tab is not None and self.token == "ann":
            self.tab.overhear(self._newest)

    def overhear(self, update: bytes) -> None:
        """Take in what another tab wrote, and pass it on as if it were written here."""
        self._waiting.apply(update)
        self._waiting.settle([update])

    # What they hear

    def hear(self, link: Link, said: Said) -> None:
        """Take a message of the server."""
        if link is not self.link:
            return
        if said.name in ("step2", "update"):
            self._follow(said.body)
        elif said.name == "step1":
            missing = self.doc.get_update(said.body)
            self._say(encode_step2(missing), missing)
        elif said.name in ("refused", "denied"):
            self.reload()

    def lose(self, link: Link, code: int) -> None:
        """Note that the socket is gone."""
        if link is self.link:
            assert code in (1006, 1012, 1013, 4508), f"{self.name} was sent away with {code}"
            self.link = None
            self._come_back()

    def _come_back(self) -> None:
        self._loop.call_later(self.chance.choice((0.1, 0.5, 2.5)), self.connect)

    def _expect_an_answer(self, link: Link, heard: int) -> None:
        """Give a socket up that was silent for too long, as both providers do."""
        if link is self.link:
            if link.frames_heard == heard:
                self.drop(away=False)
            else:
                self._loop.call_later(30.0, self._expect_an_answer, link, link.frames_heard)

    def _follow(self, update: bytes) -> None:
        self._is_following = True
        self._waiting.apply(update)
        self._waiting.settle([update])
        self._is_following = False

    def _on_change(self, event: pycrdt.TransactionEvent) -> None:
        if self._is_following or event.update == EMPTY_UPDATE:
            return
        self._newest = event.update
        if self.link is not None:
            self._say(encode_update(event.update), event.update)

    def _say(self, payload: bytes, edit: bytes | None = None) -> None:
        assert self.link is not None
        prefix = b"" if self.wire is YWS else encode_string(self.document)
        self.link.say(prefix + payload, edit)

    def _announce(self) -> None:
        self._presence_clock += 1
        entry = encode_number(self.client_id) + encode_number(self._presence_clock)
        self._say(encode_presence(b"\x01" + entry + encode_string('{"here":true}')))

    def _renew(self) -> None:
        if self.link is not None:
            self._announce()
        self._loop.call_later(RENEW_SECONDS, self._renew)
