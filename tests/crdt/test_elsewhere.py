"""Presence crosses processes and dies with the process that owned it (N3)."""

import random

import pytest

from crdt.bus import Here, MemoryBus, encode_here
from crdt.protocol import encode_number, encode_string
from crdt.session import YWS
from tests.crdt.processes import EPOCH, Processes, processes
from tests.crdt.world import PAGE, Client, presence_of, turns
from tests.fakes.bus import HostileBus


def seen(client: Client) -> dict[int, object]:
    """Return who is there as a client sees it: what they show in the field `at`, by client id."""
    entries: dict[int, object] = {}
    for said in client.said:
        if said.name == "presence":
            for client_id, state in presence_of(said).items():
                entries.pop(client_id, None)
                if state is not None:
                    entries[client_id] = state.get("at")
    return entries


async def sweep(p: Processes, seconds: float) -> None:
    """Let time go by, second for second."""
    for _ in range(int(seconds)):
        p.clock.now += 1
        for hub in p.hubs:
            await hub.sweep()
        await turns()


async def test_N3_people_in_two_processes_see_each_other() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        ann.say_presence(1, 1, '{"at":3}')
        await bob.heard(lambda bob: seen(bob) == {1: 3})
        (shown,) = [presence_of(said)[1] for said in bob.said if said.name == "presence"]
        assert shown is not None
        assert shown["user"]["id"] == "user:ann"  # type: ignore[index]
        ann.say_presence(1, 2, '{"at":4}')
        await bob.heard(lambda bob: seen(bob) == {1: 4})
        ann.say_presence(1, 3, "null")
        await bob.heard(lambda bob: seen(bob) == {})


async def test_N3_who_comes_later_sees_those_who_are_there() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann = await p.join(0)
        ann.say_presence(1, 1, '{"at":3}')
        await turns()
        bob = await p.join(1, YWS, "bob")
        await bob.heard(lambda bob: seen(bob) == {1: 3})


async def test_N3_presence_ends_with_its_socket_and_with_its_room() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann, cem, bob = await p.join(0), await p.join(0), await p.join(1, YWS, "bob")
        ann.say_presence(1, 1, '{"at":3}')
        cem.say_presence(2, 1, '{"at":4}')
        await bob.heard(lambda bob: seen(bob) == {1: 3, 2: 4})
        ann.disconnect()
        await bob.heard(lambda bob: seen(bob) == {2: 4})
        await p.hubs[0].close()
        await bob.heard(lambda bob: seen(bob) == {})


async def test_N3_presence_ends_with_a_process_that_falls_silent() -> None:
    bus = MemoryBus()
    async with processes(1, bus=bus) as p:
        bob = await p.join(0, YWS, "bob")
        entry = encode_number(1) + encode_number(1)
        user = '{"id":"user:ann","name":"Ann","kind":"user","avatar_url":null}'
        entry += encode_string(f'{{"at":3,"user":{user}}}')
        line = bus.join(f"{PAGE}#{EPOCH}", lambda message: None)
        line.publish(encode_here(Here("killed", 1, True, b"\x01" + entry)))
        await bob.heard(lambda bob: seen(bob) == {1: 3})
        await sweep(p, 15)
        assert seen(bob) == {1: 3}
        await sweep(p, 3)
        assert seen(bob) == {}


async def test_N3_presence_that_is_renewed_stays() -> None:
    async with processes(bus=MemoryBus()) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        for clock in range(1, 8):
            ann.say_presence(1, clock, '{"at":3}')
            await sweep(p, 10)
        assert seen(bob) == {1: 3}


async def test_N3_who_moves_to_another_process_stays_visible() -> None:
    async with processes(bus=MemoryBus()) as p:
        old, bob = await p.join(0), await p.join(1, YWS, "bob")
        old.say_presence(1, 1, '{"at":3}')
        await bob.heard(lambda bob: seen(bob) == {1: 3})
        new = await p.join(1)
        new.say_presence(1, 1, '{"at":4}')
        await bob.heard(lambda bob: seen(bob) == {1: 4})
        await sweep(p, 6)  # what the old process says meanwhile is older
        old.disconnect()
        await turns()
        assert seen(bob) == {1: 4}


async def test_N3_nobody_speaks_for_others() -> None:
    bus = MemoryBus()
    async with processes(bus=bus) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        ann.say_presence(1, 1, '{"at":3}')
        await bob.heard(lambda bob: seen(bob) == {1: 3})
        bob.say_presence(1, 9, '{"at":"forged"}')
        await turns()
        assert seen(ann) == {1: 3}


@pytest.mark.parametrize(
    "update",
    [b"\xff", b"\x01\x01\x01\x02{}", b"\x01\x01\x01\x03[1]", b"\x01\x01\x01\x0b" + b'{"user":{}}'],
    ids=["cut short", "no user", "no object", "no name"],
)
async def test_N3_presence_that_cannot_be_read_is_ignored(
    update: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    bus = MemoryBus()
    async with processes(1, bus=bus) as p:
        bob = await p.join(0, YWS, "bob")
        bus.join(f"{PAGE}#{EPOCH}", lambda message: None).publish(encode_here(Here("v", 1, False, update)))
        await turns()
        assert "cannot be read" in caplog.text
        assert seen(bob) == {}


@pytest.mark.parametrize("seed", range(10))
async def test_N3_whatever_the_bus_does_presence_comes_right(seed: int) -> None:
    chance = random.Random(seed)
    bus = HostileBus(chance)
    async with processes(2, bus=bus) as p:
        ann, bob = await p.join(0), await p.join(1, YWS, "bob")
        for clock in range(1, 30):
            ann.say_presence(1, clock, f'{{"at":{clock}}}')
            await turns()
            bus.deliver(chance.randint(0, 4))
            await turns()
        for clock in range(30, 40):
            await sweep(p, 5)
            ann.say_presence(1, clock, '{"at":"end"}')
            await turns()
            bus.deliver(100)
            await turns()
        assert seen(bob) == {1: "end"}
