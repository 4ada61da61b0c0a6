"""Who may do what with a page: restriction, grants to people, and share links."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from server.errors import ConflictError, FieldError, InvalidError, NotFoundError
from server.opaque_tokens import hash_token, new_token
from server.rest.fields import Email, Listing, Password, Slice, Time, Token, list_slice, read_cursor
from server.rest.gate import find_page, find_page_standing, lock_page, require
from server.rest.pages import PageAnswer, document_of, for_visitors, read_page, show_page
from server.routing import Call, Routes, UserCall
from server.share_links import check_password, find_link
from storage.access import page_level
from storage.models import GrantLevel, LinkLevel, Page, PageGrant, ShareLink, User
from storage.unit_of_work import UnitOfWork

routes = Routes("Rights on pages")


class PageAccess(msgspec.Struct, frozen=True):
    """How a page is open."""

    mode: Annotated[
        Literal["inherit", "restricted"],
        Meta(description="`restricted`: only for those with a grant here or below, and the owners."),
    ]
    restricted_by: Annotated[UUID | None, Meta(description="The page, this or one above, that restricts it.")]
    level: Annotated[GrantLevel, Meta(description="What the caller may do with it.")]


class PageAccessChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the page is to be open."""

    mode: Literal["inherit", "restricted"]


class GrantAnswer(msgspec.Struct, frozen=True):
    """A person's level on a page and what is below it."""

    page_id: UUID
    user_id: UUID
    name: str
    email: str
    level: GrantLevel
    created_at: Time


class NewGrant(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A grant to somebody with an account, in the workspace or not."""

    email: Email
    level: GrantLevel


class GrantChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new level."""

    level: GrantLevel


class ShareLinkAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A share link, without its secret."""

    id: UUID
    page_id: UUID
    level: LinkLevel
    has_password: bool
    created_by_user_id: UUID
    created_at: Time
    expires_at: Time | None


class ShareLinkMade(ShareLinkAnswer, frozen=True, kw_only=True):
    """A share link that was just made."""

    token: Annotated[
        str | None, Meta(description="What opens it: told once, and null where an answer is given again.")
    ]


class NewShareLink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A share link to make."""

    level: LinkLevel = "read"
    expires_at: Time | None = None
    password: Password | UnsetType = UNSET


class ShareLinkOpening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What opens a share link."""

    token: Token
    password: Password | None = None


class Visit(msgspec.Struct, frozen=True):
    """A page by its link: the token is a credential for it and what is below, as long as the link stands."""

    page: PageAnswer
    document: str
    level: LinkLevel
    access_token: str
    expires_in: Annotated[int, Meta(description="Seconds; open the link again before.")]


class SharedPage(msgspec.Struct, frozen=True):
    """A page that was granted to the caller."""

    page: PageAnswer
    level: GrantLevel


@routes.get("/v1/shared-pages", "account")
async def list_shared_pages(call: UserCall, uow: UnitOfWork, query: Slice) -> Listing[SharedPage]:
    """List the pages that were granted to oneself, in any workspace, oldest first."""
    rows = await uow.grants.list_of_user(call.user_id, after=read_cursor(query, UUID), limit=query.limit + 1)
    epochs = await uow.documents.epochs(document_of(page) for page, _ in rows)
    return list_slice(
        rows, query, lambda row: SharedPage(show_page(row[0], epochs), row[1]), lambda row: row[0].id
    )


@routes.get("/v1/pages/{page_id}/access", "pages.read")
async def get_page_access(call: UserCall, uow: UnitOfWork, page_id: UUID) -> PageAccess:
    """Tell how a page is open, and what one may do with it."""
    page, standing = await find_page_standing(call, uow, page_id, "pages.read")
    return _show_access(page, page_level(standing))


@routes.patch("/v1/pages/{page_id}/access", "pages.share")
async def change_page_access(
    call: UserCall, uow: UnitOfWork, page_id: UUID, body: PageAccessChange
) -> PageAccess:
    """Restrict a page and what is below it to those with a grant, or let it inherit again.

    Whoever restricts a page is granted `manage`.
    """
    page = await lock_page(call, uow, page_id, "pages.share")
    if body.mode == "restricted" and page.access_root_id != page.id:
        await uow.pages.restrict(page)
        await _grant(uow, page, call.user_id, "manage")
        await _tell(call, uow, "page_access.restricted", page)
    elif body.mode == "inherit" and page.access_root_id == page.id:
        await uow.pages.unrestrict(page)
        await _tell(call, uow, "page_access.opened", page)
    _, standing = await find_page_standing(call, uow, page_id, "pages.read")
    return _show_access(page, page_level(standing))


@routes.get("/v1/pages/{page_id}/grants", "pages.share")
async def list_grants(call: UserCall, uow: UnitOfWork, page_id: UUID, query: Slice) -> Listing[GrantAnswer]:
    """List the grants on a page itself; those on pages above hold here too, unless it is restricted."""
    await find_page(call, uow, page_id, "pages.share")
    rows = await uow.grants.list_of_page(page_id, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, lambda row: show_grant(*row), lambda row: row[1].id)


@routes.post("/v1/pages/{page_id}/grants", "pages.share", status=201, refuses=(409,), idempotent=True)
async def create_grant(call: UserCall, uow: UnitOfWork, page_id: UUID, body: NewGrant) -> GrantAnswer:
    """Grant somebody a page and what is below it. A grant adds to what a role gives, and takes nothing."""
    page = await find_page(call, uow, page_id, "pages.share")
    user = await uow.users.find_by_email(body.email.lower())
    if user is None:
        fault = FieldError("body.email", "Nobody is registered with this address")
        raise InvalidError("Nobody is registered with this address.", code="unknown_email", errors=(fault,))
    if await uow.grants.get(page_id, user.id):
        raise ConflictError("This person has a grant here: change it.", code="already_granted")
    grant = await uow.grants.create(page_id, user.id, body.level)
    await _tell_grant(call, uow, "grant.created", page, grant)
    return show_grant(grant, user)


@routes.patch("/v1/pages/{page_id}/grants/{grantee_id}", "pages.share")
async def change_grant(
    call: UserCall, uow: UnitOfWork, page_id: UUID, grantee_id: UUID, body: GrantChange
) -> GrantAnswer:
    """Give a grant another level."""
    page = await find_page(call, uow, page_id, "pages.share")
    grant, user = await _find_grant(uow, page_id, grantee_id)
    if grant.level != body.level:
        await uow.grants.change(grant, body.level)
        await _tell_grant(call, uow, "grant.changed", page, grant)
    return show_grant(grant, user)


@routes.delete("/v1/pages/{page_id}/grants/{grantee_id}", "pages.share")
async def delete_grant(call: UserCall, uow: UnitOfWork, page_id: UUID, grantee_id: UUID) -> None:
    """Take a grant back, or give up one's own."""
    page, standing = await find_page_standing(call, uow, page_id, "pages.read")
    if grantee_id != call.user_id:
        require(standing, "pages.share")
    grant, _ = await _find_grant(uow, page_id, grantee_id)
    await uow.grants.remove(grant)
    await _tell_grant(call, uow, "grant.deleted", page, grant)


@routes.get("/v1/pages/{page_id}/share-links", "pages.share")
async def list_share_links(
    call: UserCall, uow: UnitOfWork, page_id: UUID, query: Slice
) -> Listing[ShareLinkAnswer]:
    """List a page's share links, the expired ones too."""
    await find_page(call, uow, page_id, "pages.share")
    rows = await uow.share_links.list_of_page(page_id, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_share_link, lambda link: link.id)


@routes.post(
    "/v1/pages/{page_id}/share-links",
    "pages.share",
    status=201,
    refuses=(503,),
    idempotent=True,
    told_once="token",
)
async def create_share_link(call: UserCall, page_id: UUID, body: NewShareLink) -> ShareLinkMade:
    """Make a link that opens a page and what is below it for whoever has it."""
    services = call.services
    # The hash takes long, and is nothing to hold a transaction for.
    async with services.database.read() as uow:
        await find_page(call, uow, page_id, "pages.share")
        _check_expiry(body.expires_at, uow.now)
    password_hash = None
    if body.password is not UNSET:
        password_hash = await services.accounts.hash_password(body.password)
    async with services.database.transaction() as uow:
        page = await find_page(call, uow, page_id, "pages.share")
        link_id = uow.new_id()
        token = new_token("ifs", link_id)
        link = await uow.share_links.create(
            link_id,
            page_id,
            level=body.level,
            secret_hash=hash_token(token),
            password_hash=password_hash,
            created_by_user_id=call.user_id,
            expires_at=body.expires_at,
        )
        await _tell_link(call, uow, "share_link.created", page, link)
    return ShareLinkMade(**msgspec.structs.asdict(show_share_link(link)), token=token)


@routes.delete("/v1/pages/{page_id}/share-links/{share_link_id}", "pages.share")
async def revoke_share_link(call: UserCall, uow: UnitOfWork, page_id: UUID, share_link_id: UUID) -> None:
    """End a share link at once; who is in by it is sent away."""
    page = await find_page(call, uow, page_id, "pages.share")
    link = await uow.share_links.get(page_id, share_link_id)
    if link is None:
        raise NotFoundError("There is no such link, or not any more.")
    await uow.share_links.revoke(link)
    await _tell_link(call, uow, "share_link.revoked", page, link)


@routes.post("/v1/share-links/open", refuses=(401, 404, 429, 503))
async def open_share_link(call: Call, body: ShareLinkOpening) -> Visit:
    """Open a share link.

    The token of the answer is good for the page's live document, and for reading the page and what is below
    it. A link that asks for a password answers with 401 and `password_required` without one.
    """
    services = call.services
    call.answer_headers |= services.login_limits.count_address(call.address)
    async with services.database.read() as uow:
        link, page = await find_link(uow, body.token)
        shown = for_visitors(await read_page(uow, page), link.page_id)
    if link.password_hash is not None:
        call.answer_headers |= await check_password(services, link, body.password)
    tokens, now = services.tokens, services.clock()
    return Visit(
        page=shown,
        document=shown.document,
        level=link.level,
        access_token=tokens.issue_visit(link.id, now=now),
        expires_in=int(tokens.lifetime.total_seconds()),
    )


def show_grant(grant: PageGrant, user: User) -> GrantAnswer:
    """Return a grant as those see it who share the page."""
    return GrantAnswer(
        page_id=grant.page_id,
        user_id=user.id,
        name=user.name,
        email=user.email,
        level=grant.level,
        created_at=grant.created_at,
    )


def show_share_link(link: ShareLink) -> ShareLinkAnswer:
    """Return a link as those see it who share the page."""
    return ShareLinkAnswer(
        id=link.id,
        page_id=link.page_id,
        level=link.level,
        has_password=link.password_hash is not None,
        created_by_user_id=link.created_by_user_id,
        created_at=link.created_at,
        expires_at=link.expires_at,
    )


def _show_access(page: Page, level: GrantLevel) -> PageAccess:
    mode = "restricted" if page.access_root_id == page.id else "inherit"
    return PageAccess(mode, page.access_root_id, level)


async def _grant(uow: UnitOfWork, page: Page, user_id: UUID, level: GrantLevel) -> None:
    found = await uow.grants.get(page.id, user_id)
    if found is None:
        await uow.grants.create(page.id, user_id, level)
    else:
        await uow.grants.change(found[0], level)


async def _find_grant(uow: UnitOfWork, page_id: UUID, user_id: UUID) -> tuple[PageGrant, User]:
    found = await uow.grants.get(page_id, user_id)
    if found is None:
        raise NotFoundError("This person has no grant on the page itself.")
    return found


def _check_expiry(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        fault = FieldError("body.expires_at", "Not in the future")
        raise InvalidError("A link ends in the future.", errors=(fault,))


async def _tell(call: UserCall, uow: UnitOfWork, event: str, page: Page) -> None:
    await uow.events.append(page.workspace_id, event, call.actor, document_of(page))


async def _tell_grant(call: UserCall, uow: UnitOfWork, event: str, page: Page, grant: PageGrant) -> None:
    payload = {"user_id": str(grant.user_id), "level": grant.level}
    await uow.events.append(page.workspace_id, event, call.actor, document_of(page), payload)


async def _tell_link(call: UserCall, uow: UnitOfWork, event: str, page: Page, link: ShareLink) -> None:
    payload = {"link_id": str(link.id), "level": link.level}
    await uow.events.append(page.workspace_id, event, call.actor, document_of(page), payload)
