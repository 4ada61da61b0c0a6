"""Opening share links: whether a link stands, and whether somebody knows its password."""

from server.bootstrap import Services
from server.errors import NotFoundError, UnauthenticatedError
from server.opaque_tokens import hash_token, row_of_token
from server.tokens import is_same_hash
from storage.models import Page, ShareLink
from storage.unit_of_work import UnitOfWork


async def find_link(uow: UnitOfWork, token: str) -> tuple[ShareLink, Page]:
    """Return the link that a token opens, and its page. Raises NotFoundError where none stands."""
    link_id = row_of_token("ifs", token)
    link = await uow.share_links.find_standing(link_id) if link_id else None
    page = await uow.pages.get(link.page_id) if link else None
    if link is None or page is None or not is_same_hash(link.secret_hash, hash_token(token)):
        raise NotFoundError("There is no such link, or not any more.")
    return link, page


async def check_password(services: Services, link: ShareLink, password: str | None) -> dict[str, str]:
    """Return headers that tell what attempts are left, if the password of a link fits.

    Raises UnauthenticatedError where it does not, RateLimitedError after too many that did not.
    """
    if password is None:
        raise UnauthenticatedError("This link asks for a password.", code="password_required")
    who = f"link:{link.id}"
    headers = services.login_limits.count_account(who)
    if not await services.accounts.check_password(link.password_hash, password):
        raise UnauthenticatedError("The password does not fit.", code="invalid_credentials")
    services.login_limits.forgive_account(who)
    return headers
