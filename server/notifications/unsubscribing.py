"""Links that end somebody's notification mails without signing in (RFC 8058). Pure.

A link is signed and stored nowhere: it is good for as long as the installation's key is, and for nothing but
ending these mails, however often it is used.
"""

import base64
import hmac
from uuid import UUID


class Unsubscribing:
    """Makes and reads the tokens of these links."""

    def __init__(self, key: bytes, public_url: str) -> None:
        self._key = hmac.digest(key, b"ionflux unsubscribe links", "sha256")
        self._public_url = public_url

    def token(self, user_id: UUID) -> str:
        """Return somebody's token."""
        return f"{user_id.hex}.{self._sign(user_id)}"

    def read(self, token: str) -> UUID | None:
        """Return whose token it is; None for one that is none."""
        name, _, signature = token.partition(".")
        try:
            user_id = UUID(hex=name)
        except ValueError:
            return None
        # Compared as bytes, since a token may hold any characters.
        is_genuine = hmac.compare_digest(self._sign(user_id).encode(), signature.encode())
        return user_id if is_genuine and user_id.hex == name else None

    def post_url(self, user_id: UUID) -> str:
        """Return where a mail program posts to when its button is pressed."""
        return f"{self._public_url}/v1/notification-mails/unsubscribe?token={self.token(user_id)}"

    def page_url(self, user_id: UUID) -> str:
        """Return the page where a reader does the same: a link alone, which scanners follow, ends nothing."""
        return f"{self._public_url}/account#unsubscribe={self.token(user_id)}"

    def _sign(self, user_id: UUID) -> str:
        digest = hmac.digest(self._key, user_id.bytes, "sha256")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
