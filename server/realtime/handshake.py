"""What the opening request of a WebSocket asks for: which protocol, which document, on whose behalf."""

from collections.abc import Callable, Mapping
from urllib.parse import parse_qs, unquote

import msgspec

from crdt.connection import Connection
from crdt.session import HOCUSPOCUS, YWS, Wire

UNKNOWN_PATH = (4404, "There is nothing at this path.")


class Opening(msgspec.Struct, frozen=True):
    """A socket that begins: chosen by route, never by sniffing (W1)."""

    wire: Wire
    document: str = ""
    token: str = ""

    def begin(self, connection: Connection) -> None:
        """Let the connection start; a Hocuspocus client brings a token for each document later."""
        connection.credential = self.token
        if self.wire is YWS:
            connection.sign_in(self.document, self.token)


def read_opening(
    path: str, query: str, headers: Mapping[str, str], cookie: Callable[[Mapping[str, str]], str]
) -> Opening | None:
    """Return what is asked for; None where there is nothing at the path, which is still percent-encoded.

    `cookie` gives what counts of the browser's cookie: it stands where a client brings no credential.
    """
    if path == "/collab":
        return Opening(HOCUSPOCUS, token=cookie(headers))
    root, _, document = path.removeprefix("/").partition("/")
    if root != "sync" or not document or "/" in document:
        return None
    parameters = parse_qs(query)
    # Browsers can put a credential only into the URL; other clients had better send the header.
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        token = parameters.get("token", [""])[0] or cookie(headers)
    if "epoch" in parameters:
        token += "#" + parameters["epoch"][0]
    return Opening(YWS, unquote(document), token)
