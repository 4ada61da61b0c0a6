"""Traces by OpenTelemetry: the one module that knows it, loaded only where traces are wanted.

Where they go, how many are kept and what the service is called is the SDK's own matter, and its variables'
(`OTEL_*`). Spans have no personal content: routes are templates, hosts stand without path and query, errors
have a type and no text.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.datastructures import Headers
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server import __version__
from server.middleware.rate_limits import UNCOUNTED
from server.middleware.request_metrics import METHODS
from server.spans import Attribute, recorder
from server.telemetry import request_id

CLOSE_SECONDS = 2.0
"""What the last spans have to be sent in: a collector that is away holds nothing up."""

_FAULT = 500


class Tracing:
    """The traces of one process."""

    def __init__(self, provider: TracerProvider) -> None:
        self._tracer = provider.get_tracer("ionflux", __version__)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def span(self, name: str, **attributes: Attribute) -> Generator[None]:
        """Keep the time of a block."""
        with self._tracer.start_as_current_span(
            name, attributes=attributes, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                _fail(span, type(error).__name__)
                raise

    def observe_commit(self, documents: int, rows: int, seconds: float) -> None:
        """Keep a commit of the update log, which has just ended."""
        self._keep("log commit", SpanKind.INTERNAL, seconds, documents=documents, rows=rows).end()

    def observe_exchange(self, method: str, host: str, status: int | None, seconds: float) -> None:
        """Keep a request to somebody else, which has just ended; without a status it had no answer."""
        attributes: dict[str, Attribute] = {"http.request.method": method, "server.address": host}
        if status is not None:
            attributes["http.response.status_code"] = status
        span = self._keep(method, SpanKind.CLIENT, seconds, **attributes)
        if status is None or status >= 400:
            _fail(span, str(status or "no answer"))
        span.end()

    def trace_requests(self, app: ASGIApp) -> ASGIApp:
        """Return an application whose requests are traced."""
        return _RequestTracing(app, self)

    @contextmanager
    def request(self, scope: Scope) -> Generator[Span]:
        """Keep the time of a request, as a part of the trace that its client names."""
        headers = Headers(scope=scope)
        carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        method = scope["method"] if scope["method"] in METHODS else "_OTHER"
        with self._tracer.start_as_current_span(
            method,
            context=self._propagator.extract(carrier),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "ionflux.request_id": request_id.get()},
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            token = recorder.set(self)
            try:
                yield span
            finally:
                recorder.reset(token)

    def _keep(self, name: str, kind: SpanKind, seconds: float, **attributes: Attribute) -> Span:
        begun = time.time_ns() - int(seconds * 1e9)
        return self._tracer.start_span(name, kind=kind, attributes=attributes, start_time=begun)


class _RequestTracing:
    """Traces what comes by HTTP, but the questions that machines ask all the time."""

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self.app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self.app(scope, receive, send)
            return
        with self._tracing.request(scope) as span:

            async def send_noting_status(message: Message) -> None:
                if message["type"] == "http.response.start":
                    span.set_attribute("http.response.status_code", message["status"])
                    if message["status"] >= _FAULT:
                        _fail(span, str(message["status"]))
                await send(message)

            try:
                await self.app(scope, receive, send_noting_status)
            finally:
                route = scope.get("route")
                if isinstance(route, Route):
                    span.update_name(f"{scope['method']} {route.path}")
                    span.set_attribute("http.route", route.path)


@asynccontextmanager
async def open_tracing() -> AsyncGenerator[Tracing]:
    """Trace until the end of the block, for all tasks that begin in it; then send what is left."""
    resource = Resource({"service.name": "ionflux", "service.version": __version__})
    provider = TracerProvider(
        resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracing = Tracing(provider)
    token = recorder.set(tracing)
    try:
        yield tracing
    finally:
        recorder.reset(token)
        # A daemon's thread: the process does not wait for a collector that does not answer.
        closing = threading.Thread(target=provider.shutdown, daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, CLOSE_SECONDS)


def _fail(span: Span, kind: str) -> None:
    span.set_status(StatusCode.ERROR)
    span.set_attribute("error.type", kind)
