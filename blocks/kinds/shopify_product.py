"""`shopify_product`: a product of a brand's shop, or with a `query` several (`shopify_product_lister`)."""

from collections.abc import Iterable
from typing import Annotated

import msgspec
from msgspec import Meta

from blocks.errors import Fault
from blocks.kind import Kind
from blocks.kinds.fields import Id, JsonObject, Line, missing


class ShopifyProductContent(msgspec.Struct, frozen=True):
    """Which products, which of their fields are shown, and what the shop last said of them."""

    brand_id: Id | None = None
    product_id: Id | None = None
    query: Line | None = None
    fields: Annotated[list[Line], Meta(max_length=50)] = []
    cache: JsonObject = {}


def _check(content: ShopifyProductContent) -> Iterable[Fault]:
    if content.brand_id is None:
        yield missing("brand_id")
    if content.product_id is None and content.query is None:
        yield missing("product_id", "query")


def _text(content: ShopifyProductContent) -> Iterable[str]:
    title: object = content.cache.get("title")
    return (content.query or "", title if isinstance(title, str) else "")


KIND = Kind("shopify_product", ShopifyProductContent, text=_text, check=_check, of_server=("cache",))
