"""The types of blocks, a file a type: its content, what is checked of it, what people read in it."""

from typing import Any

from blocks.kind import Kind
from blocks.kinds import (
    agent_snippet,
    chat_bubble,
    embed_panel,
    image,
    kanban_board,
    shopify_product,
    table_view,
    text,
    tiktok_post,
    video,
)

KINDS: dict[str, Kind[Any]] = {
    module.KIND.name: module.KIND
    for module in (
        text,
        chat_bubble,
        agent_snippet,
        embed_panel,
        table_view,
        kanban_board,
        image,
        video,
        shopify_product,
        tiktok_post,
    )
}
"""Type -> what it is made of."""

_OTHER_NAMES = {"shopify_product_lister": "shopify_product"}


def kind_of(name: object) -> Kind[Any] | None:
    """Return a type by its name, or one of the names that it has had; None for one that is not known."""
    if not isinstance(name, str):
        return None
    return KINDS.get(_OTHER_NAMES.get(name, name))
