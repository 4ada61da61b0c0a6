"""The only translation from exceptions to what clients are told: a problem document (RFC 9457).

Every package's errors are known here, so that no package needs to know HTTP.
"""

import http

import msgspec
from starlette.responses import Response

from agents.errors import InvalidConfigError, InvalidInputsError, InvalidPromptError, RunRefusedError
from blocks.errors import (
    InvalidContentError,
    TooManyElementsError,
    UnknownBlockError,
    UnknownCommentError,
    UnknownMessageError,
    UnreadableBlockError,
)
from crdt.errors import DocumentRefused, DocumentUnavailable, HubClosed, UpdateRefused
from server.errors import ApiError, ConflictError, FieldError, InvalidError, NotFoundError, OverloadedError
from server.telemetry import request_id
from storage.errors import (
    ConstraintError,
    FilesUnavailableError,
    SchemaOutdatedError,
    StoreUnavailableError,
    UnknownDocumentError,
    UnknownPositionError,
    UnknownWorkspaceError,
    VaultError,
)

MEDIA_TYPE = "application/problem+json"
STORE_RETRY_SECONDS = 2
VAULT_RETRY_SECONDS = 60


PHRASES = {460: "Checksum Mismatch"}
"""Of statuses that HTTP itself does not have."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as clients see it. `code` is stable; `title` and `detail` are for people."""

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    request_id: str
    errors: list[FieldError] = []


class UnexpectedError(ApiError):
    """Something that nobody foresaw; the log has it under the request's id."""

    status = 500
    code = "internal_error"


def translate(error: Exception) -> ApiError:
    """Return the refusal that an exception means."""
    match error:
        case ApiError():
            return error
        case DocumentRefused() | UnknownPositionError() | UnknownMessageError() | UnknownCommentError():
            return NotFoundError("This does not exist, or not any more.")
        case UpdateRefused():
            return ConflictError(error.reason, code=error.code)
        case DocumentUnavailable() | HubClosed():
            return OverloadedError(error.reason, code=error.code, retry_after_seconds=STORE_RETRY_SECONDS)
        case UnknownBlockError():
            return NotFoundError("There is no such block, or not any more.")
        case UnreadableBlockError():
            return ConflictError(str(error), code=error.code)
        case TooManyElementsError():
            return InvalidError(
                str(error), code=error.code, errors=(FieldError("body.markdown", str(error)),)
            )
        case InvalidContentError():
            faults = tuple(FieldError(f"body.{fault.path}", fault.detail) for fault in error.faults)
            return InvalidError("The content does not fit: see `errors`.", code=error.code, errors=faults)
        case UnknownDocumentError() | UnknownWorkspaceError():
            return NotFoundError("This does not exist any more.")
        case ConstraintError():
            return ConflictError("Somebody else changed the same thing at this moment. Try again.")
        case RunRefusedError():
            return ConflictError(str(error), code=error.code)
        case InvalidPromptError() | InvalidConfigError() | InvalidInputsError():
            faults = tuple(FieldError(f"body.{fault.path}", fault.detail) for fault in error.faults)
            return InvalidError("The body does not fit: see `errors`.", code=error.code, errors=faults)
        case VaultError():
            return OverloadedError(
                "A stored secret cannot be opened. The operator can tell why with `ionflux doctor`.",
                code=error.code,
                retry_after_seconds=VAULT_RETRY_SECONDS,
            )
        case FilesUnavailableError():
            return OverloadedError(
                "Files cannot be used at the moment.",
                code=FilesUnavailableError.code,
                retry_after_seconds=STORE_RETRY_SECONDS,
            )
        case StoreUnavailableError() | SchemaOutdatedError():
            return OverloadedError(
                "The database cannot be used at the moment.",
                code=error.code,
                retry_after_seconds=STORE_RETRY_SECONDS,
            )
        case _:
            return UnexpectedError("Something went wrong here. The request id helps to find out what.")


def phrase_of(status: int) -> str:
    """Return what a status is called."""
    return PHRASES.get(status) or http.HTTPStatus(status).phrase


def problem_response(refusal: ApiError) -> Response:
    """Return the answer to a request that was refused."""
    problem = Problem(
        title=phrase_of(refusal.status),
        status=refusal.status,
        code=refusal.code,
        detail=refusal.detail,
        request_id=request_id.get(),
        errors=list(refusal.errors),
    )
    return Response(
        msgspec.json.encode(problem),
        status_code=refusal.status,
        headers=refusal.headers,
        media_type=MEDIA_TYPE,
    )
