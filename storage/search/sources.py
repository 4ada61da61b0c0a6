"""What is found of rows that are no document: pages (their titles), prompts, brands and creators."""

from collections.abc import Collection, Sequence
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from storage.models import Brand, Creator, Page, Prompt, PromptLibrary, PromptTag
from storage.search.index import Entry, Search
from storage.search.queries import Kind

SEARCH_CONSUMER = "search"
"""Who follows the events to keep these up to date."""

SOURCES: dict[Kind, type[Page] | type[Prompt] | type[Brand] | type[Creator]] = {
    "page": Page,
    "prompt": Prompt,
    "brand": Brand,
    "creator": Creator,
}


async def ids_of(session: AsyncSession, kind: Kind, *, after: UUID | None, limit: int) -> Sequence[UUID]:
    """Return the ids of one kind, behind `after`."""
    model = SOURCES[kind]
    statement = select(model.id).order_by(model.id).limit(limit)
    if after is not None:
        statement = statement.where(model.id > after)
    return (await session.scalars(statement)).all()


async def refresh(session: AsyncSession, search: Search, kind: Kind, ids: Collection[UUID]) -> None:
    """Let these be found as they are now, and those that are no more not at all."""
    found = await _read(session, kind, ids)
    for id_ in ids:
        if id_ in found:
            workspace_id, entry = found[id_]
            await search.put(workspace_id, kind, id_, [entry])
        else:
            await search.remove(kind, id_, [str(id_)])


async def _read(session: AsyncSession, kind: Kind, ids: Collection[UUID]) -> dict[UUID, tuple[UUID, Entry]]:
    match kind:
        case "page":
            pages = await session.scalars(select(Page).where(Page.id.in_(ids)))
            return {page.id: (page.workspace_id, _of_page(page)) for page in pages}
        case "prompt":
            return await _read_prompts(session, ids)
        case "brand":
            brands = await session.scalars(select(Brand).where(Brand.id.in_(ids)))
            return {brand.id: (brand.workspace_id, _of_brand(brand)) for brand in brands}
        case _:
            creators = await session.scalars(select(Creator).where(Creator.id.in_(ids)))
            return {creator.id: (creator.workspace_id, _of_creator(creator)) for creator in creators}


async def _read_prompts(session: AsyncSession, ids: Collection[UUID]) -> dict[UUID, tuple[UUID, Entry]]:
    tags: dict[UUID, list[str]] = {}
    for tag in await session.scalars(select(PromptTag).where(PromptTag.prompt_id.in_(ids))):
        tags.setdefault(tag.prompt_id, []).append(tag.tag)
    rows = await session.execute(
        select(Prompt, PromptLibrary.workspace_id)
        .join(PromptLibrary, PromptLibrary.id == Prompt.library_id)
        .where(Prompt.id.in_(ids))
    )
    found: dict[UUID, tuple[UUID, Entry]] = {}
    for prompt, workspace_id in rows:
        author = f"user:{prompt.created_by_user_id}"
        body = _lines(prompt.text, *sorted(tags.get(prompt.id, [])))
        found[prompt.id] = workspace_id, Entry(str(prompt.id), author, prompt.updated_at, prompt.name, body)
    return found


def _of_page(page: Page) -> Entry:
    return Entry(str(page.id), f"user:{page.created_by_user_id}", page.updated_at, page.title)


def _of_brand(brand: Brand) -> Entry:
    body = _lines(brand.industry, brand.target_audience, brand.shopify_store_url, brand.tiktok_profile_url)
    return Entry(str(brand.id), None, brand.updated_at, brand.name, body)


def _of_creator(creator: Creator) -> Entry:
    body = _lines(creator.niche, creator.tiktok_handle, *creator.portfolio_links)
    return Entry(str(creator.id), None, creator.updated_at, creator.name, body)


def _lines(*texts: str | None) -> str:
    return "\n".join(text for text in texts if text)
