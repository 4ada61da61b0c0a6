"""Tools of other servers, by the Model Context Protocol over HTTP, through the guard of `integrations`.

What such a server says of its tools is its own word: each of them waits for a person's approval unless the
configuration says otherwise, a dry run calls none, and what they answer is others' words.
"""

import asyncio
import logging
import re
import time
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

import msgspec

from agents.llm.shaping import fault_of
from agents.sections import McpServerConfig, ToolsConfig
from agents.tools.base import Effect, Plan, ToolContext, ToolResult, ToolSpec
from agents.tools.errors import ToolError
from agents.tools.toolbox import REMOTE
from agents.tools.words import short
from integrations.errors import IntegrationError
from integrations.reach import Reach
from storage.models import AgentConfiguration

if TYPE_CHECKING:  # heavy, and loaded with the first server that is asked
    import httpx2
    from mcp import Client

logger = logging.getLogger("ionflux.agents")

KEPT_SECONDS = 300.0
"""How long a server is not asked again which tools it has; of one that failed, a tenth of it."""

MOST_TOOLS = 100
MOST_PAGES = 10
MOST_NAME = 64
MOST_DESCRIPTION = 1000
MOST_SCHEMA_BYTES = 16 * 1024
MOST_KEPT = 500

_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")

SecretFor = Callable[[AgentConfiguration, str, str], Awaitable[str | None]]
"""Gives the secret of an agent by its name, for an address."""


class Offered(msgspec.Struct, frozen=True):
    """A tool as its server tells of it."""

    name: str
    description: str
    schema: Mapping[str, Any]


class _Listing(msgspec.Struct, frozen=True):
    """What a server has told last."""

    tools: tuple[Offered, ...]
    good_until: float


class McpTools:
    """Implements `agents.tools.toolbox.RemoteTools`."""

    def __init__(
        self,
        reach: Reach,
        secret_for: SecretFor,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._reach = reach
        self._secret_for = secret_for
        self._monotonic = monotonic
        self._listings: OrderedDict[tuple[object, ...], _Listing] = OrderedDict()

    async def specs(self, agent: AgentConfiguration, config: ToolsConfig) -> Sequence[ToolSpec]:
        """Return the tools of the servers that an agent's configuration names; none of one that fails."""
        servers = config.mcp_servers.items()
        found = await asyncio.gather(*(self._of_server(agent, name, server) for name, server in servers))
        return [spec for specs in found for spec in specs]

    async def _of_server(
        self, agent: AgentConfiguration, name: str, server: McpServerConfig
    ) -> list[ToolSpec]:
        key = (agent.id, name, server.url, server.secret)
        listing = self._listings.get(key)
        if listing is None or listing.good_until < self._monotonic():
            listing = await self._ask(agent, name, server)
            self._listings[key] = listing
            self._listings.move_to_end(key)
            while len(self._listings) > MOST_KEPT:
                self._listings.popitem(last=False)
        return [
            self._spec(name, server, offered)
            for offered in listing.tools
            if server.allowed is None or offered.name in server.allowed
        ]

    async def _ask(self, agent: AgentConfiguration, name: str, server: McpServerConfig) -> _Listing:
        try:
            async with self._client(agent, name, server) as client:
                tools = await _list_tools(client)
        except ToolError as error:
            logger.warning("the tools of an agent's MCP server cannot be listed: %s", error)
            return _Listing((), self._monotonic() + KEPT_SECONDS / 10)
        return _Listing(tools, self._monotonic() + KEPT_SECONDS)

    def _spec(self, name: str, server: McpServerConfig, offered: Offered) -> ToolSpec:
        return ToolSpec(
            name=f"{name}{REMOTE}{_NOT_IN_NAMES.sub('_', offered.name)}"[:MOST_NAME],
            description=f"Of the server {name}: {offered.description}"[:MOST_DESCRIPTION],
            arguments=None,
            schema=offered.schema,
            action="agents.run",
            approval=server.approval,
            is_write=True,
            # A little longer than the server gets, which is then named in the error.
            timeout_seconds=server.timeout_seconds + 5,
            run=partial(self._run, name, server, offered),
        )

    async def _run(
        self,
        name: str,
        server: McpServerConfig,
        offered: Offered,
        context: ToolContext,
        arguments: Mapping[str, Any],
    ) -> Plan:
        fault = fault_of(offered.schema, dict(arguments))
        if fault is not None:
            raise ToolError(f"The arguments do not fit: {fault}.")
        agent = context.agent
        assert agent is not None, "it is of an agent's configuration"

        async def commit() -> ToolResult:
            async with self._client(agent, name, server) as client:
                result = await client.call_tool(offered.name, dict(arguments))
            text = "\n".join(getattr(part, "text", f"({part.type})") for part in result.content)
            if result.is_error:
                raise ToolError(f"{name} answers with an error: {short(text, 2000)}")
            effect = Effect(f"called {offered.name} of {name}")
            return ToolResult(text or "(nothing)", effects=(effect,), source=f"what the server {name} says")

        told = short(msgspec.json.encode(dict(arguments)).decode(), 1000)
        return Plan(f"call {offered.name} of the server {name} with {told}", commit)

    @asynccontextmanager
    async def _client(
        self, agent: AgentConfiguration, name: str, server: McpServerConfig
    ) -> AsyncGenerator["Client"]:
        """Connect to a server. Raises ToolError for all that goes wrong with it."""
        headers: dict[str, str] = {}
        if server.secret is not None:
            secret = await self._secret_for(agent, server.secret, server.url)
            if secret is None:
                raise ToolError(f"{name} needs the secret {server.secret!r}, and there is none for its host.")
            headers["Authorization"] = f"Bearer {secret}"
        connect, mcp_error = await asyncio.to_thread(_load)
        import httpx2

        from integrations.client_transport import CheckedTransport

        timeout = httpx2.Timeout(server.timeout_seconds)
        try:
            async with (
                asyncio.timeout(server.timeout_seconds),
                httpx2.AsyncClient(
                    transport=CheckedTransport(self._reach), headers=headers, timeout=timeout, trust_env=False
                ) as http,
                connect(server.url, http) as client,
            ):
                yield client
        except ToolError:
            raise
        except TimeoutError as error:
            raise ToolError(f"{name} took more than {server.timeout_seconds:g} seconds.") from error
        except (mcp_error, httpx2.HTTPError, IntegrationError, ExceptionGroup) as error:
            raise _unusable(name, error) from error


def _load() -> tuple[Callable[[str, "httpx2.AsyncClient"], "Client"], type[Exception]]:
    """Load the SDK; return what connects to a server, and what it raises."""
    import_module("integrations.client_transport")
    from mcp import Client, MCPError
    from mcp.client.streamable_http import streamable_http_client

    def connect(url: str, http: "httpx2.AsyncClient") -> Client:
        return Client(streamable_http_client(url, http_client=http), cache=None)

    return connect, MCPError


async def _list_tools(client: "Client") -> tuple[Offered, ...]:
    """Return a server's tools, those that are of a size to be told a model."""
    found: list[Offered] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await client.list_tools(cursor=cursor)
        for tool in page.tools:
            schema = tool.input_schema
            if len(msgspec.json.encode(schema)) <= MOST_SCHEMA_BYTES and len(found) < MOST_TOOLS:
                found.append(
                    Offered(tool.name, short(tool.description or tool.name, MOST_DESCRIPTION), schema)
                )
        cursor = page.next_cursor
        if cursor is None:
            break
    return tuple(found)


def _unusable(name: str, error: Exception) -> ToolError:
    """Return what to tell a model; of several errors at once the first."""
    while isinstance(error, ExceptionGroup):
        error = cast("ExceptionGroup[Exception]", error).exceptions[0]
    if isinstance(error, ToolError):
        return error
    return ToolError(f"{name} cannot be used: {short(str(error)) or type(error).__name__}")
