"""The ASGI application: which routes this process's roles have, and what every request passes. No logic."""

from collections.abc import Sequence
from functools import cache
from itertools import groupby
from operator import attrgetter

import msgspec
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from server.agent_tools.mcp_server import mcp_routes
from server.bootstrap import Services
from server.endpoint import PathEndpoint
from server.errors import NotFoundError, WrongMethodError
from server.middleware.availability import AvailabilityMiddleware
from server.middleware.compression import CompressionMiddleware
from server.middleware.problems import ProblemsMiddleware
from server.middleware.rate_limits import RateLimitsMiddleware
from server.middleware.request_id import RequestIdMiddleware
from server.middleware.request_log import RequestLogMiddleware
from server.middleware.request_metrics import RequestMetricsMiddleware
from server.middleware.security_headers import SecurityHeadersMiddleware
from server.openapi import describe
from server.realtime.routes import realtime_app
from server.rest import (
    account,
    agent_definitions,
    agent_secrets,
    agent_versions,
    agents,
    api_keys,
    auth,
    backlinks,
    block_runs,
    blocks,
    brands,
    channel_members,
    channels,
    comments,
    creators,
    embeds,
    events,
    files,
    grants,
    health,
    invitations,
    llm_models,
    llm_providers,
    llm_usage,
    members,
    memories,
    messages,
    notification_preferences,
    notifications,
    page_copies,
    page_exports,
    page_imports,
    page_texts,
    pages,
    playbook_runs,
    playbooks,
    prompts,
    run_approvals,
    run_steps,
    run_undo,
    runs,
    search,
    suggestions,
    trigger_hooks,
    triggers,
    uploads,
    versions,
    webhooks,
    workspaces,
)
from server.rest.account_page import account_page_routes
from server.rest.docs import docs_routes
from server.rest.metrics import metrics_routes
from server.rest.shared_page import shared_page_routes
from server.rest.web_page import web_page_routes
from server.routing import Operation

API = (
    auth,
    account,
    workspaces,
    members,
    invitations,
    api_keys,
    pages,
    blocks,
    page_copies,
    page_exports,
    page_imports,
    backlinks,
    page_texts,
    suggestions,
    grants,
    channels,
    channel_members,
    messages,
    comments,
    versions,
    brands,
    creators,
    prompts,
    search,
    embeds,
    events,
    webhooks,
    agent_definitions,
    agents,
    agent_versions,
    memories,
    agent_secrets,
    runs,
    run_steps,
    run_approvals,
    block_runs,
    triggers,
    trigger_hooks,
    run_undo,
    playbooks,
    playbook_runs,
    llm_providers,
    llm_models,
    llm_usage,
    files,
    uploads,
    notifications,
    notification_preferences,
)


def create_app(services: Services) -> ASGIApp:
    """Return the application of one process: requests pass the middleware, sockets do not."""
    settings = services.settings
    is_api = "api" in settings.roles
    routes = [*_rest_routes(is_api)]
    routes += docs_routes(lambda: _description(is_api, settings.effective_public_url))
    routes += account_page_routes() + web_page_routes()
    routes += shared_page_routes() if is_api else []
    routes += mcp_routes(services.mcp_server) if is_api else []
    routes += metrics_routes(services.metrics, settings.metrics_token)
    app = Starlette(
        routes=routes, middleware=_middleware(services), exception_handlers={405: _refuse_wrong_method}
    )
    app.state.services = services
    app.router.redirect_slashes = False
    app.router.default = _refuse_unknown_path
    sockets = realtime_app(
        services.hub if "realtime" in settings.roles else None,
        services.browser_sessions.credential_of_socket,
    )

    async def dispatch(scope: Scope, receive: Receive, send: Send) -> None:
        await (sockets if scope["type"] == "websocket" else app)(scope, receive, send)

    return dispatch


def _operations(is_api: bool) -> Sequence[Operation]:
    operations = list(health.routes.operations)
    if is_api:
        operations += [operation for module in API for operation in module.routes.operations]
    return operations


@cache
def _rest_routes(is_api: bool) -> Sequence[BaseRoute]:
    """Return a route for each path, answering all its methods: they know of no services."""
    by_path = groupby(sorted(_operations(is_api), key=attrgetter("path")), key=attrgetter("path"))
    return [Route(path, PathEndpoint(list(group)), methods=None) for path, group in by_path]


@cache
def _description(is_api: bool, public_url: str) -> bytes:
    return msgspec.json.encode(describe(_operations(is_api), public_url))


def _middleware(services: Services) -> list[Middleware]:
    """Return what every request passes, the outermost first."""
    settings = services.settings
    cors = Middleware(
        CORSMiddleware,
        allow_origins=settings.cors_origins,
        allow_methods=("GET", "POST", "PUT", "PATCH", "DELETE"),
        allow_credentials="*" not in settings.cors_origins,
        allow_headers=(
            *("Authorization", "Content-Type", "Idempotency-Key", "X-CSRF-Token", "X-Request-Id"),
            "Last-Event-ID",
            *uploads.REQUEST_HEADERS,
        ),
        expose_headers=(
            "X-Request-Id",
            "Idempotent-Replayed",
            "RateLimit",
            "RateLimit-Policy",
            "Retry-After",
            *uploads.ANSWER_HEADERS,
        ),
    )
    return [
        Middleware(RequestIdMiddleware),
        *([Middleware(services.tracing.trace_requests)] if services.tracing else []),
        Middleware(RequestLogMiddleware),
        Middleware(RequestMetricsMiddleware, services.metrics.observe_request),
        Middleware(SecurityHeadersMiddleware, is_https=settings.effective_public_url.startswith("https://")),
        *([cors] if settings.cors_origins else []),
        Middleware(CompressionMiddleware),
        Middleware(AvailabilityMiddleware, lambda: services.hub.is_closing),
        Middleware(RateLimitsMiddleware, services.request_limits),
        Middleware(ProblemsMiddleware),
    ]


async def _refuse_wrong_method(request: Request, error: Exception) -> Response:
    # What answers without declared operations, the documentation, only gives.
    raise WrongMethodError("Here one can GET, HEAD.", headers={"Allow": "GET, HEAD"}) from error


async def _refuse_unknown_path(scope: Scope, receive: Receive, send: Send) -> None:
    raise NotFoundError("There is nothing at this path; /docs tells what there is.", code="unknown_path")
