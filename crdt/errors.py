"""What can go wrong in the live core, each with a stable `code` and the WebSocket close code that tells it.

CrdtError
├── ProtocolError          a client said something that is not of its protocol (W2)
├── TooLate                nobody signed in on a socket in time (W4)
├── TooMuchHeldBack        too much was said before anybody was let in (W4)
├── PresenceTooLarge       somebody shows too much of themselves; it is not passed on (W4)
├── CredentialRefused      the credential is unknown, forged or expired (A1)
├── TooManySockets         one principal has as many sockets open as it may (W4)
├── TokenExpired           the credential has ended: fetch another and come back (A4)
├── DocumentRefused        no such document for this principal (A1)
├── EpochEnded             the client's copy is of an earlier life of the document (D7)
├── DocumentUnavailable    the store does not give or take a document now (D5)
├── DocumentDamaged        what is stored makes no document: an error, never an empty one (D6)
├── UpdateRefused          an update that the document cannot take, or that its sender may not make (A2)
│   ├── EditTooLarge       one that does not fit: its sender stays, and may come with less (W4)
│   └── RuleViolated       its guard finds that it breaks a rule of the document (A6)
└── HubClosed              the process is going down: come back in a moment (R6)

Codes 4400-4499 are final for y-websocket clients; they come back after any other. Hocuspocus clients come
back after all of them, ever more slowly (W3).
"""


class CrdtError(Exception):
    """Root of the package's errors."""

    code = "crdt_error"
    close_code = 1011

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProtocolError(CrdtError):
    """A frame that its protocol does not allow; the connection that sent it ends."""

    close_code = 4400

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class TooLate(CrdtError):
    """The time for signing in is over."""

    code = "too_late"
    close_code = 4508


class TooMuchHeldBack(CrdtError):
    """What was said before anybody was let in is more than is kept; sign in first, and come back."""

    code = "too_much_held_back"
    close_code = 4508


class PresenceTooLarge(CrdtError):
    """The state is larger than presence may be; the socket stays, and what was shown before it."""

    code = "presence_too_large"


class CredentialRefused(CrdtError):
    """The credential speaks for nobody."""

    code = "credential_refused"
    close_code = 4401


class TooManySockets(CrdtError):
    """Close others first; the client may come back."""

    code = "too_many_sockets"
    close_code = 4529


class TokenExpired(CrdtError):
    """The credential was not renewed in time."""

    code = "token_expired"
    close_code = 4501


class DocumentRefused(CrdtError):
    """No such document for this principal; says nothing about whether it exists."""

    code = "document_refused"
    close_code = 4403


class EpochEnded(CrdtError):
    """The client's copy belongs to another epoch of the document; it has to open the document anew."""

    code = "epoch_ended"
    close_code = 4409


class DocumentUnavailable(CrdtError):
    """The store cannot give or take the document now."""

    code = "document_unavailable"
    close_code = 1013


class DocumentDamaged(CrdtError):
    """What the store holds makes no document; somebody has to repair it."""

    code = "document_damaged"
    close_code = 1011


class UpdateRefused(CrdtError):
    """The update is malformed, contradicts the document or is not the sender's to make."""

    code = "update_refused"
    close_code = 4400


class EditTooLarge(UpdateRefused):
    """The edit is too large, or its document would become so, or it hangs on one that was; closes nothing."""

    code = "edit_too_large"


class RuleViolated(UpdateRefused):
    """The update breaks a rule of its document: the client has to throw its copy away."""

    code = "rule_violated"
    close_code = 4422

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(f"{reason} ({rule})")
        self.rule = rule


class HubClosed(CrdtError):
    """No new peers: the process is shutting down."""

    code = "hub_closed"
    close_code = 1012
