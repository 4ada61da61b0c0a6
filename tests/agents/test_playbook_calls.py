"""What becomes of a call in a playbook whose document cannot be had."""

import pytest

from agents.playbooks.doing import guarded
from crdt.errors import CrdtError, DocumentRefused, DocumentUnavailable, HubClosed, UpdateRefused
from storage.errors import StoreUnavailableError


@pytest.mark.parametrize("error", [DocumentRefused("not for you"), UpdateRefused("not this")])
async def test_what_is_refused_is_a_fault_of_the_step(error: CrdtError):
    async def work() -> None:
        raise error

    outcome = await guarded(work)
    assert (outcome.code, outcome.message) == (error.code, error.reason)


@pytest.mark.parametrize("error", [DocumentUnavailable("the store is away"), HubClosed("bye")])
async def test_what_cannot_be_had_now_is_tried_again(error: CrdtError):
    async def work() -> None:
        raise error

    with pytest.raises(StoreUnavailableError):
        await guarded(work)
