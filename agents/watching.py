"""Who looks on while a job is done, and hears what its model says.

These are hints within one process, and nothing depends on them.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from uuid import UUID

import msgspec

from agents.speech import Speech

MAX_NOTES = 100
"""Notes that wait for one onlooker; the oldest go first."""


class Note(msgspec.Struct, frozen=True):
    """What happens now. `kind`: `step` for one that begins, `done` for one that was written down."""

    kind: str
    title: str = ""


class Onlooker:
    """One who looks on."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._woken = asyncio.Event()

    def tell(self, note: Note) -> None:
        """Take note of something."""
        del self._notes[: max(0, len(self._notes) + 1 - MAX_NOTES)]
        self._notes.append(note)
        self._woken.set()

    def wake(self) -> None:
        """Have it look: the model says more."""
        self._woken.set()

    async def next(self, timeout_seconds: float) -> list[Note]:
        """Wait for notes, or for more of a speech; when the time is over, or it is that, there are none."""
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._woken.wait()
        except TimeoutError:
            return []
        notes, self._notes = self._notes, []
        self._woken.clear()
        return notes


class Watching:
    """All onlookers of a process, by job."""

    def __init__(self) -> None:
        self._onlookers: dict[UUID, set[Onlooker]] = {}
        self._speeches: dict[UUID, Speech] = {}

    @contextmanager
    def look_on(self, job_id: UUID) -> Generator[Onlooker]:
        """Be told of a job."""
        onlooker = Onlooker()
        self._onlookers.setdefault(job_id, set()).add(onlooker)
        try:
            yield onlooker
        finally:
            self._onlookers[job_id].discard(onlooker)
            if not self._onlookers[job_id]:
                del self._onlookers[job_id]

    def tell(self, job_id: UUID, note: Note) -> None:
        """Tell whoever looks on."""
        for onlooker in self._onlookers.get(job_id, ()):
            onlooker.tell(note)

    @contextmanager
    def speaking(self, job_id: UUID, step: str) -> Generator[Speech]:
        """Let a model be heard in a step of a job."""

        def wake() -> None:
            for onlooker in self._onlookers.get(job_id, ()):
                onlooker.wake()

        speech = self._speeches[job_id] = Speech(step, wake)
        try:
            yield speech
        finally:
            speech.end()
            if self._speeches.get(job_id) is speech:
                del self._speeches[job_id]

    def speech_of(self, job_id: UUID) -> Speech | None:
        """Return what a job's model says now."""
        return self._speeches.get(job_id)
