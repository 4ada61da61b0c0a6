"""The process in numbers for Prometheus. Not part of the API: an operator's, with a token of its own."""

import secrets

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from server.errors import UnauthenticatedError
from server.metrics import Metrics


def metrics_routes(metrics: Metrics, token: str) -> list[BaseRoute]:
    """Return the route of the metrics; none without a token, for a proxy would open it to everybody."""

    async def get_metrics(request: Request) -> Response:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
            raise UnauthenticatedError("Send `Authorization: Bearer <IONFLUX_METRICS_TOKEN>`.")
        from prometheus_client import CONTENT_TYPE_LATEST

        return Response(metrics.render(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/metrics", get_metrics)] if token else []
