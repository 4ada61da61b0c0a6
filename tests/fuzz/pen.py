"""Random edits of everything that a document can hold, several in a transaction, and undone."""

import random
from typing import Any, cast

import pycrdt

ORIGIN = "pen"
_MOST = 40
"""Characters and entries; beyond that something is taken out, so that long stories stay quick."""


class Pen:
    """Writes into one document, at random.

    It undoes only where the document keeps what is deleted (`skip_gc`): elsewhere yrs 0.28 crashes for it.
    """

    def __init__(self, doc: pycrdt.Doc[Any], chance: random.Random, *, can_undo: bool = False) -> None:
        self.text = doc.get("text", type=pycrdt.Text)
        self.fields = doc.get("fields", type=pycrdt.Map[Any])
        self.list = doc.get("list", type=pycrdt.Array[Any])
        self.body = doc.get("body", type=pycrdt.XmlFragment)
        self._doc = doc
        self._chance = chance
        self._undo: pycrdt.UndoManager | None = None
        if can_undo:
            scopes: list[Any] = [self.text, self.fields, self.list, self.body]
            self._undo = pycrdt.UndoManager(scopes=scopes, capture_timeout_millis=0)
            self._undo.include_origin(ORIGIN)

    def edit(self) -> None:
        """Make one edit, or undo one."""
        step = self._chance.random()
        if self._undo is not None and step < 0.06:
            self._undo.undo()
        elif self._undo is not None and step < 0.09:
            self._undo.redo()
        else:
            with self._doc.transaction(origin=ORIGIN):
                for _ in range(self._chance.choice((1, 1, 1, 1, 3))):
                    self._change()

    def _change(self) -> None:
        self._chance.choice(
            (self._type, self._type, self._type, self._set_field, self._change_list, self._change_body)
        )()

    def _type(self) -> None:
        _write(self.text, self._chance)

    def _set_field(self) -> None:
        key = f"k{self._chance.randrange(5)}"
        held = self.fields.get(key)
        step = self._chance.random()
        if isinstance(held, pycrdt.Text) and step < 0.6:
            _write(held, self._chance)
        elif isinstance(held, pycrdt.Map) and step < 0.6:
            cast("pycrdt.Map[Any]", held)[f"n{self._chance.randrange(3)}"] = self._value()
        elif held is not None and step < 0.75:
            del self.fields[key]
        else:
            self.fields[key] = self._value()

    def _change_list(self) -> None:
        size = len(self.list)
        if size and (size > _MOST or self._chance.random() < 0.3):
            start = self._chance.randrange(size)
            del self.list[start : min(size, start + self._chance.randint(1, 3))]
        else:
            self.list.insert(self._chance.randint(0, size), self._value())

    def _change_body(self) -> None:
        children = self.body.children
        size, step = len(children), self._chance.random()
        if size and (size > _MOST or step < 0.15):
            del children[self._chance.randrange(size)]
        elif not size or step < 0.5:
            paragraph = pycrdt.XmlElement("paragraph", {}, [pycrdt.XmlText(self._word())])
            children.insert(self._chance.randint(0, size), paragraph)
        else:
            paragraph = children[self._chance.randrange(size)]
            if step < 0.65:
                paragraph.attributes["level"] = str(self._chance.randrange(4))
            elif len(paragraph.children):
                _write(paragraph.children[0], self._chance)

    def _value(self) -> Any:
        kind = self._chance.randrange(7)
        if kind == 0:
            return pycrdt.Map({"n0": self._word()})
        if kind == 1:
            return pycrdt.Text(self._word())
        if kind == 2:
            return pycrdt.Array([self._word(), pycrdt.Map({"deep": 1.0})])
        return (self._word(), float(self._chance.randrange(100)), True, None)[kind - 3]

    def _word(self) -> str:
        return self._chance.choice(("a", "bc", "é", "東京", "🙂", "\n"))


def _write(text: Any, chance: random.Random) -> None:
    content = "".join(part for part, _ in text.diff() if isinstance(part, str))
    # Positions are bytes, and one within a character goes wrong silently.
    places = [len(content[:index].encode()) for index in range(len(content) + 1)]
    step = chance.random()
    if content and (len(content) > _MOST or step < 0.25):
        start = chance.randrange(len(content))
        del text[places[start] : places[min(len(content), start + chance.randint(1, 4))]]
    elif content and step < 0.35:
        start = chance.randrange(len(content))
        text.format(places[start], places[-1], {"bold": chance.choice((True, None))})
    else:
        text.insert(chance.choice(places), chance.choice(("a", "bc", "é", "東京", "🙂", "\n")))
