"""What work costs the loop: its own steps, and nothing of what others do while it waits."""

import asyncio
from time import thread_time

import pytest

from server.background.pacing import Cost, lasted
from server.background.projections import LOOK_SHARE, SHARED


def burn(seconds: float) -> None:
    until = thread_time() + seconds
    while thread_time() < until:
        pass


async def test_only_what_the_work_does_itself_is_counted():
    turn, cost = asyncio.Event(), Cost()

    async def work() -> str:
        burn(0.01)
        await turn.wait()
        burn(0.01)
        return "done"

    async def others() -> None:
        burn(0.2)
        turn.set()

    result, _ = await asyncio.gather(cost.of(work()), others())
    assert result == "done"
    assert 0.02 <= cost.seconds < 0.2


def test_nobody_waits_for_hours_because_the_process_was_stopped_for_one():
    assert lasted(5.0, 5.5) == 0.5
    assert lasted(5.0, 5.0 + 3600) / min(LOOK_SHARE, SHARED) < 60


async def test_what_the_work_raises_comes_out_and_a_cancellation_goes_in():
    cost, heard = Cost(), list[str]()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            heard.append("cancelled")
            await asyncio.sleep(0)
            raise

    async def fail() -> None:
        await asyncio.sleep(0)
        raise LookupError

    with pytest.raises(LookupError):
        await cost.of(fail())
    task = asyncio.ensure_future(asyncio.gather(cost.of(work())))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["cancelled"]
