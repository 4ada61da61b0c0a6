"""Previews of other sites' pages, for who wants to show one before a block has it."""

from typing import Annotated

import msgspec
from msgspec import Meta

from blocks.kinds.fields import Url
from server.routing import Routes, UserCall

routes = Routes("Embeds")


class EmbedAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A page of another site."""

    url: Url


class EmbedAnswer(msgspec.Struct, frozen=True):
    """How it is shown, as `embed_panel` blocks have it."""

    url: str
    title: str
    provider: str
    html: Annotated[str, Meta(description="One sandboxed frame of a site that is known, or nothing.")]
    thumbnail_url: str | None
    is_found: Annotated[bool, Meta(description="False where there is no more than the link.")]


@routes.post("/v1/embeds/resolve", "signed_in")
async def resolve_embed(call: UserCall, body: EmbedAddress) -> EmbedAnswer:
    """Look at a page of another site: its oEmbed, or what its head says.

    A site that does not answer, or may not be asked, gives a plain link. Answers are kept for a while.
    """
    found = await call.services.previews.find(body.url)
    return EmbedAnswer(body.url, found.title, found.provider, found.html, found.thumbnail_url, found.is_found)
