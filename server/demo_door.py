"""Who may enter the seeded demo account with one click: a browser on the server's own machine.

All of it has to hold, so that no real installation ever has this door:

- this start was asked to seed (`serve --seed`, as in `make run`), and the file with the login is there;
- the server listens on this machine's own addresses alone, and is reached at no other (`IONFLUX_PUBLIC_URL`);
- the request comes from this machine, names one of its own addresses, and has passed no proxy.
"""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import urlsplit

from server.data_folder import DemoLogin, read_demo_login
from server.settings import Settings

PROXY_HEADERS = ("forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


class DemoDoor:
    """The one-click way into the demo account."""

    def __init__(self, settings: Settings, *, is_seeding: bool) -> None:
        self._folder = settings.data_dir
        self._exists = (
            is_seeding
            and is_own_address(settings.host)
            and is_own_address(urlsplit(settings.effective_public_url).hostname)
        )

    def login_for(self, address: str, headers: Mapping[str, str]) -> DemoLogin | None:
        """Return what the demo account is signed in with, if this caller may."""
        if not (self._exists and is_own_address(address) and is_own_address(_host_of(headers))):
            return None
        if any(name in headers for name in PROXY_HEADERS):
            return None
        return read_demo_login(self._folder)


def is_own_address(host: str | None) -> bool:
    """Tell whether a host's name or address always means the machine that says it."""
    if host == "localhost":
        return True
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return False


def _host_of(headers: Mapping[str, str]) -> str | None:
    try:
        return urlsplit(f"//{headers.get('host', '')}").hostname
    except ValueError:
        return None
