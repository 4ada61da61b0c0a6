"""Whether every client's document became what was typed: else the run says nothing and is void."""

from collections.abc import Sequence

import pycrdt

from bench.client import Client


class Void(Exception):
    """The run proves nothing, for the reason it says."""


def require_convergence(clients: Sequence[Client], contents: dict[str, str]) -> None:
    """Compare each client's document with the lines that were typed; raises Void.

    A client's document is what it was sent and what it typed itself. Clients that were sent the same bytes in
    the same order share the work.
    """
    groups: dict[tuple[bytes, ...], list[Client]] = {}
    for client in clients:
        groups.setdefault(client.updates(), []).append(client)
    for updates, members in groups.items():
        sent = _document(updates)
        if _differs(sent, contents) is None:
            continue
        state = sent.get_update()
        for member in members:
            difference = _differs(_document([state, member.own_state()]), contents)
            if difference is not None:
                raise Void(f"a client's document differs from what was typed: {difference}")


def _document(updates: Sequence[bytes]) -> "pycrdt.Doc[pycrdt.Text]":
    doc: pycrdt.Doc[pycrdt.Text] = pycrdt.Doc()
    with doc.transaction():
        for update in updates:
            doc.apply_update(update)
    return doc


def _differs(doc: "pycrdt.Doc[pycrdt.Text]", contents: dict[str, str]) -> str | None:
    for line, expected in contents.items():
        found = str(doc.get(line, type=pycrdt.Text))
        if found != expected:
            return f"{len(found)} of {len(expected)} letters in {line}"
    return None
