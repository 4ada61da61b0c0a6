"""The shared types of a document as tests address them: a kind, a path and the edits it takes.

Knows no process: an `Editor` carries the edits and reads out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Json = None | bool | int | float | str | Sequence["Json"] | Mapping[str, "Json"]
Kind = Literal["text", "map", "array", "fragment"]
Unit = Literal["utf16", "codepoint"]


@dataclass(frozen=True)
class Target:
    """Where a shared type is: a root's name, then the keys through nested maps and arrays."""

    kind: Kind
    path: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"kind": self.kind, "path": list(self.path)}


@dataclass(frozen=True)
class Edit:
    """One step of a transaction."""

    target: Target
    operation: str
    arguments: Mapping[str, Json]

    def to_json(self) -> dict[str, Any]:
        return {**self.target.to_json(), "op": self.operation, **self.arguments}


class Editor(Protocol):
    """What a shared type needs of its client."""

    async def edit(self, *edits: Edit) -> None: ...
    async def wait(self, condition: str, *, timeout: float = ..., **details: Any) -> None: ...
    async def call(self, command: str, **arguments: Any) -> Any: ...


class Shared:
    """What all shared types have: a value as JSON, and waits for it."""

    def __init__(self, editor: Editor, target: Target) -> None:
        self._editor = editor
        self._target = target

    async def equals(self, value: Json, *, timeout: float = 10.0) -> None:
        """Wait until the value is this."""
        await self._wait("equals", timeout, value=value)

    async def length_is(self, length: int, *, timeout: float = 10.0) -> None:
        """Wait until the length (of a text in UTF-16 code units) is this."""
        await self._wait("length", timeout, value=length)

    async def contains(self, value: str, *, timeout: float = 10.0) -> None:
        """Wait until a text has this part, or a map this key."""
        await self._wait("contains", timeout, value=value)

    async def _wait(self, condition: str, timeout: float, **details: Json) -> None:
        await self._editor.wait(condition, timeout=timeout, target=self._target.to_json(), **details)

    async def _read(self) -> Any:
        return await self._editor.call("read", target=self._target.to_json())

    def _edit(self, operation: str, **arguments: Json) -> Edit:
        return Edit(self._target, operation, arguments)


class Text(Shared):
    """A Y.Text. Positions count UTF-16 code units, as Yjs does, unless `unit` says otherwise."""

    async def read(self) -> str:
        return await self._read()

    def inserting(self, at: int, text: str, *, unit: Unit = "utf16") -> Edit:
        return self._edit("textInsert", at=at, text=text, unit=unit)

    def deleting(self, at: int, length: int, *, unit: Unit = "utf16") -> Edit:
        return self._edit("textDelete", at=at, length=length, unit=unit)

    async def insert(self, at: int, text: str, *, unit: Unit = "utf16") -> None:
        await self._editor.edit(self.inserting(at, text, unit=unit))

    async def delete(self, at: int, length: int, *, unit: Unit = "utf16") -> None:
        await self._editor.edit(self.deleting(at, length, unit=unit))


class Map(Shared):
    """A Y.Map."""

    async def read(self) -> dict[str, Any]:
        return await self._read()

    def setting(self, key: str, value: Json) -> Edit:
        return self._edit("mapSet", key=key, value=value)

    def removing(self, key: str) -> Edit:
        return self._edit("mapDelete", key=key)

    def creating(self, key: str, kind: Kind) -> Edit:
        """An empty shared type under a key."""
        return self._edit("mapCreate", key=key, value=kind)

    async def set(self, key: str, value: Json) -> None:
        await self._editor.edit(self.setting(key, value))

    async def remove(self, key: str) -> None:
        await self._editor.edit(self.removing(key))

    async def create(self, key: str, kind: Kind) -> None:
        await self._editor.edit(self.creating(key, kind))


class Array(Shared):
    """A Y.Array."""

    async def read(self) -> list[Any]:
        return await self._read()

    def inserting(self, at: int, *items: Json) -> Edit:
        """Items before a position; -1 is the end."""
        return self._edit("arrayInsert", at=at, items=items)

    def deleting(self, at: int, length: int = 1) -> Edit:
        return self._edit("arrayDelete", at=at, length=length)

    async def insert(self, at: int, *items: Json) -> None:
        await self._editor.edit(self.inserting(at, *items))

    async def push(self, *items: Json) -> None:
        await self._editor.edit(self.inserting(-1, *items))

    async def delete(self, at: int, length: int = 1) -> None:
        await self._editor.edit(self.deleting(at, length))


class Fragment(Shared):
    """A Y.XmlFragment that a Tiptap editor binds to; its value is a ProseMirror document in JSON."""

    async def read(self) -> dict[str, Any]:
        return await self._read()

    async def xml(self) -> str:
        return await self._editor.call("xml", target=self._target.to_json())

    def setting(self, document: Json) -> Edit:
        """The change that turns what is there into this document, as Tiptap computes it."""
        return self._edit("fragmentSet", value=document)

    async def set(self, document: Json) -> None:
        await self._editor.edit(self.setting(document))

    async def type(self, line: int, text: str) -> None:
        """Type at the end of the text that a node begins with, as an editor's binding writes it."""
        await self._editor.edit(self._edit("fragmentType", line=line, text=text))

    async def append(self, *nodes: Json) -> None:
        """Add nodes behind all others, whatever has come in since somebody looked."""
        await self._editor.edit(self._edit("fragmentAppend", nodes=list(nodes)))
