"""Whatever people do, and whatever happens to networks, stores and servers: all documents end up equal.

`FUZZ_ROUNDS` stories are played, from the seed `FUZZ_SEED` on; a test's name has its seed.
"""

import os
from itertools import count
from types import SimpleNamespace
from typing import Any

import pycrdt
import pytest

from crdt import peer, snapshots
from tests.fuzz import virtual_time
from tests.fuzz.story import Story

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "50"))
FIRST_SEED = int(os.environ.get("FUZZ_SEED", "1"))


@pytest.mark.parametrize("seed", range(FIRST_SEED, FIRST_SEED + ROUNDS))
def test_D2_D4_R4_all_documents_and_the_log_are_equal_at_the_end(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So that stories are long enough for folding elsewhere.
    monkeypatch.setattr(snapshots, "LARGE_BYTES", 4096)
    client_ids = count(1 << 20)

    def new_document(*, client_id: int | None) -> "pycrdt.Doc[Any]":
        return pycrdt.Doc(client_id=client_id or next(client_ids))

    monkeypatch.setattr(peer, "pycrdt", SimpleNamespace(Doc=new_document))
    virtual_time.run(Story(seed).play())
