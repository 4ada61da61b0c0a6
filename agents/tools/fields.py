"""What arguments of several tools have in common. Models read the descriptions."""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

PageId = Annotated[UUID, Meta(description="The id of a page.")]
BlockId = Annotated[str, Meta(min_length=1, max_length=100, description="The id of a block of the page.")]
ChannelId = Annotated[UUID, Meta(description="The id of a channel.")]
PageTitle = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f]+$")]
Markdown = Annotated[str, Meta(max_length=50_000, pattern=r"^[^\x00]*$", description="A text in Markdown.")]
Note = Annotated[str, Meta(max_length=2000, pattern=r"^[^\x00]*$")]
