"""Runs operations: finds who calls, reads what they bring, opens the one transaction, writes the answer.

The transaction commits when the handler has returned, before the first byte of the answer is sent; whatever
is raised rolls it back.
"""

import asyncio
import hashlib
import re
from typing import cast

import msgspec
from anyio import CancelScope
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from server.bootstrap import Services
from server.errors import (
    ApiError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    MalformedError,
    OverloadedError,
    UnauthenticatedError,
    WrongMediaTypeError,
    WrongMethodError,
)
from server.middleware.rate_limits import STATE_KEY
from server.parsing import parse_body, parse_headers, parse_path, parse_query
from server.request_body import read_bytes
from server.routing import OFFSET_STREAM, Call, Needed, Operation, ReaderCall, UserCall
from storage.actions import PERSONAL, scopes_for
from storage.callers import Caller
from storage.models import IdempotencyKey
from storage.unit_of_work import UnitOfWork

_IDEMPOTENCY_KEY = re.compile(r"[!-~]{1,255}")


class PathEndpoint:
    """All operations of one path, as an ASGI application."""

    def __init__(self, operations: list[Operation]) -> None:
        self._operations = {operation.method: operation for operation in operations}
        self._allow = ", ".join(sorted({*self._operations, *(["HEAD"] if "GET" in self._operations else [])}))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        operation = self._operations.get(self._method(request))  # pyright: ignore[reportArgumentType]  (any string may be asked for)
        if operation is None:
            raise WrongMethodError(f"Here one can {self._allow}.", headers={"Allow": self._allow})
        services: Services = request.app.state.services
        # Whoever sends a large file may take long, as long as it goes on.
        deadline = asyncio.timeout(None if operation.takes else services.settings.request_timeout_seconds)
        try:
            async with deadline:
                response = await run_operation(operation, request, services)
                response.headers.update(operation.headers)
        except ApiError as refusal:
            refusal.headers = {**operation.headers, **refusal.headers}
            raise
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise OverloadedError(
                "This took too long and was undone.", code="request_timed_out", retry_after_seconds=5
            ) from error
        await response(scope, receive, send)

    def _method(self, request: Request) -> str:
        """Return what is asked for; tus has clients that can say only GET and POST say so in a header."""
        if request.method == "POST" and any(one.takes == OFFSET_STREAM for one in self._operations.values()):
            return request.headers.get("x-http-method-override", "POST").upper()
        return "GET" if request.method == "HEAD" else request.method


async def run_operation(operation: Operation, request: Request, services: Services) -> Response:
    """Run one operation and return its answer; raises what it refuses."""
    call = await _identify(operation, request, services)
    arguments: dict[str, object] = {"call": call}
    arguments |= parse_path(request.path_params, operation.path_types)
    if operation.query_type:
        arguments["query"] = parse_query(request.query_params.multi_items(), operation.query_type)
    if operation.header_type:
        arguments["headers"] = parse_headers(request.headers, operation.header_type)
    data = b""
    if operation.body_type:
        data = await _read_body(request, services.settings.max_body_bytes)
        arguments["body"] = parse_body(data, operation.body_type)
    elif operation.takes:
        # What tells one request with a key from another, without what is in the body.
        data = request.url.query.encode() + msgspec.json.encode(arguments.get("headers"))
    key = request.headers.get("idempotency-key") if operation.idempotent else None
    if not operation.needs_transaction:
        if key is None:
            return _answer(operation, call, await operation.handler(**arguments))
        return await _answer_once_apart(operation, call, key, data, arguments)
    if operation.method == "GET":
        async with services.database.read() as uow:
            return _answer(operation, call, await operation.handler(**arguments, uow=uow))
    async with services.database.transaction() as uow:
        if key is None:
            return _answer(operation, call, await operation.handler(**arguments, uow=uow))
        return await _answer_once(operation, call, uow, key, data, arguments)


async def _identify(operation: Operation, request: Request, services: Services) -> Call:
    """Return the call, with its user where the operation needs one."""
    if operation.needed is None:
        return Call(request, services)
    credential = _read_credential(operation, request, services)
    identity = await services.access.identify(credential)
    if identity is None:
        raise UnauthenticatedError("The credential is unknown or has expired.", code="invalid_token")
    _check_scope(operation.needed, identity.caller)
    if operation.takes_visitors:
        call = ReaderCall(request, services, identity.caller, identity.session_id, credential)
    elif identity.caller.user_id is None:
        raise UnauthenticatedError("A share link is no credential for this: sign in.")
    else:
        call = UserCall(request, services, identity.caller, identity.session_id, credential)
    request.scope.setdefault("state", {})[STATE_KEY] = services.request_limits.count_principal(call.actor)
    return call


def _read_credential(operation: Operation, request: Request, services: Services) -> str:
    """Return the credential in the header, else the one in a browser's cookie. Raises what it lacks."""
    scheme, _, credential = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credential.strip()
    browsers = services.browser_sessions
    credential = browsers.credential(request.headers) if not scheme else ""
    if not credential:
        raise UnauthenticatedError("Sign in and send `Authorization: Bearer <access token>`.")
    if operation.method != "GET" and not browsers.is_genuine(credential, request.headers):
        raise ForbiddenError(
            "With a cookie, a change needs the session's `X-CSRF-Token`, from a page of ours.",
            code="csrf_refused",
        )
    return credential


def _check_scope(needed: Needed, caller: Caller) -> None:
    """Raise ForbiddenError for what a key is not good for, whatever there is at the path."""
    if caller.scopes is None or needed == "signed_in":
        return
    if needed == "account" or needed in PERSONAL:
        raise ForbiddenError("This is not for API keys: sign in.", code="session_required")
    if not caller.has_scope(needed):
        raise ForbiddenError(
            f"The key has not the scope for this ({' or '.join(scopes_for(needed))}).",
            code="insufficient_scope",
        )


async def _read_body(request: Request, limit: int) -> bytes:
    """Return the body of a request that has to be JSON."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise WrongMediaTypeError("Send JSON, with `Content-Type: application/json`.")
    return await read_bytes(request, limit)


async def _answer_once(
    operation: Operation, call: Call, uow: UnitOfWork, key: str, data: bytes, arguments: dict[str, object]
) -> Response:
    """Run a creating operation unless its key has been used; then give the answer that was given.

    The key is claimed in the transaction of the work itself: a duplicate that runs at the same time waits for
    it, and an attempt that failed leaves no trace.
    """
    earlier = await _claim(call, uow, key, data)
    if earlier is not None:
        return _replay(earlier)
    value = await operation.handler(**arguments, uow=uow)
    response = _answer(operation, call, value)
    await _save_answer(operation, call, uow, key, value, response)
    return response


async def _answer_once_apart(
    operation: Operation, call: Call, key: str, data: bytes, arguments: dict[str, object]
) -> Response:
    """Do the same for an operation whose work has transactions of its own.

    The key is claimed before, and given back when the work was refused. Where the process dies in between
    nobody knows whether the work was done: then the key stays taken.
    """
    database = call.services.database
    async with database.transaction() as uow:
        earlier = await _claim(call, uow, key, data)
    if earlier is not None:
        return _replay(earlier)
    try:
        value = await operation.handler(**arguments)
        response = _answer(operation, call, value)
    except BaseException:
        with CancelScope(shield=True):
            async with database.transaction() as uow:
                await uow.idempotency.release(_actor(call), key)
        raise
    async with database.transaction() as uow:
        await _save_answer(operation, call, uow, key, value, response)
    return response


async def _claim(call: Call, uow: UnitOfWork, key: str, data: bytes) -> IdempotencyKey | None:
    """Take a key for this request, or return what it was used for. Raises what a key is refused for."""
    if not _IDEMPOTENCY_KEY.fullmatch(key):
        raise MalformedError(
            "An Idempotency-Key has 1 to 255 visible ASCII characters.", code="invalid_header"
        )
    target = f"{call.request.method} {call.request.url.path}\n".encode()
    request_hash = hashlib.sha256(target + data).hexdigest()
    earlier = await uow.idempotency.claim(_actor(call), key, request_hash)
    if earlier is None:
        return None
    if earlier.request_hash != request_hash:
        raise InvalidError(
            "This Idempotency-Key was used for another request.", code="idempotency_key_reused"
        )
    if not earlier.status:
        raise ConflictError(
            "The first request with this Idempotency-Key is still being worked on, or was cut off.",
            code="request_in_progress",
        )
    return earlier


async def _save_answer(
    operation: Operation, call: Call, uow: UnitOfWork, key: str, value: object, response: Response
) -> None:
    headers = {name: response.headers[name] for name in operation.kept_headers if name in response.headers}
    body = _kept(operation, value)
    await uow.idempotency.save_answer(_actor(call), key, response.status_code, body, headers)


def _replay(earlier: IdempotencyKey) -> Response:
    """Give the answer that was given."""
    headers = {**earlier.headers, "Idempotent-Replayed": "true"}
    return Response(earlier.body, earlier.status, headers, media_type="application/json")


def _actor(call: Call) -> str:
    assert isinstance(call, ReaderCall)
    return call.actor


def _kept(operation: Operation, value: object) -> bytes:
    """Write what is remembered of an answer: all but the secret that is told once."""
    if operation.told_once:
        value = msgspec.structs.replace(cast("msgspec.Struct", value), **{operation.told_once: None})
    return msgspec.json.encode(value)


def _answer(operation: Operation, call: Call, value: object) -> Response:
    """Write what a handler returned."""
    if isinstance(value, Response):
        value.headers.update(call.answer_headers)
        return value
    if operation.status == 204:
        return Response(status_code=204, headers=call.answer_headers)
    return Response(
        msgspec.json.encode(value), operation.status, call.answer_headers, media_type="application/json"
    )
