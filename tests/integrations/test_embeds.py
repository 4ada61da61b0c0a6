"""What other sites say of their pages: read whatever they send, and shown without trusting any of it."""

from collections.abc import AsyncIterator

import pytest

from integrations.embeds.client import MAX_PAGE_BYTES, Embeds
from integrations.embeds.models import Preview
from integrations.embeds.providers import PROVIDERS, Provider
from integrations.embeds.reading import preview_of_oembed
from integrations.redirects import MAX_REDIRECTS
from integrations.transport import Transport
from tests.services.site import Site

PLAIN = Preview(provider="127.0.0.1", is_found=False)
OPENGRAPH = """<!doctype html><html><head><title>The <b>title</title>
<meta property="og:title" content="Caf&eacute; &amp;  bar\u202e">
<meta property="og:title" content="Another">
<meta name="twitter:title" content="Twitter">
<meta property="og:site_name" content="A site">
<meta property="og:image" content="/image.png">
</head><body><meta property="og:site_name" content="in the body"></body></html>"""


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    async with Transport(allow_private=True) as transport:
        yield transport


def known(site: Site, **more: object) -> Provider:
    return Provider("Videos", ("127.0.0.1",), f"{site.url}/oembed", (f"{site.url}/embed/",))


async def test_a_page_says_what_it_is_called(transport: Transport, site: Site):
    found = await Embeds(transport).look(site.has("/page", OPENGRAPH) + "#part")
    assert found == Preview(title="Caf\u00e9 & bar", provider="A site", thumbnail_url=f"{site.url}/image.png")


@pytest.mark.parametrize(
    ("page", "content_type", "title"),
    [
        ("<title> A\n title </title><link rel=icon href=/i.png>", "text/html", "A title"),
        ("<title>T</title><meta name=twitter:title content=Card>", "text/html", "Card"),
        ("<meta charset=latin-1><title>caf\u00e9</title>".encode("latin-1"), "text/html", "caf\u00e9"),
        ("<title>caf\u00e9</title>".encode("utf-16"), "text/html; charset=utf-16", "caf\u00e9"),
        ("<title>caf\u00e9</title>", "text/html; charset=nonsense", "caf\u00e9"),
        ("<title>caf\u00e9</title>", "text/html; charset=zip", "caf\u00e9"),
        (b"<title>\xff\xfe</title>", "text/html", "\ufffd\ufffd"),
        ("<title>" + "x" * 5000 + "</title>", "application/xhtml+xml", "x" * 500),
        (
            "<title>Seen</title>" + " " * MAX_PAGE_BYTES + "<meta property=og:title content=Late>",
            "text/html",
            "Seen",
        ),
    ],
)
async def test_titles_are_read_in_any_way(
    transport: Transport, site: Site, page: str | bytes, content_type: str, title: str
):
    assert (await Embeds(transport).look(site.has("/", page, content_type))).title == title


@pytest.mark.parametrize(
    ("page", "content_type", "status"),
    [
        ("<title>Gone</title>", "text/html", 404),
        ("%PDF", "application/pdf", 200),
        ("", "text/html", 200),
        ("<" * 200_000, "text/html", 200),
        ("<!--" * 50_000, "text/html", 200),
        ("<![x" + "<a " * 50_000, "text/html", 200),
    ],
)
async def test_what_says_nothing_is_a_plain_link(
    transport: Transport, site: Site, page: str, content_type: str, status: int
):
    assert await Embeds(transport).look(site.has("/", page, content_type, status=status)) == PLAIN


async def test_a_known_site_gives_its_player(transport: Transport, site: Site):
    source = f"{site.url}/embed/1?a=1&amp;b=2"
    html = f'<p>x</p><iframe src="{source}" onload="evil()" width=1></iframe><script>x</script>'
    answer = {"title": "A <video>", "provider_name": "Videos", "html": html, "width": 800, "height": "450"}
    site.has_json("/oembed", {**answer, "cache_age": 7200, "thumbnail_url": "javascript:alert(1)"})
    found = await Embeds(transport, [known(site)]).look(f"{site.url}/watch/1")
    assert found.html == (
        f'<iframe src="{site.url}/embed/1?a=1&amp;b=2" title="A &lt;video&gt;" width="800" height="450"'
        ' sandbox="allow-scripts allow-same-origin allow-popups allow-presentation"'
        ' referrerpolicy="strict-origin-when-cross-origin" loading="lazy" allowfullscreen></iframe>'
    )
    assert (found.title, found.provider, found.seconds) == ("A <video>", "Videos", 7200)
    assert found.thumbnail_url is None
    assert site.asked == ["/oembed"]


async def test_a_page_names_its_oembed_and_fills_what_that_leaves_out(transport: Transport, site: Site):
    site.has_json("/o.json", {"title": "By oEmbed", "html": '<iframe src="https://evil.example/"></iframe>'})
    link = '<link rel="alternate" type="application/json+oembed" href="/o.json?a=1&amp;b=2">'
    found = await Embeds(transport).look(site.has("/page", OPENGRAPH.replace("<title>", link + "<title>")))
    assert (found.title, found.html) == ("By oEmbed", ""), "frames of sites that nobody knows stay out"
    assert found.thumbnail_url == f"{site.url}/image.png"
    assert site.asked == ["/page", "/o.json"]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{", b"null", b"[" * 100_000, b'{"title": 5, "html": []}'])
async def test_where_oembed_is_none_the_page_is_read(transport: Transport, site: Site, answer: bytes):
    site.has("/oembed", answer, "application/json")
    found = await Embeds(transport, [known(site)]).look(site.has("/page", "<title>Page</title>"))
    assert (found.title, found.html, found.is_found) == ("Page", "", True)


async def test_redirects_are_followed_a_little(transport: Transport, site: Site):
    embeds = Embeds(transport)
    site.has("/end", "<title>End</title><link rel='shortcut icon' href=icon.png>")
    site.sends_on("/1", "/end")
    for number in range(2, MAX_REDIRECTS + 2):
        site.sends_on(f"/{number}", f"{site.url}/{number - 1}")
    found = await embeds.look(f"{site.url}/{MAX_REDIRECTS}")
    assert (found.title, found.thumbnail_url) == ("End", f"{site.url}/icon.png")
    assert await embeds.look(f"{site.url}/{MAX_REDIRECTS + 1}") == PLAIN
    for away in ("file:///etc/passwd", "http://ann@127.0.0.1/", "//", "http://[", "javascript:x"):
        assert await embeds.look(site.sends_on("/away", away)) == PLAIN


async def test_nothing_is_asked_inside_of_this_network(transport: Transport, site: Site):
    async with Transport() as guarded:
        for url in (f"{site.url}/", f"https://127.0.0.1:{site.port}/", "https://localhost/"):
            assert not (await Embeds(guarded).look(url)).is_found
        inner = Provider("Inner", ("example.com",), f"https://127.0.0.1:{site.port}/oembed", ())
        with_endpoint = Embeds(guarded, [inner])
        assert await with_endpoint._ask_oembed(inner.endpoint, "https://example.com/", inner) is None  # pyright: ignore[reportPrivateUsage]
    assert site.asked == []


async def test_a_slow_site_is_left(transport: Transport, site: Site):
    site.may_answer.clear()
    assert await Embeds(transport, total_seconds=0.1).look(f"{site.url}/") == PLAIN


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://www.youtube.com/watch?v=x", "YouTube"),
        ("https://youtu.be/x", "YouTube"),
        ("https://m.youtube.com/watch?v=x", "YouTube"),
        ("https://vimeo.com/1", "Vimeo"),
        ("https://www.tiktok.com/@a/video/7000000000000000000", "TikTok"),
        ("https://open.spotify.com/track/1", "Spotify"),
        ("https://www.figma.com/design/1/x", "Figma"),
        ("https://notyoutube.com/", None),
        ("https://youtube.com.evil.example/", None),
    ],
)
def test_sites_are_known_by_their_hosts(url: str, name: str | None):
    assert next((one.name for one in PROVIDERS if one.has(url)), None) == name


def test_a_player_is_found_where_oembed_gives_no_frame():
    (tiktok,) = [one for one in PROVIDERS if one.name == "TikTok"]
    url = "https://www.tiktok.com/@a/video/7000000000000000000"
    found = preview_of_oembed(
        {"title": "Dance", "html": "<blockquote>x</blockquote><script></script>"},
        url,
        tiktok.frames,
        tiktok.frame_of(url),
    )
    assert found is not None
    assert 'src="https://www.tiktok.com/player/v1/7000000000000000000"' in found.html
    assert "<script" not in found.html


@pytest.mark.parametrize(
    "source",
    [
        "https://www.youtube.com.evil.example/embed/1",
        "http://www.youtube.com/embed/1",
        "https://ann@www.youtube.com/embed/1",
        "javascript:alert(1)",
        "https://www.youtube.com/redirect?q=1",
    ],
)
def test_frames_of_others_stay_out(source: str):
    frames = [beginning for one in PROVIDERS for beginning in one.frames]
    html = f"<iframe src='{source}'></iframe>"
    assert preview_of_oembed({"html": html}, "https://youtube.com/", frames, None) is None
