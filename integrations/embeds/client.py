"""Asks a site how one of its pages is shown: through the guard of `integrations.transport`, politely.

First its oEmbed, where the site is known; else the page, with the oEmbed that it names; else what its head
says. Whatever fails gives a plain link: it is no error that somebody has linked to a page that is away.
"""

import asyncio
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from integrations.embeds.models import Preview
from integrations.embeds.providers import PROVIDERS, Provider
from integrations.embeds.reading import (
    is_url,
    oembed_of,
    preview_of_head,
    preview_of_oembed,
    read_head,
    read_oembed,
    site_of,
)
from integrations.errors import AddressRefusedError, ExchangeFailedError
from integrations.redirects import address_of, follow
from integrations.transport import Answer, Transport

MAX_PAGE_BYTES = 256 * 1024
MAX_OEMBED_BYTES = 128 * 1024
TOTAL_SECONDS = 10.0
"""For all requests together."""

AT_ONCE = 16
AT_ONCE_ON_A_HOST = 2
_LINES = 256
"""Hosts wait in so many lines; two hosts may share one."""

_HEADERS = {
    "User-Agent": "IONFLUX link preview",
    "Accept": "text/html, application/xhtml+xml, application/json;q=0.9",
    "Accept-Encoding": "identity",
    "Connection": "close",
}


class Embeds:
    """Asks sites, some at a time."""

    def __init__(
        self,
        transport: Transport,
        providers: Sequence[Provider] = PROVIDERS,
        *,
        total_seconds: float = TOTAL_SECONDS,
    ) -> None:
        self._transport = transport
        self._providers = providers
        self._total_seconds = total_seconds
        self._frames = [beginning for provider in providers for beginning in provider.frames]
        self._all = asyncio.Semaphore(AT_ONCE)
        self._lines = [asyncio.Semaphore(AT_ONCE_ON_A_HOST) for _ in range(_LINES)]

    async def look(self, url: str) -> Preview:
        """Return how a page is shown."""
        url = address_of(url)
        plain = plain_link(url)
        if not is_url(url):
            return plain
        try:
            async with self._all, asyncio.timeout(self._total_seconds):
                return await self._look(url) or plain
        except (AddressRefusedError, ExchangeFailedError, TimeoutError):
            return plain

    async def _look(self, url: str) -> Preview | None:
        provider = next((one for one in self._providers if one.has(url)), None)
        if provider is not None:
            found = await self._ask_oembed(_asking(provider.endpoint, url), url, provider)
            if found is not None:
                return found
        answer, url = await self._get(url, MAX_PAGE_BYTES)
        content_type = answer.headers.get("content-type", "").lower()
        if answer.status != 200 or not content_type.startswith(("text/html", "application/xhtml+xml")):
            return None
        # Beside the event loop: it is for others to say how much there is to read.
        head = await asyncio.to_thread(read_head, answer.body, content_type)
        of_head = preview_of_head(head, url)
        endpoint = oembed_of(head, url)
        found = await self._ask_oembed(endpoint, url, provider) if endpoint else None
        if found is None or of_head is None:
            return found or of_head
        return Preview(
            title=found.title or of_head.title,
            provider=found.provider,
            html=found.html,
            thumbnail_url=found.thumbnail_url or of_head.thumbnail_url,
            seconds=found.seconds,
        )

    async def _ask_oembed(self, endpoint: str, url: str, provider: Provider | None) -> Preview | None:
        try:
            answer, _ = await self._get(endpoint, MAX_OEMBED_BYTES)
        except (AddressRefusedError, ExchangeFailedError):
            return None
        found = read_oembed(answer.body) if answer.status == 200 else None
        player = provider.frame_of(url) if provider else None
        return preview_of_oembed(found, url, self._frames, player) if found is not None else None

    async def _get(self, url: str, most_bytes: int) -> tuple[Answer, str]:
        """Follow redirects, each to an address that is checked like the first; return also the last one."""

        async def get(asked: str) -> Answer:
            if asked != url and not is_url(asked):
                raise ExchangeFailedError("a redirect to no address")
            host = urlsplit(asked).netloc.lower()
            async with self._lines[hash(host) % _LINES]:
                return await self._transport.get(asked, _HEADERS, most_bytes=most_bytes)

        return await follow(url, get)


def plain_link(url: str) -> Preview:
    """Return what there is to show where nothing is known of a page."""
    return Preview(provider=site_of(url), is_found=False)


def _asking(endpoint: str, url: str) -> str:
    return f"{endpoint}?{urlencode({'url': url, 'format': 'json', 'maxwidth': 1280, 'maxheight': 720})}"
