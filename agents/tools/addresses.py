"""Whom addresses lead to that a run writes or asks for: a person has to have named them.

An address can carry off what a run has read, and whoever wrote that may have made the address up. So nothing
goes to a host that no person has named: not by asking it, and not by having the server or a reader's browser
ask it, which an embed, a film and a picture do as soon as they are shown. A link does so only when somebody
follows it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec
import pycrdt

from agents.ports import Kit
from agents.tools.base import ToolContext
from agents.tools.errors import ToolError
from agents.tools.toolbox import tools_config_of
from blocks.page import read_blocks
from storage.models import AgentRunLog

_ASKED = re.compile(r"(?:.*_)?(?:url|src)s?", re.IGNORECASE)
"""Fields whose addresses are asked when they are shown: of pictures in texts, and of blocks."""

_ADDRESS = re.compile(r"https?://[^\s\"'<>]+", re.IGNORECASE)


async def unnamed_host(kit: Kit, context: ToolContext, urls: Iterable[str]) -> str | None:
    """Return the first host of some addresses that no person has named, nor consented to; None: all are.

    For an agent from outside none is named: nobody here has told it anything, nor can be asked.
    """
    config = tools_config_of(context.agent)
    if config.approval.get("fetch_url") == "auto" and "fetch_url" in config.can_be_auto:
        return None
    known = {*context.consents, *(config.hosts or ())}
    hosts = [host for host in map(host_of, urls) if host and host not in known]
    if not hosts:
        return None
    async with kit.database.read() as uow:
        run = await uow.agent_runs.get(context.run_id)
    named = words_of_person(run) if run is not None else None
    return next((host for host in hosts if named is None or not is_named(host, named)), None)


async def require_named(kit: Kit, context: ToolContext, content: object, document: str | None = None) -> None:
    """Raise ToolError for content that has an address nobody has named, and the document has not yet."""
    if context.is_dry:
        return
    known: set[str] = set()
    urls = set(asked_in(content))
    if urls and document is not None:
        known = await kit.documents.render(document, addresses_on)
    host = await unnamed_host(kit, context, sorted(urls - known))
    if host is None:
        return
    how = (
        "a person can have it shown."
        if context.agent is None
        else "or use `add_block` for one picture, film or embed, and a person is asked."
    )
    raise ToolError(
        f"Showing this would ask {host}, which no person has named. Write the address as a link; {how}"
    )


def addresses_on(doc: "pycrdt.Doc[Any]") -> set[str]:
    """Return the addresses that a page asks when it is shown."""
    return {url for block in read_blocks(doc) for url in asked_in(msgspec.to_builtins(block.content))}


def asked_in(content: object, field: str = "") -> Iterator[str]:
    """Give the addresses in some content that are asked when it is shown; links are not. Pure."""
    if isinstance(content, Mapping):
        for name, value in cast("Mapping[str, object]", content).items():
            yield from asked_in(value, name)
    elif isinstance(content, list | tuple):
        for value in cast("list[object]", content):
            yield from asked_in(value, field)
    elif isinstance(content, str) and field == "html":
        yield from _ADDRESS.findall(content)
    elif isinstance(content, str) and _ASKED.fullmatch(field) and host_of(content):
        yield content


def is_named(host: str, text: str) -> bool:
    """Tell whether a text names a host, as such or in an address; `www.` in front makes no difference."""
    name = re.escape(host.removeprefix("www."))
    return re.search(rf"(?<![\w.-])(www\.)?{name}(?![\w-]|\.\w)", text, re.IGNORECASE) is not None


def words_of_person(run: AgentRunLog) -> str:
    """Return what a person has written for a run: nothing of what an event, a site or another agent says."""
    if run.trigger_type not in ("manual", "command", "schedule") or run.parent_run_id is not None:
        return ""
    return f"{run.prompt or ''} {msgspec.json.encode(run.input_params_snapshot or {}).decode()}"


def host_of(url: str) -> str:
    """Return the host of an address."""
    try:
        return (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
