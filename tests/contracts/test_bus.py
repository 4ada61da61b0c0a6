"""What every bus promises (N1, N2): one suite for all kinds. What it loses or reorders is nobody's fault."""

import asyncio
from collections.abc import Callable

import pytest

from crdt.bus import MemoryBus
from crdt.ports import Bus

TOPIC, OTHER = "page:0198c5b7-5c2f-7000-8000-000000000001#0000000a", "page:2"
DEADLINE_SECONDS = 10

OpenBus = Callable[[], Bus]
"""Gives the bus of one more process."""


@pytest.fixture(params=("memory",))
async def open_bus(request: pytest.FixtureRequest) -> OpenBus:
    # A bus in memory reaches one process only, so that its processes share it.
    bus = MemoryBus()
    return lambda: bus


class Ear:
    """Hears, and waits until it has heard."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._news = asyncio.Event()

    def __call__(self, message: bytes) -> None:
        self.heard.append(message)
        self._news.set()

    async def hears(self, *messages: bytes) -> None:
        """Wait until exactly these have been heard, in whatever order."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.heard) < len(messages):
                self._news.clear()
                await self._news.wait()
        assert sorted(self.heard) == sorted(messages)


async def test_N2_a_message_reaches_all_others_of_its_topic(open_bus: OpenBus):
    ears = [Ear() for _ in range(3)]
    lines = [open_bus().join(TOPIC, ear) for ear in ears]
    lines[0].publish(b"first")
    lines[1].publish(b"second")
    await ears[0].hears(b"second")
    await ears[1].hears(b"first")
    await ears[2].hears(b"first", b"second")


async def test_N2_topics_are_apart(open_bus: OpenBus):
    here, elsewhere = Ear(), Ear()
    line, _, speaker = (
        open_bus().join(TOPIC, here),
        open_bus().join(OTHER, elsewhere),
        open_bus().join(OTHER, Ear()),
    )
    line.publish(b"nobody is there")
    speaker.publish(b"elsewhere")
    await elsewhere.hears(b"elsewhere")
    assert here.heard == []


async def test_N2_nobody_is_called_within_the_call_that_publishes(open_bus: OpenBus):
    ear = Ear()
    open_bus().join(TOPIC, ear)
    open_bus().join(TOPIC, Ear()).publish(b"soon")
    assert ear.heard == []
    await ear.hears(b"soon")


async def test_N2_whoever_has_left_hears_nothing_more(open_bus: OpenBus):
    gone, ear = Ear(), Ear()
    leaving, speaker = open_bus().join(TOPIC, gone), open_bus().join(TOPIC, Ear())
    open_bus().join(TOPIC, ear)
    speaker.publish(b"on its way")
    leaving.close()
    leaving.close()
    speaker.publish(b"later")
    await ear.hears(b"on its way", b"later")
    assert gone.heard == []
    leaving.publish(b"from outside")


async def test_N2_messages_are_bytes_of_any_kind_and_size(open_bus: OpenBus):
    ear = Ear()
    open_bus().join(TOPIC, ear)
    line = open_bus().join(TOPIC, Ear())
    messages = [b"", bytes(range(256)), b"x" * 70_000]
    for message in messages:
        line.publish(message)
    await ear.hears(*messages)


async def test_N2_a_topic_can_be_joined_again(open_bus: OpenBus):
    open_bus().join(TOPIC, Ear()).close()
    ear = Ear()
    open_bus().join(TOPIC, ear)
    open_bus().join(TOPIC, Ear()).publish(b"again")
    await ear.hears(b"again")
