"""A page and a branch of it: what the branch proposes, and what deciding on some of it writes into either.

What is accepted is written into the page by few edits, and the same edits into the branch. There what it
proposed lies already, so it would stand twice: whatever differs then from what the branch showed before is
taken out of it. Whose part stays is settled by client ids, as in all Yjs documents: of two texts that were
put into the same place the one with the smaller id stands first, and the later one is taken out; of two
values of one key the one with the larger id counts. So texts are written under a client id below those of the
branch's own writers, all else under one above: what is in the page is what stays, and what people do to it
later reaches the branch.

Pure: states of documents go in, as updates, and updates come out.
"""

from collections.abc import Collection, Sequence
from random import Random
from typing import Any

import msgspec
import pycrdt

from blocks.differences import Comparison, Hunk, compare
from blocks.page_edits import Stamp
from blocks.taking import Side

Update = bytes

_NOTHING = b"\0\0"
"""The update of a transaction in which nothing was changed."""

_CLIENT_IDS = 2**53
"""Client ids are whole numbers that JavaScript has."""

_ENOUGH = 1000
"""So many ids to choose from make it unlikely that somebody else has one of them."""


class Clients(msgspec.Struct, frozen=True):
    """The client ids of a decision's edits, which nothing else may have used."""

    texts: int
    others: int
    branch: int


class Decision(msgspec.Struct, frozen=True):
    """What is to be written, and what it comes to."""

    page: Update | None
    branch: Update | None
    decided: tuple[Hunk, ...]
    missing: tuple[str, ...]
    """Hunks that were asked for and are not there: decided before, or changed since."""
    left: int
    """How many hunks there are still."""


def choose_clients(taken: Collection[int], own: Collection[int], seed: int) -> Clients:
    """Return client ids for a decision, given all that are taken and those of the branch's own writers."""
    chance = Random(seed)
    low, high = min(own, default=_CLIENT_IDS), max(own, default=0)
    texts = _draw(chance, 1, low if low > _ENOUGH else _CLIENT_IDS, taken)
    others = _draw(chance, high + 1 if high < _CLIENT_IDS - _ENOUGH else 1, _CLIENT_IDS, {*taken, texts})
    return Clients(texts, others, _draw(chance, 1, _CLIENT_IDS, {*taken, texts, others}))


def _draw(chance: Random, least: int, end: int, taken: Collection[int]) -> int:
    drawn = chance.randrange(least, end)
    while drawn in taken:
        drawn = chance.randrange(least, end)
    return drawn


def compare_states(page: Update, branch: Update) -> Comparison:
    """Return what a branch proposes."""
    return compare(_load(page), _load(branch))


def accept(
    page: Update, branch: Update, hunk_ids: Collection[str] | None, stamp: Stamp, clients: Clients
) -> Decision:
    """Return the edits that bring hunks, or all of them, into the page.

    Raises InvalidContentError, UnreadableBlockError where one of them cannot stand without others.
    """
    proposed = _load(branch)
    comparison = compare(_load(page), proposed)
    chosen, missing = _choose(comparison, hunk_ids)
    texts = _Edits(_load(page, clients.texts))
    Side(texts.doc, proposed, comparison, stamp, is_new=True).take_texts(chosen)
    others = _Edits(_load(page, clients.others), *texts.updates)
    Side(others.doc, proposed, comparison, stamp, is_new=True).take_others(chosen)
    _fill_restored(others.doc, proposed, chosen, stamp, is_new=True)
    edits = [*texts.updates, *others.updates]
    if not edits:
        return Decision(None, None, chosen, missing, len(comparison.hunks) - len(chosen))
    following = _Edits(_load(branch, clients.branch), *edits)
    _make_alike(following.doc, proposed, stamp)
    left = compare(others.doc, proposed).hunks
    return Decision(_merge(edits), _merge([*edits, *following.updates]), chosen, missing, len(left))


def reject(
    page: Update, branch: Update, hunk_ids: Collection[str] | None, stamp: Stamp, clients: Clients
) -> Decision:
    """Return the edits that take hunks, or all of them, back in the branch. Raises what `accept` raises."""
    present = _load(page)
    edits = _Edits(_load(branch, clients.branch))
    comparison = compare(present, edits.doc)
    chosen, missing = _choose(comparison, hunk_ids)
    _take(Side(edits.doc, present, comparison, stamp, is_new=False), chosen)
    _fill_restored(edits.doc, present, chosen, stamp, is_new=False)
    left = compare(present, edits.doc).hunks
    return Decision(None, _merge(edits.updates), chosen, missing, len(left))


def _choose(
    comparison: Comparison, hunk_ids: Collection[str] | None
) -> tuple[tuple[Hunk, ...], tuple[str, ...]]:
    if hunk_ids is None:
        return comparison.hunks, ()
    chosen = tuple(hunk for hunk in comparison.hunks if hunk.id in hunk_ids)
    return chosen, tuple(sorted(set(hunk_ids) - {hunk.id for hunk in chosen}))


def _make_alike(doc: "pycrdt.Doc[Any]", wanted: "pycrdt.Doc[Any]", stamp: Stamp) -> None:
    comparison = compare(doc, wanted)
    _take(Side(doc, wanted, comparison, stamp, is_new=True), comparison.hunks)
    _fill_restored(doc, wanted, comparison.hunks, stamp, is_new=True)


def _take(side: Side, hunks: Sequence[Hunk]) -> None:
    side.take_texts(hunks)
    side.take_others(hunks)


def _fill_restored(
    doc: "pycrdt.Doc[Any]", other: "pycrdt.Doc[Any]", hunks: Sequence[Hunk], stamp: Stamp, *, is_new: bool
) -> None:
    """Let blocks that came out of the trash have what they have in the other document: no hunk told of it."""
    restored = {hunk.block_id for hunk in hunks if hunk.kind in ("block_removed", "block_restored")}
    if restored:
        comparison = compare(doc, other) if is_new else compare(other, doc)
        rest = [hunk for hunk in comparison.hunks if hunk.block_id in restored]
        _take(Side(doc, other, comparison, stamp, is_new=is_new), rest)


class _Edits:
    """A document, and what is done to it from now on."""

    def __init__(self, doc: "pycrdt.Doc[Any]", *first: Update) -> None:
        self.doc = doc
        for update in first:
            doc.apply_update(update)
        self.updates: list[Update] = []
        self._subscription = doc.observe(self._note)

    def _note(self, event: pycrdt.TransactionEvent) -> None:
        if event.update != _NOTHING:
            self.updates.append(event.update)


def _merge(updates: Sequence[Update]) -> Update | None:
    return pycrdt.merge_updates(*updates) if updates else None


def _load(state: Update, client_id: int | None = None) -> "pycrdt.Doc[Any]":
    doc: pycrdt.Doc[Any] = pycrdt.Doc(client_id=client_id)
    doc.apply_update(state)
    return doc
