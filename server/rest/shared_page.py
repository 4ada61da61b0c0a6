"""What a share link leads to: a page that any browser shows, without a script, and nothing else.

    GET  /shared/{token}             the page; with `Accept: application/json` as JSON
    GET  /shared/{token}/{page_id}   one below it
    POST /shared/{token}             the password of the link, from the form that asks for it

Who has given the password has a cookie that is good for this link alone, until a while after the last look.
"""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from html import escape
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs
from uuid import UUID

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.bootstrap import Services
from server.errors import ApiError, MalformedError, NotFoundError, TooLargeError, UnauthenticatedError
from server.pages.shown import PageName, ShownPage, show_to_visitors
from server.share_links import check_password, find_link
from storage.models import ShareLink

COOKIE = "ionflux_visit"
MOST_FORM_BYTES = 8192

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.6 system-ui, sans-serif; max-width: 46rem; margin: 0 auto; padding: 2rem 1rem 6rem; }
h1 { line-height: 1.2; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
h1 img { width: 1.2em; height: 1.2em; object-fit: contain; vertical-align: middle; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
td, th { border: 1px solid #8886; padding: .3rem .6rem; text-align: left; vertical-align: top; }
td[align="center"], th[align="center"] { text-align: center; }
td[align="right"], th[align="right"] { text-align: right; }
td p, th p, li p { margin: 0; }
pre { overflow-x: auto; padding: .8rem; background: #8882; border-radius: .3rem; }
blockquote { margin-left: 0; padding-left: 1rem; border-left: 3px solid #8886; }
ul[data-type="taskList"] { list-style: none; padding-left: 0; }
ul[data-type="taskList"] li { display: flex; gap: .5rem; }
section { overflow-wrap: anywhere; }
nav { margin: 2rem 0; }
input, button { font: inherit; padding: .3rem .6rem; }
"""
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()

HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self' https: http:; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Robots-Tag": "noindex, nofollow",
    "Vary": "Accept, Cookie",
}

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="robots" content="noindex, nofollow">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""

_FORM = """<h1>A password, please</h1>
<p role="status">{said}</p>
<form method="post">
<label>Password: <input name="password" type="password" autocomplete="off" required autofocus></label>
<button>Open</button>
</form>"""


def shared_page_routes() -> list[BaseRoute]:
    """Return the routes."""
    return [
        Route("/shared/{token}", _refusing(_answer), methods=["GET", "POST"]),
        Route("/shared/{token}/{page_id:uuid}", _refusing(_answer), methods=["GET", "POST"]),
    ]


def _refusing(
    handler: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    """Let a handler's refusals be shown as a page, to those who want one."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except ApiError as refusal:
            if _wants_json(request):
                refusal.headers = {**HEADERS, **refusal.headers}
                raise
            if isinstance(refusal, UnauthenticatedError):
                is_asked = refusal.code == "password_required"
                said = "This page is for those who know its password." if is_asked else refusal.detail
                body = _FORM.format(said=escape(said))
                return _html("Password", body, 401)
            words = f"<h1>{escape(refusal.detail)}</h1>"
            return _html("Not here", words, refusal.status, refusal.headers)

    return answer


async def _answer(request: Request) -> Response:
    services: Services = request.app.state.services
    token = request.path_params["token"]
    async with services.database.read() as uow:
        link, page = await find_link(uow, token)
    page_id: UUID = request.path_params.get("page_id", page.id)
    if request.method == "POST":
        return await _take_password(request, services, link)
    is_secret = link.password_hash is not None
    if is_secret and not _has_visited(request, services, link):
        raise UnauthenticatedError("This link asks for a password.", code="password_required")
    base = f"/shared/{token}"
    shown = await show_to_visitors(services, link, page_id, base)
    if shown is None:
        raise NotFoundError("There is no such page, or not any more.")
    if _wants_json(request):
        response = Response(msgspec.json.encode(shown), headers=HEADERS, media_type="application/json")
    else:
        response = _html(shown.title or "Untitled", _body(shown, base))
    if is_secret:
        _let_in(response, services, link, token)
    return response


async def _take_password(request: Request, services: Services, link: ShareLink) -> Response:
    address = request.client.host if request.client else "unknown"
    services.login_limits.count_address(address)
    if link.password_hash is not None:
        await check_password(services, link, await _read_form(request))
    response = RedirectResponse(request.url.path, status_code=303, headers=HEADERS)
    _let_in(response, services, link, request.path_params["token"])
    return response


async def _read_form(request: Request) -> str:
    """Return the password in a form. Raises TooLargeError, MalformedError."""
    data = bytearray()
    try:
        async for part in request.stream():
            data += part
            if len(data) > MOST_FORM_BYTES:
                raise TooLargeError(f"The form may have {MOST_FORM_BYTES} bytes.")
        return parse_qs(data.decode(), max_num_fields=10)["password"][0]
    except (ValueError, KeyError, ClientDisconnect) as error:
        raise MalformedError("The form has no password.") from error


def _has_visited(request: Request, services: Services, link: ShareLink) -> bool:
    try:
        morsel = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return False
    visit = services.tokens.read_visit(morsel.value, now=services.clock()) if morsel else None
    return visit is not None and visit.link_id == link.id


def _let_in(response: Response, services: Services, link: ShareLink, token: str) -> None:
    response.set_cookie(
        COOKIE,
        services.tokens.issue_visit(link.id, now=services.clock()),
        max_age=int(services.tokens.lifetime.total_seconds()),
        path=f"/shared/{token}",
        secure=services.settings.effective_public_url.startswith("https://"),
        httponly=True,
        samesite="lax",
    )


def _body(shown: ShownPage, base: str) -> str:
    icon = f'<img src="{escape(shown.icon_url)}" alt=""> ' if shown.icon_url else ""
    parts = [f"<h1>{icon}{escape(shown.title or 'Untitled')}</h1>", shown.html]
    if shown.above is not None:
        parts.insert(0, f"<p>{_link(shown.above, base, '&#8593; ')}</p>")
    if shown.children:
        items = "".join(f"<li>{_link(child, base)}</li>" for child in shown.children)
        parts.append(f"<nav><ul>{items}</ul></nav>")
    return "\n".join(parts)


def _link(page: PageName, base: str, sign: str = "") -> str:
    return f'<a href="{base}/{page.id}">{sign}{escape(page.title or "Untitled")}</a>'


def _html(title: str, body: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    page = _PAGE.format(title=escape(title), style=STYLE, body=body)
    return HTMLResponse(page, status, headers={**HEADERS, **(headers or {})})


def _wants_json(request: Request) -> bool:
    accepted = request.headers.get("accept", "")
    return "application/json" in accepted and "text/html" not in accepted
