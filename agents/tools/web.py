"""Fetching pages of the web: through the guard of `integrations.transport`, and only what is text."""

import asyncio
from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from agents.ports import Kit
from agents.tools.addresses import host_of, unnamed_host
from agents.tools.base import ToolContext, ToolResult
from agents.tools.declaring import Tools
from agents.tools.errors import ToolError
from agents.tools.toolbox import tools_config_of
from integrations.page_text import HTML, read_text
from integrations.redirects import follow
from integrations.transport import Answer

tools = Tools()

MOST_BYTES = 1024 * 1024
MOST_TEXT = 16_000
"""Characters of a page that one call returns."""

_HEADERS: Mapping[str, str] = {
    "User-Agent": "IONFLUX agent",
    "Accept": "text/html, application/xhtml+xml, text/*, application/json;q=0.9",
    "Accept-Encoding": "identity",
    "Connection": "close",
}
_TEXT = ("text/", "application/json", "application/xml", "application/rss+xml", "application/atom+xml")


class FetchUrl(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for."""

    url: Annotated[str, Meta(max_length=2000, pattern="^https?://[!-~]+$", description="An https address.")]
    from_character: Annotated[int, Meta(ge=0, le=MOST_BYTES, description="Goes on there.")] = 0


async def _wanted_consent(kit: Kit, context: ToolContext, arguments: FetchUrl) -> str | None:
    """Return the host that an address is of, where no person has named it."""
    if tools_config_of(context.agent).hosts is not None:
        return None  # these are all that there are
    return await unnamed_host(kit, context, [arguments.url])


@tools.tool("agents.run", needs_run=True, consent=_wanted_consent)
async def fetch_url(kit: Kit, context: ToolContext, arguments: FetchUrl) -> ToolResult:
    """Fetch a page of the public web: the text of HTML as Markdown, other texts as they are."""
    hosts = tools_config_of(context.agent).hosts

    async def get(url: str) -> Answer:
        host = host_of(url)
        if hosts is not None and host not in hosts:
            raise ToolError(f"This agent may not ask {host}. It may ask: {', '.join(hosts) or 'nobody'}.")
        if await _wanted_consent(kit, context, FetchUrl(url)) is not None:
            leads = "" if url == arguments.url else f"{arguments.url} leads to {url}. "
            how = "in a dry run nobody is asked" if context.is_dry else "call it for that, to have one asked"
            raise ToolError(f"{leads}fetch_url asks only hosts that a person has named, not {host}: {how}.")
        return await kit.transport.get(url, _HEADERS, most_bytes=MOST_BYTES)

    answer, url = await follow(arguments.url, get)
    content_type = answer.headers.get("content-type", "text/plain").lower()
    if not content_type.startswith((*HTML, *_TEXT)):
        raise ToolError(f"{url} is no text ({content_type.partition(';')[0]}).")
    # Beside the event loop: it is for others to say how much there is to read.
    text = await asyncio.to_thread(read_text, answer.body, content_type)
    part = text[arguments.from_character : arguments.from_character + MOST_TEXT]
    end = arguments.from_character + len(part)
    if end < len(text):
        part += f"\n[more: go on with from_character={end}]"
    elif len(answer.body) == MOST_BYTES:
        part += "\n[the rest is not read: the page is too large]"
    if not 200 <= answer.status < 300:
        raise ToolError(f"{url} answers with the status {answer.status}: {part[:500]}")
    return ToolResult(f"{url}\n\n{part}", {"url": url, "status": answer.status}, source=f"what {url} says")
