"""A receiver of traces: a real HTTP server that takes what OpenTelemetry's exporter sends, OTLP by HTTP."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

SECONDS = 30.0


class Collector:
    """The server, and what has come."""

    def __init__(self) -> None:
        self.raw: list[bytes] = []
        self.spans: list[Span] = []
        self.resource: dict[str, str] = {}
        self._changed = threading.Condition()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                collector._take(self)

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self, *names: str) -> None:
        """Wait until there is a span of each name. Blocks: the exporter has its own thread and process."""
        with self._changed:
            found = self._changed.wait_for(lambda: set(names) <= self.names, SECONDS)
        assert found, f"only {sorted(self.names)} came"

    def named(self, name: str) -> list[Span]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]

    @property
    def names(self) -> set[str]:
        return {span.name for span in self.spans}

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _take(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers["content-length"]))
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        assert request.path == "/v1/traces"
        message = ExportTraceServiceRequest.FromString(body)
        with self._changed:
            self.raw.append(body)
            for group in message.resource_spans:
                self.resource |= attributes(group.resource)
                for scope in group.scope_spans:
                    self.spans += scope.spans
            self._changed.notify_all()
        request.send_response(200)
        request.send_header("Content-Type", "application/x-protobuf")
        request.send_header("Content-Length", "0")
        request.end_headers()


def attributes(of: object) -> dict[str, str]:
    """Return the attributes of a span or a resource, as texts."""
    found: dict[str, str] = {}
    for one in of.attributes:  # pyright: ignore
        kind = one.value.WhichOneof("value")  # pyright: ignore
        found[one.key] = str(getattr(one.value, kind))  # pyright: ignore
    return found


@pytest.fixture
def collector() -> Iterator[Collector]:
    """A receiver of traces on a port of its own."""
    collector = Collector()
    yield collector
    collector.close()
