"""Sessions that a browser keeps in a cookie, and what keeps other sites from using them (CSRF).

The cookie is HttpOnly, SameSite=Lax and, where people use HTTPS, Secure and bound to the host. A request that
changes something also brings a token that only a page of this origin can know, in a header that no form can
send. WebSockets have neither: there the cookie counts only for pages of a known origin.
"""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

CSRF_HEADER = "x-csrf-token"

_THIS_MACHINE = {"127.0.0.1", "localhost"}


class BrowserSessions:
    """Reads and writes the cookie. Knows no database: whether a session stands is asked elsewhere."""

    def __init__(self, key: bytes, *, public_url: str, origins: Sequence[str]) -> None:
        self._key = key
        parts = urlsplit(public_url)
        self._is_https = parts.scheme == "https"
        self._name = "__Host-ionflux_session" if self._is_https else "ionflux_session"
        # Any origin (`*`) may call the API, but not with somebody's cookie.
        self._origins = {*_origins_of(public_url), *(o for o in origins if o != "*")}

    def credential(self, headers: Mapping[str, str]) -> str:
        """Return the cookie's credential, or nothing."""
        try:
            morsel = SimpleCookie(headers.get("cookie", "")).get(self._name)
        except CookieError:
            return ""
        return morsel.value if morsel else ""

    def credential_of_socket(self, headers: Mapping[str, str]) -> str:
        """Return the cookie's credential if a page of a known origin opens the socket, or nothing."""
        return self.credential(headers) if self.is_own_page(headers) else ""

    def is_own_page(self, headers: Mapping[str, str]) -> bool:
        """Tell whether a browser says that a page of a known origin asks."""
        return headers.get("origin") in self._origins

    def is_genuine(self, credential: str, headers: Mapping[str, str]) -> bool:
        """Tell whether a request that changes something comes from a page of ours."""
        origin = headers.get("origin")
        if origin is not None and origin not in self._origins:
            return False
        return hmac.compare_digest(
            headers.get(CSRF_HEADER, "").encode(), self.csrf_token(credential).encode()
        )

    def csrf_token(self, credential: str) -> str:
        """Return what proves that somebody could read an answer of this session."""
        return hmac.new(self._key, b"csrf:" + credential.encode(), hashlib.sha256).hexdigest()

    def cookie(self, credential: str, *, seconds: int) -> str:
        """Return the header that sets the cookie; with no seconds, the one that takes it away."""
        secure = "; Secure" if self._is_https else ""
        return f"{self._name}={credential}; Max-Age={seconds}; Path=/; HttpOnly; SameSite=Lax{secure}"


def _origins_of(public_url: str) -> set[str]:
    """Return the origins of pages that come from an address; this machine's has two names."""
    parts = urlsplit(public_url)
    names = {parts.hostname or ""}
    if names & _THIS_MACHINE:
        names |= _THIS_MACHINE
    port = f":{parts.port}" if parts.port else ""
    return {f"{parts.scheme}://{parts.netloc}", *(f"{parts.scheme}://{name}{port}" for name in names)}
