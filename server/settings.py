"""Every setting of the server, documented, and the only reader of the environment.

A value comes from the command line, else from the variable `IONFLUX_<NAME>`, else from that name in the file
`.env` of the working directory, else from the default here. Other packages receive the values they need; they
never read the environment, and nothing here opens the data folder.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, cast, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from server.errors import SettingsError

PREFIX = "IONFLUX_"

Role = Literal["api", "realtime", "worker"]
Count = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


def doc(text: str) -> Meta:
    """Describe a setting; the text goes into the operator's table."""
    return Meta(description=text)


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The server's settings. Sizes are bytes, times have their unit in the name."""

    host: Annotated[str, doc("Address to listen on. `0.0.0.0` serves every network this machine is in.")] = (
        "127.0.0.1"
    )
    port: Annotated[int, Meta(ge=0, le=65535), doc("Port to listen on; 0 lets the system choose one.")] = 8000
    public_url: Annotated[
        str, doc("The address people reach this server at, when it is not `http://HOST:PORT`.")
    ] = ""
    data_dir: Annotated[Path, doc("Folder of the database, the secrets and the files. Back this up.")] = Path(
        "data"
    )
    database_url: Annotated[
        str,
        doc("`postgresql://user:password@host/name` or `sqlite:///path`; empty: a file in the data folder."),
    ] = ""
    migrate_on_start: Annotated[
        bool,
        doc(
            "Whether `serve` brings the database to this version's tables. With `false` it refuses to start "
            "until `ionflux migrate` has done that."
        ),
    ] = True
    durability: Annotated[
        Literal["process", "power"],
        doc(
            "What an acknowledged edit survives on SQLite: `process`, that this program is killed; `power`, "
            "also a power cut, for one disk flush a commit. Postgres decides this in its own configuration."
        ),
    ] = "process"
    roles: Annotated[
        tuple[Role, ...],
        doc("What this process does: `api` (REST), `realtime` (WebSockets), `worker` (background jobs)."),
    ] = ("api", "realtime", "worker")
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], doc("The least important log line that is written.")
    ] = "info"
    metrics_token: Annotated[
        str,
        doc("What a Prometheus server has to send as bearer token for `/metrics`; empty: nothing is there."),
    ] = ""
    traces: Annotated[
        bool,
        doc("Whether traces go to OpenTelemetry; where to, `OTEL_EXPORTER_OTLP_ENDPOINT` and its like say."),
    ] = False
    log_format: Annotated[
        Literal["text", "json"], doc("How log lines look: `text` for people, `json` for programs.")
    ] = "text"
    cors_origins: Annotated[
        tuple[str, ...],
        doc("Origins whose web pages may call the API, for instance `https://app.example.com`; `*` for any."),
    ] = ()
    trusted_proxies: Annotated[
        tuple[str, ...],
        doc("Addresses or networks of reverse proxies whose `X-Forwarded-For` and `-Proto` are believed."),
    ] = ()
    max_body_bytes: Annotated[Count, doc("Largest body of an API request.")] = 1024 * 1024
    request_timeout_seconds: Annotated[
        Seconds, doc("Time an API request may take until its answer begins; then it is undone.")
    ] = 60
    requests_per_minute_per_address: Annotated[
        int, Meta(ge=0), doc("API requests from one address (IPv6: one /64) to this process; 0 for any.")
    ] = 12000
    requests_per_minute_per_user: Annotated[
        int, Meta(ge=0), doc("API requests of one user or key to this process; 0 for any number.")
    ] = 6000

    access_token_minutes: Annotated[Count, doc("How long an access token is valid.")] = 15
    refresh_token_days: Annotated[Count, doc("How long a sign-in lasts after its last refresh.")] = 30
    login_attempts_per_account: Annotated[
        Count, doc("Failed sign-ins to one account before it has to wait for the window to pass.")
    ] = 10
    login_attempts_per_address: Annotated[
        Count, doc("Sign-ins and registrations from one address in a window, successful or not.")
    ] = 100
    login_window_minutes: Annotated[Count, doc("The window of the two limits above.")] = 15
    password_hash_concurrency: Annotated[
        Count, doc("Passwords hashed at the same time; each takes a core and the memory below.")
    ] = 2
    password_hash_memory_kib: Annotated[
        int, Meta(ge=8), doc("Memory of one argon2id hash, in KiB. Stored hashes keep the value they had.")
    ] = 65536
    password_hash_passes: Annotated[Count, doc("Passes of one argon2id hash over its memory.")] = 3

    smtp_host: Annotated[
        str, doc("Mail server. Empty: mails go to the folder `outbox` of the data folder, a file each.")
    ] = ""
    smtp_port: Annotated[int, Meta(ge=1, le=65535), doc("Port of the mail server.")] = 587
    smtp_security: Annotated[
        Literal["starttls", "tls", "none"],
        doc("How the mail server is spoken to: `starttls`, `tls` from the first byte (port 465), or `none`."),
    ] = "starttls"
    smtp_user: Annotated[str, doc("Name to sign in to the mail server with; empty: without.")] = ""
    smtp_password: Annotated[str, doc("Password for it.")] = ""
    mail_from: Annotated[str, doc("Sender of mails.")] = "IONFLUX <ionflux@localhost>"

    websockets: Annotated[
        Literal["picows", "asgi"],
        doc("What carries the WebSockets: `picows`, the fast one, or `asgi`, plain ASGI."),
    ] = "picows"
    max_frame_bytes: Annotated[
        Count,
        doc("Largest WebSocket message with an edit that is taken; one twice as large ends its socket."),
    ] = 16 * 1024 * 1024
    max_document_bytes: Annotated[
        Count, doc("Largest live document, as it is stored; it can still be read, and made smaller.")
    ] = 32 * 1024 * 1024
    max_awareness_bytes: Annotated[Count, doc("Largest presence of one peer in a document.")] = 64 * 1024
    files_url: Annotated[
        str,
        doc("Where files are kept: `s3://bucket/prefix` or `file:///folder`; empty: in the data folder."),
    ] = ""
    files_s3_endpoint: Annotated[
        str, doc("Address of S3-compatible storage; empty: Amazon's, or `AWS_ENDPOINT_URL`.")
    ] = ""
    files_s3_region: Annotated[str, doc("Region of that storage; empty: `AWS_REGION`.")] = ""
    files_s3_access_key_id: Annotated[str, doc("Name of its key; empty: `AWS_ACCESS_KEY_ID`.")] = ""
    files_s3_secret_access_key: Annotated[str, doc("Its key; empty: `AWS_SECRET_ACCESS_KEY`.")] = ""
    max_file_bytes: Annotated[Count, doc("Largest file that can be uploaded.")] = 100 * 1024 * 1024
    file_quota_bytes: Annotated[Count, doc("What all files of one workspace may have together.")] = (
        10 * 1024 * 1024 * 1024
    )
    upload_hours: Annotated[
        Count, doc("How long an upload that stopped can be gone on with; then its room is given back.")
    ] = 24
    allow_private_addresses: Annotated[
        bool,
        doc(
            "Whether webhooks and embeds may go to addresses inside of this network, and by plain HTTP: for "
            "development only, since whoever makes one can then reach what only this machine can."
        ),
    ] = False
    link_previews: Annotated[
        bool,
        doc(
            "Whether the server looks at pages of other sites that people embed. Where it may not, embeds "
            "are plain links, and those that wait are looked at once it may again."
        ),
    ] = True
    llm_hosts: Annotated[
        tuple[str, ...],
        doc(
            "The only places that providers of language models may be at, as `host:port`, for instance "
            "`api.openai.com:443,127.0.0.1:11434`; they may be inside of this network. Empty: anywhere on "
            "the public internet, by https."
        ),
    ] = ()
    llm_catalogue: Annotated[
        str, doc("File of the models and prices that are known beforehand; empty: the program's own.")
    ] = ""
    llm_first_token_seconds: Annotated[
        Seconds, doc("How long a language model may be silent, before its first word and between words.")
    ] = 60
    llm_total_seconds: Annotated[Seconds, doc("How long an answer of a language model may take.")] = 300
    llm_built_in: Annotated[
        bool,
        doc(
            "Whether workspaces without a provider get the built-in language model, where it is installed: "
            "tiny, and for a first try only."
        ),
    ] = True
    llm_built_in_idle_seconds: Annotated[
        Seconds, doc("How long the built-in model's process stays after its last call.")
    ] = 120
    llm_built_in_memory_bytes: Annotated[
        int, Meta(ge=1024**3), doc("Address space that the built-in model's process may have.")
    ] = 1536 * 1024 * 1024
    max_event_streams_per_user: Annotated[
        Count, doc("Streams of events (SSE) that one user may have open in this process.")
    ] = 20
    auth_timeout_seconds: Annotated[Seconds, doc("How long a new socket may stay without a credential.")] = 10
    max_documents_per_socket: Annotated[Count, doc("Documents that one socket may have open.")] = 100
    max_sockets_per_user: Annotated[Count, doc("Sockets that one user may have open.")] = 200
    max_frames_per_second: Annotated[
        Count, doc("WebSocket messages of one socket; whoever sends more for long is read more slowly.")
    ] = 5000
    max_bytes_per_second: Annotated[Count, doc("Bytes of one socket, likewise.")] = 16 * 1024 * 1024
    max_unsaved_bytes: Annotated[
        Count,
        doc("Edits kept in memory while the database fails, before peers are sent away until it is back."),
    ] = 64 * 1024 * 1024
    bus: Annotated[
        Literal["memory"],
        doc(
            "What carries hints between the processes that serve live documents: `memory`, nothing: they see "
            "each other's edits about a second late, and not each other's presence."
        ),
    ] = "memory"
    room_idle_seconds: Annotated[
        float, Meta(ge=0), doc("How long a document stays in memory after its last peer left.")
    ] = 30
    coalesce_max_ms: Annotated[
        float, Meta(ge=0), doc("Longest time a busy document's edits are gathered before they are sent on.")
    ] = 10
    snapshot_every_updates: Annotated[
        Count, doc("Updates after which a document's log is summed up in a snapshot.")
    ] = 500
    channel_live_messages: Annotated[
        Count, doc("Messages of a channel that its live document holds; older ones are in the archive.")
    ] = 2000
    channel_live_days: Annotated[
        Count, doc("Days after which a message leaves its channel's live document for the archive.")
    ] = 90
    history_days: Annotated[
        int,
        Meta(ge=0),
        doc(
            "How long every single edit of a document is kept and can be gone back to; 0 for ever. Named "
            "versions are kept in any case."
        ),
    ] = 0
    trash_days: Annotated[
        int, Meta(ge=0), doc("Days after which a page in the trash is deleted for good; 0 for never.")
    ] = 30
    run_days: Annotated[
        int,
        Meta(ge=0),
        doc("Days after which a run of an agent that is over is forgotten, with its steps; 0 for never."),
    ] = 90
    runs_per_process: Annotated[
        Count, doc("Runs of agents that this process does at the same time; those that wait do not count.")
    ] = 50
    runs_per_workspace: Annotated[
        Count, doc("Runs of one workspace that are done at the same time, in all processes.")
    ] = 20
    keepalive_seconds: Annotated[
        Seconds, doc("Silence after which a socket gets a sign of life; clients drop it at 30.")
    ] = 20
    shutdown_seconds: Annotated[
        Seconds, Meta(le=9), doc("Time to save and say goodbye when the process is told to stop.")
    ] = 8

    def __repr__(self) -> str:
        """Say nothing of the values: a database URL holds a password."""
        return f"<Settings of {self.data_dir}>"

    @property
    def effective_files_url(self) -> str:
        """The place for files with the default resolved."""
        return self.files_url or (self.data_dir / "files").absolute().as_uri()

    @property
    def effective_database_url(self) -> str:
        """The database's URL with the default resolved."""
        return self.database_url or f"sqlite:///{self.data_dir / 'ionflux.db'}"

    @property
    def effective_public_url(self) -> str:
        """The address people reach this server at, without a slash at the end."""
        # Nobody can call at the address that means all addresses.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)
        host = f"[{host}]" if ":" in host else host
        return (self.public_url or f"http://{host}:{self.port}").rstrip("/")


class SettingDoc(msgspec.Struct, frozen=True):
    """One row of the operator's table."""

    name: str
    variable: str
    default: str
    description: str


def read_settings(
    environment: Mapping[str, str], overrides: Mapping[str, str | None] | None = None
) -> Settings:
    """Build the settings from variables; `overrides` (by field name, None for not given) win.

    Raises SettingsError with one line that names the variable.
    """
    given = {name: value for name, value in (overrides or {}).items() if value is not None}
    hints = get_type_hints(Settings, include_extras=True)
    values: dict[str, object] = {}
    for name, hint in hints.items():
        variable = PREFIX + name.upper()
        text = given.get(name, environment.get(variable))
        if text is not None:
            values[name] = _parse(f"--{name.replace('_', '-')}" if name in given else variable, text, hint)
    return msgspec.convert(values, Settings, dec_hook=_decode_path)


def read_environment(process: Mapping[str, str], directory: Path) -> dict[str, str]:
    """Return the `IONFLUX_*` variables of `.env` in `directory` and of the process, which wins."""
    variables: dict[str, str] = {}
    path = directory / ".env"
    if path.is_file():
        try:
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{path} cannot be read: {error}") from error
        for number, line in enumerate(lines, start=1):
            variables.update(_parse_line(f"{path} line {number}", line))
    variables.update(process)
    return {name: value for name, value in variables.items() if name.startswith(PREFIX)}


def unknown_variables(environment: Mapping[str, str]) -> list[str]:
    """Return the names that look like settings and are none: misspelt, most likely."""
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__}
    return sorted(name for name in environment if name.startswith(PREFIX) and name not in known)


def describe_settings() -> list[SettingDoc]:
    """Return what the operator's table says, in the order of the class."""
    hints = get_type_hints(Settings, include_extras=True)
    rows: list[SettingDoc] = []
    for field in msgspec.structs.fields(Settings):
        hint = hints[field.name]
        metas = cast("tuple[Meta, ...]", get_args(hint)[1:]) if get_origin(hint) is Annotated else ()
        description = " ".join(meta.description for meta in metas if meta.description)
        default = field.default
        text = ",".join(cast("tuple[str, ...]", default)) if isinstance(default, tuple) else str(default)
        text = text.lower() if isinstance(default, bool) else text
        rows.append(SettingDoc(field.name, PREFIX + field.name.upper(), text, description))
    return rows


def _parse(source: str, text: str, hint: object) -> object:
    """Turn a variable's text into the value its field has."""
    bare = get_args(hint)[0] if get_origin(hint) is Annotated else hint
    value: object = text
    if get_origin(bare) is tuple:
        value = tuple(part.strip() for part in text.split(",") if part.strip())
    try:
        return msgspec.convert(value, cast("type[object]", hint), strict=False, dec_hook=_decode_path)
    except msgspec.ValidationError as error:
        reason = str(error).split(" - at")[0].lower()
        if "got `str`" in reason:
            reason = f"expected {'a whole number' if bare in (int, Count) else 'a number'}"
        raise SettingsError(f"{source} is {text!r}: {reason}") from error


def _decode_path(wanted: type[object], value: object) -> object:
    if wanted is Path and isinstance(value, str | Path) and str(value):
        return Path(value)
    raise ValueError("Expected a folder's name")


def _parse_line(place: str, line: str) -> dict[str, str]:
    """Read one `NAME=value` line; quotes around the value and a leading `export` are taken off."""
    line = line.strip().removeprefix("export ")
    if not line or line.startswith("#"):
        return {}
    name, separator, value = line.partition("=")
    if not separator:
        raise SettingsError(f"{place} is not NAME=value")
    value = value.strip()
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1]
    return {name.strip(): value}
