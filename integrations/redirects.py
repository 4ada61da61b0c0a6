"""Following redirects: each goes to an address that is checked like the first."""

from collections.abc import Awaitable, Callable
from urllib.parse import urldefrag, urljoin

from integrations.errors import ExchangeFailedError
from integrations.transport import Answer

MAX_REDIRECTS = 4

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def follow(url: str, get: Callable[[str], Awaitable[Answer]]) -> tuple[Answer, str]:
    """Return what an address and those that it leads to are answered with at last, and the last of them.

    `get` decides what is an address, too. Raises what it raises, and ExchangeFailedError.
    """
    for _ in range(MAX_REDIRECTS + 1):
        answer = await get(url)
        if answer.status not in _REDIRECTS or "location" not in answer.headers:
            return answer, url
        try:
            url = address_of(urljoin(url, answer.headers["location"]))
        except ValueError as error:
            raise ExchangeFailedError("a redirect to no address") from error
    raise ExchangeFailedError("too many redirects")


def address_of(url: str) -> str:
    """Return what is asked for: an address without its fragment, which no request has."""
    return urldefrag(url).url
