"""The page to work in, as `client-sdk/web` was built into `server/static/`: files that the browser may keep.

The documents (`/`, `/w/...` and those before signing in) are one file, looked at anew each time. What it
loads lies under `/assets/`, with its content's hash in its name. Files have compressed twins beside them.
Where nothing was built `/` leads to the documentation.
"""

import re
from mimetypes import guess_type
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import FileResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from server.errors import NotFoundError
from server.middleware.compression import takes_coding
from server.rest.account_page import plain_account_page

FOLDER = Path(__file__).parents[1] / "static"

DOCUMENT_PATHS = ("/w", "/w/{rest:path}", "/sign-in", "/sign-up", "/forgot", "/account")
"""Addresses of the page; which view each is, the page knows. Mails lead to `/account`, built or not."""

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # Pages may show pictures and films of other sites by their address; they are told of no address here.
        "img-src 'self' data: blob: https:",
        "media-src 'self' blob: https:",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)

_CODINGS = (("br", ".br"), ("gzip", ".gz"))
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_FOREVER = "public, max-age=31536000, immutable"


def web_page_routes(folder: Path = FOLDER) -> list[BaseRoute]:
    """Return the routes; `folder` is where the page was built into."""

    async def get_document(request: Request) -> Response:
        if not (folder / "index.html").is_file():
            if request.url.path == "/":
                return RedirectResponse("/docs")
            if request.url.path == "/account":
                return plain_account_page()
            raise NotFoundError("The page to work in was not built here; `make page` does that.")
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": CONTENT_SECURITY_POLICY}
        return _answer(request, folder / "index.html", headers)

    async def get_asset(request: Request) -> Response:
        name: str = request.path_params["name"]
        if not _NAME.fullmatch(name) or not (folder / "assets" / name).is_file():
            raise NotFoundError("There is no such file; a newer page may be here: load it anew.")
        return _answer(request, folder / "assets" / name, {"Cache-Control": _FOREVER})

    documents = [Route(path, get_document) for path in ("/", *DOCUMENT_PATHS)]
    return [*documents, Route("/assets/{name}", get_asset)]


def _answer(request: Request, path: Path, headers: dict[str, str]) -> FileResponse:
    """Return a file, as compressed as the browser takes it."""
    media_type = guess_type(path.name)[0] or "application/octet-stream"
    accepted = Headers(scope=request.scope).get("accept-encoding", "")
    headers["Vary"] = "Accept-Encoding"
    for coding, suffix in _CODINGS:
        twin = path.with_name(path.name + suffix)
        if takes_coding(accepted, coding) and twin.is_file():
            headers["Content-Encoding"] = coding
            return FileResponse(twin, headers=headers, media_type=media_type)
    return FileResponse(path, headers=headers, media_type=media_type)
