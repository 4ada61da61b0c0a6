"""Judging edits before their document sees them (rule A6).

Owns the staging twin of a guarded document, and the edits that are held back until their sender has sent what
they build on. Pure: what the rules are is the guard's business, what becomes of a refused peer the room's.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pycrdt

from crdt.broadcast import Peer
from crdt.content import read_entry
from crdt.document import LiveDocument
from crdt.errors import RuleViolated, UpdateRefused
from crdt.poison import is_fault
from crdt.ports import Guard, Principal
from crdt.waiting import Waiting

logger = logging.getLogger(__name__)

MAX_PARKED_BYTES = 1024 * 1024
"""Of the edits of one peer that are held back."""

Edit = tuple[Peer, bytes]


class EditWaits(Exception):
    """An edit builds on something that the document does not have."""


class StagingTwin:
    """A copy of a document that takes each edit first and tells what it would change.

    The original follows at the end of a turn. A twin that has taken what it should not have is thrown away,
    and built again when the next edit comes.
    """

    def __init__(self, guard: Guard) -> None:
        self._guard = guard
        self._doc: pycrdt.Doc[Any] | None = None
        # What was let through since the original last followed, and what its entries are then.
        self._ahead: list[bytes] = []
        self._ahead_entries: dict[tuple[str, str], dict[str, object]] = {}
        self._touched: set[tuple[str, str]] = set()
        self._strays: set[str] = set()

    def judge(
        self, update: bytes, principal: Principal, original: LiveDocument, *, can_manage: bool = False
    ) -> None:
        """Let an edit through; raises UpdateRefused, and EditWaits for one that is to be judged later."""
        doc = self._open(original)
        self._touched.clear()
        self._strays.clear()
        try:
            self._waiting.apply(update)
            self._waiting.settle([update])
            self._check(doc, update, principal, original, can_manage=can_manage)
        except BaseException as error:
            self._doc = None
            if isinstance(error, ValueError):
                raise UpdateRefused("The update is malformed; the document never held it.") from None
            if isinstance(error, EditWaits | UpdateRefused) or not is_fault(error):
                raise
            raise UpdateRefused("The update contradicts the document, which never held it.") from error
        self._ahead.append(update)

    def follow(self) -> None:
        """Note that the original has taken all that was let through."""
        self._ahead.clear()
        self._ahead_entries.clear()

    def reset(self) -> None:
        """Note that the original is another one now."""
        self._doc = None
        self.follow()

    def _open(self, original: LiveDocument) -> pycrdt.Doc[Any]:
        if self._doc is not None:
            return self._doc
        doc = pycrdt.Doc[Any]()
        self._waiting = Waiting(doc)
        stored = [*original.pieces(), *self._ahead]
        with doc.transaction():
            for update in stored:
                self._waiting.apply(update)
        self._waiting.settle(stored)
        # Roots that are none of the guard's are watched too: an edit may not touch them.
        self._roots = {*self._guard.roots, *doc.keys()}
        self._subscriptions = [
            doc.get(root, type=pycrdt.Map[Any]).observe_deep(self._observer_of(root)) for root in self._roots
        ]
        self._doc = doc
        return doc

    def _observer_of(self, root: str) -> Callable[[list[Any]], None]:
        def observe(events: list[Any]) -> None:
            for event in events:
                # The path leads to what has changed, so it is empty for the root itself. A root that changes
                # at no key was given something besides its entries, or one that came and went.
                keys = event.path[:1] or list(event.keys)
                self._touched.update((root, str(key)) for key in keys)
                if not keys or root not in self._guard.roots:
                    self._strays.add(root)

        return observe

    def _check(
        self,
        doc: pycrdt.Doc[Any],
        update: bytes,
        principal: Principal,
        original: LiveDocument,
        *,
        can_manage: bool,
    ) -> None:
        if update in self._waiting.updates:
            raise EditWaits
        entries = {place: read_entry(doc, *place) for place in self._touched}
        if principal.kind != "system":
            self._refuse_strays(doc)
            before, after = (
                defaultdict[str, dict[str, object]](dict),
                defaultdict[str, dict[str, object]](dict),
            )
            for (root, key), entry in entries.items():
                ahead = self._ahead_entries.get((root, key))
                before[root].update(original.entry(root, key) if ahead is None else ahead)
                after[root].update(entry)
            violation = None
            if entries:
                document = {root: _Root(doc, root) for root in self._guard.roots}
                violation = self._guard.judge(
                    principal.id, before, after, document=document, can_manage=can_manage
                )
            if violation is not None:
                raise RuleViolated(*violation)
        self._ahead_entries.update(entries)

    def _refuse_strays(self, doc: pycrdt.Doc[Any]) -> None:
        strays = {root for root in self._strays if root not in self._guard.roots or is_sequence(doc, root)}
        strays |= {*doc.keys()} - self._roots
        if strays:
            raise RuleViolated("schema", f"The document has no place for this: {min(strays)[:20]!r}.")


class _Root(Mapping[str, object]):
    """The entries of a root, described one by one when they are looked at."""

    def __init__(self, doc: pycrdt.Doc[Any], root: str) -> None:
        self._doc = doc
        self._root = root
        self._map = doc.get(root, type=pycrdt.Map[Any])

    def __getitem__(self, key: str) -> object:
        return read_entry(self._doc, self._root, key)[key]

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and key in self._map

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._map.keys()))

    def __len__(self) -> int:
        return len(self._map)


class _Parked(msgspec.Struct):
    updates: list[bytes] = []
    size: int = 0


class Gate:
    """Lets through what a guard finds nothing against, edit by edit; refuses the rest.

    An edit that builds on something its sender has not sent yet was made before the answer to our step 1 was
    on its way: it is held back until that has come. It is neither logged nor acknowledged before, so its
    sender still has it after any failure.
    """

    def __init__(self, guard: Guard) -> None:
        self._twin = StagingTwin(guard)
        self._parked: dict[Peer, _Parked] = {}

    def judge(
        self,
        edits: Sequence[Edit],
        original: LiveDocument,
        *,
        is_answer: Callable[[Peer, bytes], bool],
        has_answered: Callable[[Peer], bool],
    ) -> list[Edit]:
        """Return the edits of a turn that their document may take; the senders of others are refused."""
        passed: list[Edit] = []
        # What somebody sends after a refused edit builds on a document that nobody else has.
        refused: set[Peer] = set()
        answered: set[Peer] = set()
        queue = deque(edits)
        while queue:
            peer, update = queue.popleft()
            if peer in refused:
                continue
            if is_answer(peer, update):
                answered.add(peer)
            can_wait = peer not in answered and not has_answered(peer)
            if can_wait and peer in self._parked:
                self._park(peer, update, refused)
                continue
            try:
                self._twin.judge(update, peer.principal, original, can_manage=peer.can_manage)
            except EditWaits:
                if can_wait:
                    self._park(peer, update, refused)
                else:
                    self._refuse(peer, UpdateRefused("The edit builds on what nobody has sent."), refused)
            except UpdateRefused as error:
                self._refuse(peer, error, refused)
            else:
                passed.append((peer, update))
                if peer in self._parked:
                    parked = self._parked.pop(peer).updates
                    queue.extendleft((peer, behind) for behind in reversed(parked))
        return passed

    def follow(self) -> None:
        """Note that the document has taken what was let through."""
        self._twin.follow()

    def reset(self) -> None:
        """Note that the document is read from the log again."""
        self._twin.reset()

    def forget(self, peer: Peer) -> None:
        """Let go of a peer that has left, and of what it was not acknowledged."""
        self._parked.pop(peer, None)

    def _park(self, peer: Peer, update: bytes, refused: set[Peer]) -> None:
        parked = self._parked.setdefault(peer, _Parked())
        parked.updates.append(update)
        parked.size += len(update)
        if parked.size > MAX_PARKED_BYTES:
            self._refuse(peer, UpdateRefused("Too much waits for what you have not sent."), refused)

    def _refuse(self, peer: Peer, error: UpdateRefused, refused: set[Peer]) -> None:
        logger.warning("an edit by %s is refused: %s", peer.principal.id, error.reason)
        refused.add(peer)
        self._parked.pop(peer, None)
        peer.refuse(error)


def is_sequence(doc: pycrdt.Doc[Any], root: str) -> bool:
    """Whether a root that should be a map has something in it besides its entries."""
    return len(doc.get(root, type=pycrdt.Text)) > 0
