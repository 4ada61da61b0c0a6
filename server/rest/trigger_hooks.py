"""The addresses at which other programs start agents: signed, once for each message, bounded."""

import re
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from agents.errors import TooManyFiresError
from agents.firing import Occasion, fire
from integrations.signatures import is_genuine
from server.errors import ConflictError, MalformedError, RateLimitedError, UnauthenticatedError
from server.request_body import read_bytes
from server.rest.fields import check_json
from server.routing import Call, Routes
from server.trigger_secrets import TriggerSecrets
from storage.models import AgentTrigger, TriggerFire
from storage.unit_of_work import UnitOfWork

routes = Routes("Triggers")

MOST_BYTES = 256 * 1024
TOLERANCE_SECONDS = 300
"""How far a message's time may be off: longer ago, it could be somebody's copy."""

REST_SECONDS = 600
"""After which a caller may try again whose trigger rests."""

_ID = re.compile(r"[!-~]{1,200}")


class HookHeaders(msgspec.Struct, frozen=True):
    """How a message is signed: as Standard Webhooks 1.0 says."""

    id: Annotated[str, Meta(max_length=200)] = msgspec.field(default="", name="webhook-id")
    timestamp: Annotated[str, Meta(max_length=20)] = msgspec.field(default="", name="webhook-timestamp")
    signature: Annotated[str, Meta(max_length=2000)] = msgspec.field(default="", name="webhook-signature")


class HookAnswer(msgspec.Struct, frozen=True):
    """What came of a message."""

    run_id: UUID


@routes.post(
    "/v1/hooks/{trigger_id}",
    status=202,
    refuses=(400, 401, 408, 409, 413, 422, 429),
    takes="application/json",
)
async def call_hook(call: Call, trigger_id: UUID, headers: HookHeaders) -> HookAnswer:
    """Start an agent, or a playbook, from another program.

    Signed as our own webhooks are: HMAC-SHA256 over `{webhook-id}.{webhook-timestamp}.{body}`. A message that
    comes again, under the same `webhook-id`, is answered with the same run. Answers before the run begins.
    """
    body = await read_bytes(call.request, MOST_BYTES)
    secrets = TriggerSecrets(call.services.vault)
    database = call.services.database
    async with database.read() as uow:
        trigger = await uow.agent_triggers.get(trigger_id)
        good = secrets.good(trigger, uow.now) if trigger is not None else []
        moment = uow.now.timestamp()
    if trigger is None or not _is_good(headers, good, body, moment):
        raise UnauthenticatedError(
            "The message is not signed as it has to be, or too old.", code="invalid_signature"
        )
    value = _decode(body)
    async with database.transaction() as uow:
        await uow.workspaces.keep(trigger.workspace_id)
        held = await uow.triggers.take(trigger_id)
        entry = await _fire(uow, held, headers.id, value) if held is not None else None
    return _answer(held, entry)


async def _fire(uow: UnitOfWork, trigger: AgentTrigger, message_id: str, value: object) -> TriggerFire | None:
    if trigger.state != "active":
        return await uow.triggers.fire_of(trigger.id, f"webhook:{message_id}")
    scope = {"body": value, "id": message_id}
    return await fire(uow, trigger, Occasion(cause=f"webhook:{message_id}", scope=scope))


def _answer(trigger: AgentTrigger | None, entry: TriggerFire | None) -> HookAnswer:
    if trigger is None:
        raise UnauthenticatedError("The trigger is no more.", code="invalid_signature")
    if entry is None:
        raise ConflictError(
            f"The trigger is paused: {trigger.paused_message or trigger.paused_reason}.",
            code="trigger_paused",
        )
    if entry.run_id is not None:
        return HookAnswer(entry.run_id)
    if entry.code == TooManyFiresError.code:
        raise RateLimitedError(entry.message or "", headers={"Retry-After": str(REST_SECONDS)})
    raise ConflictError(entry.message or "There is no run.", code=entry.code)


def _is_good(headers: HookHeaders, secrets: list[str], body: bytes, now: float) -> bool:
    sent = headers.timestamp
    if not _ID.fullmatch(headers.id) or not (sent.isascii() and sent.isdigit() and len(sent) <= 12):
        return False
    is_recent = abs(now - int(sent)) <= TOLERANCE_SECONDS
    return is_recent and is_genuine(secrets, headers.id, sent, body, headers.signature)


def _decode(body: bytes) -> object:
    """Return what was sent. Raises MalformedError, InvalidError."""
    try:
        value: object = msgspec.json.decode(body) if body else {}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(f"The body is not JSON: {error}.", code="malformed_json") from error
    check_json(value, "body")
    return value
