"""Declares tools: one decorated function is a tool, what it takes and what models are told of it.

    @tools.tool("pages.read")
    async def read_page(kit: Kit, context: ToolContext, arguments: ReadPage) -> ToolResult:
        \"\"\"Read a page: its blocks with their ids, each as Markdown.\"\"\"

Its name is the function's, its description the docstring, its arguments are a Struct whose fields say what
they mean, and one that returns a `Plan` is one that writes.
"""

import inspect
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, TypeVar, get_type_hints

import msgspec

from agents.ports import Kit
from agents.sections import Approval
from agents.tools.base import TIMEOUT_SECONDS, Plan, ToolContext, ToolSpec
from storage.actions import Action

Handler = Callable[..., Awaitable[object]]
H = TypeVar("H", bound=Handler)


class Declared(msgspec.Struct, frozen=True):
    """A tool before it has what it works with."""

    spec: ToolSpec
    handler: Handler
    consent: Callable[[Kit, ToolContext, Any], Awaitable[str | None]] | None


class Tools:
    """The tools of one family."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def tool(
        self,
        action: Action,
        *,
        approval: Approval = "auto",
        needs_run: bool = False,
        timeout_seconds: float = TIMEOUT_SECONDS,
        consent: Callable[[Kit, ToolContext, Any], Awaitable[str | None]] | None = None,
    ) -> Callable[[H], H]:
        """Declare a tool and the right that it needs; `consent`: see `ToolSpec`."""

        def register(handler: H) -> H:
            hints = get_type_hints(handler)
            spec = ToolSpec(
                name=handler.__name__,
                description=" ".join((inspect.getdoc(handler) or "").split()),
                arguments=hints["arguments"],
                action=action,
                approval=approval,
                is_write=hints["return"] is Plan,
                needs_run=needs_run,
                timeout_seconds=timeout_seconds,
                run=_not_bound,
            )
            self.declared.append(Declared(spec, handler, consent))
            return handler

        return register

    def specs(self, kit: Kit) -> list[ToolSpec]:
        """Return the tools, with what they work with."""
        return [
            msgspec.structs.replace(
                declared.spec,
                run=partial(declared.handler, kit),
                consent=partial(declared.consent, kit) if declared.consent else None,
            )
            for declared in self.declared
        ]


async def _not_bound(context: Any, arguments: Any) -> Plan:
    raise AssertionError("a tool works with a kit")
