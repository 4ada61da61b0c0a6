"""A bus between hubs of one process that loses, repeats and reorders what it carries."""

import random

from crdt.bus import MemoryBus, MemoryLine
from crdt.ports import Receiver


class HostileBus:
    """Keeps every message until `deliver`, which brings most of them, some twice, in any order."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._bus = MemoryBus()
        self._kept: list[tuple[MemoryLine, bytes]] = []

    def join(self, topic: str, receive: Receiver) -> "HostileLine":
        return HostileLine(self._bus.join(topic, receive), self._kept)

    def deliver(self, most: int) -> None:
        """Deliver some of what was said."""
        self._chance.shuffle(self._kept)
        for line, message in self._kept[:most]:
            for _ in range(self._chance.choice((0, 1, 1, 2))):
                line.publish(message)
        del self._kept[: self._chance.randint(0, most)]  # the rest comes again


class HostileLine:
    """One participant."""

    def __init__(self, line: MemoryLine, kept: list[tuple[MemoryLine, bytes]]) -> None:
        self._line = line
        self._kept = kept

    @property
    def has_others(self) -> bool:
        return True  # by the time that it is delivered

    def publish(self, message: bytes) -> None:
        self._kept.append((self._line, message))

    def close(self) -> None:
        self._line.close()
