"""Recorded human editing sessions, as steps that one or two clients replay.

The recordings lie in the folder `shared/data` beside the project; where it is absent a test that asks for one
is skipped. Positions count Unicode code points; the driver converts them to Yjs' UTF-16 code units.
"""

import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from tests.clients.driver import Step

FOLDER = Path(__file__).parents[2] / "shared" / "data"

TraceName = Literal["sveltecomponent", "automerge-paper", "friendsforever"]


@dataclass(frozen=True)
class Trace:
    """A session, and the text that it must end in."""

    name: str
    steps: list[Step]
    end_content: str
    client_ids: tuple[int, int] = (1, 2)
    """The authors' Yjs client ids: they decide between inserts at one place, as the recording did."""

    def beginning(self, steps: int) -> "Trace":
        """Return the first steps of a session in which nobody typed at the same time."""
        text = ""
        for step in self.steps[:steps]:
            for position, deleted, inserted in step["patches"]:
                text = text[:position] + inserted + text[position + deleted :]
        return Trace(self.name, self.steps[:steps], text, self.client_ids)


class Transaction(msgspec.Struct):
    """One transaction as it is recorded."""

    patches: list[tuple[int, int, str]]
    agent: int = 0
    parents: list[int] = []


class Recording(msgspec.Struct, rename="camel"):
    """A file of the recordings."""

    end_content: str
    txns: list[Transaction]
    start_content: str = ""
    kind: str = "sequential"
    num_agents: int = 1


def load_trace(name: TraceName, *, stint: int = 500) -> Trace:
    """Load a recording; a sequential one passes from one author to the other every `stint` transactions."""
    path = FOLDER / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"the recorded session {path.name} is not in {FOLDER}")
    recording = msgspec.json.decode(gzip.decompress(path.read_bytes()), type=Recording)
    steps = _concurrent(recording) if recording.kind == "concurrent" else _sequential(recording, stint)
    return Trace(name, steps, recording.end_content)


def _sequential(recording: Recording, stint: int) -> list[Step]:
    transactions = [Transaction([(0, 0, recording.start_content)]), *recording.txns]
    typed = [0, 0]
    steps: list[Step] = []
    for index, transaction in enumerate(transactions):
        author = index // stint % 2
        steps.append({"author": author, "seen": typed[1 - author], "patches": transaction.patches})
        typed[author] += 1
    return steps


def _concurrent(recording: Recording) -> list[Step]:
    """Turn the graph of parents into how much each author had seen of the other."""
    if recording.num_agents != 2:
        raise ValueError("only sessions of two authors can be replayed")
    known: list[tuple[int, int]] = []
    typed = [0, 0]
    steps: list[Step] = []
    for transaction in recording.txns:
        author = transaction.agent
        parents = [known[parent] for parent in transaction.parents]
        before = [max((parent[agent] for parent in parents), default=0) for agent in (0, 1)]
        if before[author] != typed[author]:
            raise ValueError(f"step {len(steps)} does not follow its author's last one")
        steps.append({"author": author, "seen": before[1 - author], "patches": transaction.patches})
        typed[author] += 1
        before[author] += 1
        known.append((before[0], before[1]))
    return steps
