"""Where requests may go, as far as a URL tells itself; names are resolved and checked for each connection."""

from ipaddress import ip_address
from urllib.parse import urlsplit

import msgspec

from integrations.addresses import is_public
from integrations.errors import AddressRefusedError


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """The public internet; with `allow_private` any address, also by plain HTTP: for development and tests.

    `only` are the places (`host:port`) there are, wherever they are and by plain HTTP too; none: anywhere.
    """

    allow_private: bool = False
    only: tuple[str, ...] = ()

    def check_url(self, url: str) -> None:
        """Raise AddressRefusedError for a URL that no request is sent to."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise AddressRefusedError("not a URL") from error
        if parts.scheme not in ("https", "http") or not host:
            raise AddressRefusedError("not an https URL")
        if parts.username is not None or parts.password is not None:
            raise AddressRefusedError("a URL with a name or password in it")
        if self.only:
            place = f"{host}:{port or (443 if parts.scheme == 'https' else 80)}"
            if place.lower() not in {each.lower() for each in self.only}:
                raise AddressRefusedError("a place that this server's operator does not allow")
            return
        if self.allow_private:
            return
        if parts.scheme != "https":
            raise AddressRefusedError("not an https URL")
        try:
            literal = ip_address(host)
        except ValueError:
            if host == "localhost" or host.endswith(".localhost"):
                raise AddressRefusedError("an address inside of this network") from None
            return
        if not is_public(literal):
            raise AddressRefusedError("an address inside of this network")
