"""Declares operations: one decorated function is a route, its types and its documentation.

    @routes.post("/v1/workspaces/{workspace_id}/pages", "pages.write", status=201, refuses=(403,))
    async def create_page(call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewPage) -> PageAnswer:

Behind the path stands who may call it: an action of `storage.actions`, or `signed_in` or `account`; nothing
where no credential is needed. The handler asks the gate about the thing itself, and a test that is generated
from the routes holds it to what it declares. The signature says the rest: a `UserCall` needs a person, a
`ReaderCall` any credential, `uow` is the request's one transaction, `query`, `headers` and `body` are
Structs, what is left are the path's parameters (ids, or strings of a pattern), and what is returned is the
answer's Struct (None: 204) or a `Response` whose class names its media type. `server.endpoint` runs
operations, `server.openapi` describes them.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from types import UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints
from uuid import UUID

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from crdt.ports import Principal, PrincipalId
from server.bootstrap import Services
from storage.actions import Action
from storage.callers import Caller

OFFSET_STREAM = "application/offset+octet-stream"
"""A part of a file, as tus sends it."""

Handler = Callable[..., Awaitable[object]]
H = TypeVar("H", bound=Handler)
Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
Needed = Action | Literal["signed_in", "account"]
"""An action on what the path names; else any credential of a person, or one's own account."""


class Call:
    """One request, as its handler sees it."""

    def __init__(self, request: Request, services: Services) -> None:
        self.request = request
        self.services = services
        self.answer_headers: dict[str, str] = {}
        """Headers to send along with the answer."""

    @property
    def address(self) -> str:
        """The client's address; a proxy's word for it only if the proxy is trusted."""
        return self.request.client.host if self.request.client else "unknown"


class ReaderCall(Call):
    """A request of somebody with a credential, which may be no more than a share link."""

    def __init__(
        self,
        request: Request,
        services: Services,
        caller: Caller,
        session_id: UUID | None,
        credential: str,
    ) -> None:
        super().__init__(request, services)
        self.caller = caller
        self._session_id = session_id
        self.credential = credential

    @property
    def actor(self) -> str:
        """Who acts, as events and the log name them."""
        return self.caller.id

    async def is_standing(self) -> bool:
        """Tell whether the credential is still good: for answers that last."""
        return await self.services.access.identify(self.credential) is not None


class UserCall(ReaderCall):
    """A request of a person, who is signed in or has an API key call."""

    @property
    def session_id(self) -> UUID:
        """The session one is signed in with; only what needs `account` may count on it."""
        assert self._session_id is not None, "an API key has no session"
        return self._session_id

    @property
    def user_id(self) -> UUID:
        """The person who calls."""
        assert self.caller.user_id is not None, "visitors have calls of another kind"
        return self.caller.user_id

    async def principal(self) -> Principal:
        """Return whom the edits of this request are of."""
        async with self.services.database.read() as uow:
            user = await uow.users.get(self.user_id)
        assert user is not None, "who calls exists"
        return Principal(
            id=PrincipalId(self.actor), name=user.name, avatar_url=user.profile_info.get("avatar_url")
        )


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """A route: what it takes, what it gives, what it may refuse."""

    method: Method
    path: str
    tag: str
    handler: Handler
    name: str
    summary: str
    description: str
    needed: Needed | None
    """What the caller has to be allowed; None for nothing, without a credential."""
    takes_visitors: bool
    """Whether a share link is credential enough."""
    needs_transaction: bool
    path_types: dict[str, type[object]]
    query_type: type[msgspec.Struct] | None
    header_type: type[msgspec.Struct] | None
    body_type: type[msgspec.Struct] | None
    answer_type: Any
    media_types: tuple[str, ...]
    """What it may answer with besides JSON."""
    status: int
    refuses: tuple[int, ...]
    idempotent: bool
    """Whether it takes an `Idempotency-Key`."""
    told_once: str
    """The field of the answer that is not kept for it."""
    kept_headers: tuple[str, ...] = ()
    """Headers of the answer that are kept for it."""
    takes: str = ""
    """The media type of a body that the handler reads by itself."""
    needs_body: bool = True
    """Whether such a body has to come."""
    headers: Mapping[str, str] = {}
    """What every answer of it carries, refusals too."""


class Routes:
    """The operations of one resource. `headers` are on every answer of theirs."""

    def __init__(self, tag: str, *, headers: Mapping[str, str] | None = None) -> None:
        self.tag = tag
        self._headers = headers or {}
        self.operations: list[Operation] = []

    def get(
        self, path: str, needed: Needed | None = None, *, refuses: tuple[int, ...] = ()
    ) -> Callable[[H], H]:
        """Declare a read; its transaction is read-only."""
        return self._declare("GET", path, needed, 200, refuses, idempotent=False)

    def post(
        self,
        path: str,
        needed: Needed | None = None,
        *,
        status: int = 200,
        refuses: tuple[int, ...] = (),
        idempotent: bool = False,
        told_once: str = "",
        kept_headers: tuple[str, ...] = (),
        takes: str = "",
        needs_body: bool = True,
    ) -> Callable[[H], H]:
        """Declare an action, or a creation (`status=201`).

        `told_once` is a field of the answer that is a secret: null where the answer is given again, with the
        `kept_headers`. `takes` is the media type of a body that the handler reads by itself, however long
        that lasts.
        """
        return self._declare(
            "POST",
            path,
            needed,
            status,
            refuses,
            idempotent=idempotent,
            told_once=told_once,
            kept_headers=kept_headers,
            takes=takes,
            needs_body=needs_body,
        )

    def put(
        self, path: str, needed: Needed | None = None, *, refuses: tuple[int, ...] = ()
    ) -> Callable[[H], H]:
        """Declare that something becomes what is sent, however often."""
        return self._declare("PUT", path, needed, 200, refuses, idempotent=False)

    def patch(
        self, path: str, needed: Needed | None = None, *, refuses: tuple[int, ...] = (), takes: str = ""
    ) -> Callable[[H], H]:
        """Declare a change of some fields, or with `takes` of contents."""
        return self._declare("PATCH", path, needed, 200, refuses, idempotent=False, takes=takes)

    def options(self, path: str) -> Callable[[H], H]:
        """Declare an answer that tells what a path can do."""
        return self._declare("OPTIONS", path, None, 204, (), idempotent=False)

    def delete(
        self, path: str, needed: Needed | None = None, *, status: int = 204, refuses: tuple[int, ...] = ()
    ) -> Callable[[H], H]:
        """Declare a removal; where it answers with something, `status` is 200."""
        return self._declare("DELETE", path, needed, status, refuses, idempotent=False)

    def _declare(
        self,
        method: Method,
        path: str,
        needed: Needed | None,
        status: int,
        refuses: tuple[int, ...],
        *,
        idempotent: bool,
        told_once: str = "",
        kept_headers: tuple[str, ...] = (),
        takes: str = "",
        needs_body: bool = True,
    ) -> Callable[[H], H]:
        def register(handler: H) -> H:
            operation = _inspect(
                self.tag, method, path, needed, status, refuses, idempotent, told_once, handler
            )
            if takes:
                refused = tuple(sorted({*operation.refuses, 408, 413}))
                operation = msgspec.structs.replace(
                    operation, takes=takes, needs_body=needs_body, refuses=refused
                )
            operation = msgspec.structs.replace(operation, headers=self._headers, kept_headers=kept_headers)
            self.operations.append(operation)
            return handler

        return register


def _inspect(
    tag: str,
    method: Method,
    path: str,
    needed: Needed | None,
    status: int,
    refuses: tuple[int, ...],
    idempotent: bool,
    told_once: str,
    handler: Handler,
) -> Operation:
    """Read an operation off its handler's signature."""
    hints = get_type_hints(handler, include_extras=True)
    answer_type, media_types = _split_answer(hints.pop("return"))
    call_type = hints.pop("call")
    body_type = hints.pop("body", None)
    query_type = hints.pop("query", None)
    header_type = hints.pop("headers", None)
    needs_transaction = hints.pop("uow", None) is not None
    path_names = re.findall(r"{(\w+)}", path)
    assert set(hints) == set(path_names), f"{handler.__name__} takes {set(hints)}, its path has {path_names}"
    assert issubclass(call_type, ReaderCall) == (needed is not None), (
        f"{handler.__name__}: say behind the path what it needs"
    )
    implied = _implied_refusals(needed, bool(path_names), query_type, body_type, idempotent)
    if header_type:
        implied.add(400)
    if path.startswith("/v1/"):
        implied |= {429, 503}  # any request may be one too many, or come while the server stops
    if idempotent and not needs_transaction:
        implied.add(409)  # the first request with the key may still be under way
    summary, _, description = (inspect.getdoc(handler) or "").partition("\n\n")
    return Operation(
        method=method,
        path=path,
        tag=tag,
        handler=handler,
        name=handler.__name__,
        summary=summary.replace("\n", " ").rstrip("."),
        description=description,
        needed=needed,
        takes_visitors=call_type is ReaderCall,
        needs_transaction=needs_transaction,
        path_types=hints,
        query_type=query_type,
        header_type=header_type,
        body_type=body_type,
        answer_type=answer_type,
        media_types=media_types,
        status=204 if answer_type is type(None) and not media_types else status,
        refuses=tuple(sorted(implied | set(refuses))),
        idempotent=idempotent,
        told_once=told_once,
    )


def _split_answer(hint: Any) -> tuple[Any, tuple[str, ...]]:
    """Tell the Struct that is answered (or None) from the responses that are no JSON."""
    choices = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    responses = [choice for choice in choices if isinstance(choice, type) and issubclass(choice, Response)]
    structs = [choice for choice in choices if choice not in responses]
    assert len(structs) <= 1 or not responses, "one Struct beside the responses that are no JSON"
    media_types = tuple(str(response.media_type) for response in responses)
    return (hint if not responses else structs[0] if structs else type(None)), media_types


def _implied_refusals(
    needed: Needed | None, has_path: bool, query_type: object, body_type: object, idempotent: bool
) -> set[int]:
    """Return the statuses that follow from what an operation takes."""
    implied: set[int] = {401} if needed is not None else set()
    if needed is not None:
        implied |= {403}  # where the credential is not good for it, or another site sends a browser's
    if body_type:
        implied |= {400, 408, 413, 415, 422}
    if has_path:
        implied |= {400, 404}
    if query_type:
        implied |= {400}
    if idempotent:
        implied |= {400, 422}
    return implied
