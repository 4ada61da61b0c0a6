"""Logs: where they go, how a line looks, and that no credential and no address of a person is in one (A1)."""

import contextvars
import logging
import re
import sys
from datetime import UTC, datetime
from typing import Literal

import msgspec

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="-")
"""The id of the request being served, for every log line written meanwhile."""

_CREDENTIALS = re.compile(
    r"""(?ix)
    (?P<name> \b (?: (?: access_ | refresh_ )? token | password ) ["']? \s* (?: [=:] | %3d ) \s* ["']? )
    [^\s&"'#]+
    | (?P<scheme> \b bearer \s+ ) \S+
    | \b eyJ [\w-]+ \. [\w-]+ \. [\w-]+
    | \b if[a-z]_ [\w-]+
    | \b (?: (?: sk | gsk | xai ) [-_] | AIza ) [\w-]{10,}
    | (?<! [\w.+@*-] ) [\w.+-]+ @ [\w-]+ (?: \. [\w-]+ )+
    | (?P<url> \b [a-z][a-z0-9+.-]* :// [^\s:/@]* : ) [^\s@]+ (?= @ )
    """
)


def redact(text: str) -> str:
    """Return the text without tokens, passwords in parameters and in URLs, and e-mail addresses."""
    return _CREDENTIALS.sub(
        lambda found: (found["name"] or found["scheme"] or found["url"] or "") + "***", text
    )


class RedactingFormatter(logging.Formatter):
    """One readable line a record, with the request's id; credentials are struck out of text and traceback."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(name)s [%(request_id)s] %(message)s")
        self.default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """Format as usual and redact the whole."""
        record.request_id = request_id.get()
        return redact(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, request, message; a traceback; and a record's `fields`."""

    def format(self, record: logging.LogRecord) -> str:
        """Format, with every text redacted by itself."""
        values: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "request_id": request_id.get(),
            "message": redact(record.getMessage()),
        }
        fields: dict[str, object] = getattr(record, "fields", {})
        values |= {name: redact(value) if isinstance(value, str) else value for name, value in fields.items()}
        if record.exc_info:
            values["exception"] = redact(self.formatException(record.exc_info))
        return msgspec.json.encode(values).decode()


def configure_logging(level: str, format: Literal["text", "json"] = "text") -> None:
    """Send this process's log lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else RedactingFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # uvicorn writes a WebSocket's URL with its query string at INFO, and whole handshakes at DEBUG (A1).
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    # The last three write whole requests at DEBUG, with the keys and words of others.
    for noisy in ("asyncio", "aiosqlite", "sqlalchemy", "alembic", "openai", "httpx2", "httpcore2"):
        logging.getLogger(noisy).setLevel(max(logging.getLogger().level, logging.WARNING))
