"""What the server refuses, each with a stable `code`; `server.error_map` alone turns them into answers.

ServerError
├── SettingsError              a setting's value cannot be used
├── StartError                 the process cannot start: one line for the operator
├── BackupError                a backup cannot be written, or not be used
├── ExportError                a workspace cannot be exported, or not be imported
└── ApiError                   a request is refused
    ├── MalformedError         400  not JSON, not an id, not a cursor
    ├── UnauthenticatedError   401
    ├── ForbiddenError         403  the thing may be seen, this may not be done
    ├── NotFoundError          404  it does not exist, or may not be seen
    ├── WrongMethodError       405
    ├── SlowBodyError          408  the body did not arrive in time
    ├── ConflictError          409
    ├── GoneError              410  it was here, and its time is over
    ├── PreconditionError      412  another version of a protocol
    ├── TooLargeError          413
    ├── WrongMediaTypeError    415
    ├── RangeError             416  a file has no such part
    ├── InvalidError           422  JSON that does not fit, with the paths of its faults
    ├── LockedError            423  it is being worked on
    ├── RateLimitedError       429
    ├── HeadTooLargeError      431
    ├── ChecksumError          460  the bytes are not those that were sent (a status of tus)
    └── OverloadedError        503
"""

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One fault of a request: where it is (`body.title`, `query.limit`, `path.page_id`) and what it is."""

    path: str
    detail: str


class ServerError(Exception):
    """The root of this package's errors."""

    code = "server_error"


class SettingsError(ServerError):
    """A setting cannot be used; the message names its variable."""

    code = "bad_setting"


class StartError(ServerError):
    """The process cannot start or go on; the message is one line for the operator."""

    code = "cannot_start"


class BackupError(ServerError):
    """A backup cannot be written or used; the message is one line for the operator."""

    code = "bad_backup"


class ExportError(ServerError):
    """A workspace cannot be exported or imported; the message is one line for the operator."""

    code = "bad_export"


class ApiError(ServerError):
    """A request is refused with `status` and `code`; `detail` is for people and may change."""

    status = 400
    code = "bad_request"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        errors: tuple[FieldError, ...] = (),
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or type(self).code
        self.errors = errors
        self.headers = headers or {}


class MalformedError(ApiError):
    """The request cannot be read."""

    code = "malformed"


class UnauthenticatedError(ApiError):
    """No credential, or one that is unknown, forged, revoked or expired."""

    status = 401
    code = "unauthenticated"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail, code=code, headers={"WWW-Authenticate": 'Bearer realm="ionflux"'})


class ForbiddenError(ApiError):
    """The caller may see the thing, but not do this to it."""

    status = 403
    code = "forbidden"


class NotFoundError(ApiError):
    """The thing does not exist, or the caller may not learn that it does."""

    status = 404
    code = "not_found"


class WrongMethodError(ApiError):
    """The path exists, this method of it does not."""

    status = 405
    code = "method_not_allowed"


class SlowBodyError(ApiError):
    """The body did not arrive in time."""

    status = 408
    code = "request_timeout"


class ConflictError(ApiError):
    """The request contradicts what is stored."""

    status = 409
    code = "conflict"


class GoneError(ApiError):
    """The thing was here, and its time is over."""

    status = 410
    code = "gone"


class PreconditionError(ApiError):
    """The client speaks a version of a protocol that is not spoken here."""

    status = 412
    code = "unsupported_version"


class TooLargeError(ApiError):
    """The body is larger than the limit."""

    status = 413
    code = "body_too_large"


class WrongMediaTypeError(ApiError):
    """The body is not declared as JSON."""

    status = 415
    code = "unsupported_media_type"


class RangeError(ApiError):
    """The file has no such part."""

    status = 416
    code = "range_not_satisfiable"


class InvalidError(ApiError):
    """The body is JSON, but not what this operation takes."""

    status = 422
    code = "validation_failed"


class LockedError(ApiError):
    """The thing is being worked on, and can be asked for again."""

    status = 423
    code = "locked"


class RateLimitedError(ApiError):
    """A rate limit is used up; the headers say when to try again."""

    status = 429
    code = "rate_limited"


class HeadTooLargeError(ApiError):
    """The request line and the headers are larger than the limit."""

    status = 431
    code = "head_too_large"


class ChecksumError(ApiError):
    """What came is not what was sent, by its checksum."""

    status = 460
    code = "checksum_mismatch"


class OverloadedError(ApiError):
    """A bounded resource is full for the moment, or not there yet, or not any more."""

    status = 503
    code = "overloaded"

    def __init__(
        self,
        detail: str,
        *,
        retry_after_seconds: int,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(
            detail, code=code, headers={"Retry-After": str(retry_after_seconds), **(headers or {})}
        )
