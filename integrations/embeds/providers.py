"""Sites whose players may be shown inside of a page, and where they say how (their oEmbed endpoints).

From the public list of oEmbed providers and the sites' own documentation, November 2026. A frame runs
what its site likes, so only those of these sites are let in, whatever the oEmbed of others says.
"""

import re
from urllib.parse import urlsplit

import msgspec


class Provider(msgspec.Struct, frozen=True):
    """One site."""

    name: str
    hosts: tuple[str, ...]
    """Its pages' hosts; with those below them."""
    endpoint: str
    frames: tuple[str, ...]
    """How the addresses of its frames begin."""
    player: tuple[str, str] | None = None
    """Where oEmbed gives no frame: a pattern of pages' addresses, and the frame's with what that found."""

    def has(self, url: str) -> bool:
        """Tell whether a page is of this site."""
        host = (urlsplit(url).hostname or "").removeprefix("www.")
        return any(host == own or host.endswith(f".{own}") for own in self.hosts)

    def frame_of(self, url: str) -> str | None:
        """Return the address of the frame for a page, as far as the page's own address tells it."""
        if self.player is None or (found := re.search(self.player[0], url)) is None:
            return None
        return found.expand(self.player[1])


PROVIDERS = (
    Provider(
        "YouTube",
        ("youtube.com", "youtu.be"),
        "https://www.youtube.com/oembed",
        ("https://www.youtube.com/embed/", "https://www.youtube-nocookie.com/embed/"),
    ),
    Provider(
        "Vimeo", ("vimeo.com",), "https://vimeo.com/api/oembed.json", ("https://player.vimeo.com/video/",)
    ),
    Provider(
        "TikTok",
        ("tiktok.com",),
        "https://www.tiktok.com/oembed",
        ("https://www.tiktok.com/player/v1/", "https://www.tiktok.com/embed/"),
        (r"/video/(\d{5,25})", r"https://www.tiktok.com/player/v1/\1"),
    ),
    Provider(
        "Spotify",
        ("open.spotify.com", "spotify.link"),
        "https://open.spotify.com/oembed",
        ("https://open.spotify.com/embed/",),
    ),
    Provider(
        "SoundCloud",
        ("soundcloud.com",),
        "https://soundcloud.com/oembed",
        ("https://w.soundcloud.com/player/",),
    ),
    Provider(
        "Figma",
        ("figma.com",),
        "https://www.figma.com/api/oembed",
        ("https://www.figma.com/embed", "https://embed.figma.com/"),
    ),
    Provider("Loom", ("loom.com",), "https://www.loom.com/v1/oembed", ("https://www.loom.com/embed/",)),
    Provider(
        "Dailymotion",
        ("dailymotion.com", "dai.ly"),
        "https://www.dailymotion.com/services/oembed",
        ("https://www.dailymotion.com/embed/", "https://geo.dailymotion.com/player"),
    ),
    Provider(
        "TED", ("ted.com",), "https://www.ted.com/services/v1/oembed.json", ("https://embed.ted.com/talks/",)
    ),
    Provider("Miro", ("miro.com",), "https://miro.com/api/v1/oembed", ("https://miro.com/app/live-embed/",)),
)
