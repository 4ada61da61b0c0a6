"""The API's description for programs (`/openapi.json`) and people (`/docs`), with nothing from elsewhere."""

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from server.errors import NotFoundError

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Swagger UI sets styles on elements; its scripts come from here alone."""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>IONFLUX API</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/docs/swagger.css">
</head>
<body>
<div id="api"><noscript>Without JavaScript: <a href="/openapi.json">/openapi.json</a>.</noscript></div>
<script src="/docs/swagger.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
"""

START = """SwaggerUIBundle({
  url: "/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
});
"""

# The package `offapi` carries Swagger UI; importing it would read all its bundles.
_FILES = {
    "swagger.js": ("swagger_bundle.js", "text/javascript"),
    "swagger.css": ("swagger_style.css", "text/css"),
}


def docs_routes(description: Callable[[], bytes]) -> list[BaseRoute]:
    """Return the routes that give the API's description, which is made when somebody asks for it."""

    async def get_description(request: Request) -> Response:
        return Response(await asyncio.to_thread(description), media_type="application/json")

    return [
        Route("/openapi.json", get_description),
        Route("/docs", _get_page),
        Route("/docs/{name}", _get_file),
    ]


async def _get_page(request: Request) -> Response:
    return HTMLResponse(PAGE, headers={"Content-Security-Policy": CONTENT_SECURITY_POLICY})


async def _get_file(request: Request) -> Response:
    name = request.path_params["name"]
    headers = {"Cache-Control": "public, max-age=86400"}
    if name == "start.js":
        return Response(START, headers=headers, media_type="text/javascript")
    if name not in _FILES:
        raise NotFoundError("There is no such file.")
    file, media_type = _FILES[name]
    return FileResponse(_assets() / file, headers=headers, media_type=media_type)


def _assets() -> Path:
    spec = find_spec("offapi")
    assert spec
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])
