"""Previews of other sites' pages: from the cache that all workspaces share, or from the site."""

import asyncio
from datetime import timedelta
from typing import cast

import msgspec

from blocks.kinds.embed_panel import EmbedPanelContent
from integrations.embeds.client import Embeds, plain_link
from integrations.embeds.models import Preview
from integrations.redirects import address_of
from storage.engine import Database

KEPT = timedelta(days=7)
KEPT_AT_LEAST = timedelta(hours=1)
"""What a site says of how long its answer is good is followed between these."""

PLAIN_KEPT = timedelta(hours=1)
"""How long a site that gave nothing is not asked again."""


class Previews:
    """Previews by address; each address is asked for once at a time."""

    def __init__(self, database: Database, embeds: Embeds | None) -> None:
        """Without `embeds` no site is asked, and there is nothing but plain links."""
        self._database = database
        self._embeds = embeds
        self._finding: dict[str, asyncio.Task[Preview]] = {}

    async def find(self, url: str) -> Preview:
        """Return how a page is shown. Raises storage's errors."""
        if self._embeds is None:
            return plain_link(url)
        url = address_of(url)
        task = self._finding.get(url)
        if task is None:
            task = self._finding[url] = asyncio.create_task(self._find(self._embeds, url))
            task.add_done_callback(lambda _: self._finding.pop(url, None))
        # Whoever leaves takes nothing from the others who wait.
        return await asyncio.shield(task)

    async def _find(self, embeds: Embeds, url: str) -> Preview:
        async with self._database.read() as uow:
            kept = await uow.embeds.find(url)
        if kept is not None:
            return msgspec.convert(kept, Preview)
        preview = await embeds.look(url)
        lifetime = KEPT if preview.is_found else PLAIN_KEPT
        if preview.seconds is not None and preview.is_found:
            lifetime = min(max(timedelta(seconds=preview.seconds), KEPT_AT_LEAST), KEPT)
        async with self._database.transaction() as uow:
            await uow.embeds.keep(url, cast("dict[str, object]", msgspec.to_builtins(preview)), lifetime)
        return preview


def content_of(preview: Preview) -> EmbedPanelContent:
    """Return what a block is told of its page."""
    return EmbedPanelContent(
        provider=preview.provider,
        html=preview.html,
        thumbnail_url=preview.thumbnail_url,
        found_title=preview.title,
    )
