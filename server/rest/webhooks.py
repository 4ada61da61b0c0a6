"""Outgoing webhooks: who wants which events where, and what became of them."""

from datetime import timedelta
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from integrations.errors import AddressRefusedError
from server.background.webhooks import entry
from server.errors import ConflictError, FieldError, InvalidError
from server.rest.fields import Listing, Prose, Slice, Time, Url, list_slice, read_cursor
from server.rest.gate import find_owned, find_workspace
from server.routing import Routes, UserCall
from storage.models import Outcome, Webhook, WebhookDelivery, WebhookState
from storage.unit_of_work import UnitOfWork

routes = Routes("Webhooks")

MOST = 50
"""Webhooks of one workspace."""

OLD_SECRET_HOURS = 24

EventTypes = Annotated[
    list[Annotated[str, Meta(max_length=100, pattern=r"^[a-z_.]+(\.\*)?$")]],
    Meta(max_length=50, description="Types of events; `page.*` for all that begin so; empty for every type."),
]


class WebhookAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secret."""

    id: UUID
    workspace_id: UUID
    url: str
    description: str | None
    event_types: list[str]
    state: WebhookState
    paused_reason: Annotated[
        str | None,
        Meta(description="`by_hand`, `failing` (for 24 hours), `gone` (410), or `owner_lost_right`."),
    ]
    position: Annotated[int, Meta(description="Events up to this position are delivered.")]
    failing_since: Time | None
    next_attempt_at: Time | None
    created_by_user_id: Annotated[UUID, Meta(description="Whose rights decide what it gets.")]
    created_at: Time
    updated_at: Time


class WebhookMade(WebhookAnswer, frozen=True, kw_only=True):
    """A webhook with a new secret."""

    secret: Annotated[
        str | None,
        Meta(description="What signs the messages: told once, and null where an answer is given again."),
    ]


class NewWebhook(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook to make. It gets what happens from then on."""

    url: Url
    event_types: EventTypes = []
    description: Prose | None = None


class WebhookChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; what is left out stays. At a new address the next attempt is made at once."""

    url: Url | UnsetType = UNSET
    event_types: EventTypes | UnsetType = UNSET
    description: Prose | UnsetType | None = UNSET


class Resumption(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a paused webhook goes on."""

    skip_missed: Annotated[
        bool, Meta(description="Whether to leave out what happened in between, instead of delivering it.")
    ] = False


class DeliveryAnswer(msgspec.Struct, frozen=True):
    """One attempt to deliver one event."""

    id: UUID
    event_id: Annotated[UUID, Meta(description="The `webhook-id` that the receiver got.")]
    event_type: str
    position: int | None
    attempt: int
    outcome: Outcome
    status: Annotated[int | None, Meta(description="What the receiver answered; null for nothing.")]
    error: str | None
    response: Annotated[str | None, Meta(description="The beginning of the answer's body.")]
    duration_ms: int
    created_at: Time


@routes.get("/v1/workspaces/{workspace_id}/webhooks", "webhooks.manage")
async def list_webhooks(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, query: Slice
) -> Listing[WebhookAnswer]:
    """List the webhooks of a workspace, oldest first."""
    await find_workspace(call, uow, workspace_id, "webhooks.manage")
    rows = await uow.webhooks.list_in(workspace_id, {}, after=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_webhook, lambda webhook: webhook.id)


@routes.post(
    "/v1/workspaces/{workspace_id}/webhooks",
    "webhooks.manage",
    status=201,
    refuses=(409,),
    idempotent=True,
    told_once="secret",
)
async def create_webhook(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, body: NewWebhook
) -> WebhookMade:
    """Have events sent somewhere, in order and signed.

    It gets the events that its maker may see, as long as they may manage webhooks.
    """
    await find_workspace(call, uow, workspace_id, "webhooks.manage", lock=True)
    _check_url(call, body.url)
    if await uow.deliveries.count_in(workspace_id) >= MOST:
        raise ConflictError(f"A workspace has {MOST} webhooks at most.", code="too_many_webhooks")
    webhook_id = uow.new_id()
    secret, sealed = call.services.courier.make_secret(webhook_id)
    webhook = Webhook(
        id=webhook_id,
        workspace_id=workspace_id,
        url=body.url,
        description=body.description,
        event_types=body.event_types,
        secret=sealed,
        created_by_user_id=call.user_id,
        created_at=uow.now,
        updated_at=uow.now,
    )
    webhook.position = await uow.events.append(
        workspace_id, "webhook.created", call.actor, f"webhook:{webhook_id}", {"url": body.url}
    )
    await uow.webhooks.add(webhook)
    return _made(webhook, secret)


@routes.get("/v1/webhooks/{webhook_id}", "webhooks.manage")
async def get_webhook(call: UserCall, uow: UnitOfWork, webhook_id: UUID) -> WebhookAnswer:
    """Return a webhook."""
    return show_webhook(await _find(call, uow, webhook_id))


@routes.patch("/v1/webhooks/{webhook_id}", "webhooks.manage")
async def change_webhook(
    call: UserCall, uow: UnitOfWork, webhook_id: UUID, body: WebhookChange
) -> WebhookAnswer:
    """Change a webhook."""
    webhook = await _find(call, uow, webhook_id)
    values: dict[str, object] = {
        name: value for name, value in msgspec.structs.asdict(body).items() if value is not UNSET
    }
    if body.url is not UNSET and body.url != webhook.url:
        _check_url(call, body.url)
        values |= {"attempts": 0, "failing_since": None, "next_attempt_at": None}
    if await uow.webhooks.change(webhook, values):
        await _tell(call, uow, "webhook.updated", webhook)
    return show_webhook(webhook)


@routes.delete("/v1/webhooks/{webhook_id}", "webhooks.manage")
async def delete_webhook(call: UserCall, uow: UnitOfWork, webhook_id: UUID) -> None:
    """Delete a webhook for good, with the log of its deliveries."""
    webhook = await _find(call, uow, webhook_id)
    await uow.webhooks.remove(webhook)
    await _tell(call, uow, "webhook.deleted", webhook)


@routes.post("/v1/webhooks/{webhook_id}/pause", "webhooks.manage")
async def pause_webhook(call: UserCall, uow: UnitOfWork, webhook_id: UUID) -> WebhookAnswer:
    """Stop delivering. What happens meanwhile can be delivered later."""
    webhook = await _find(call, uow, webhook_id)
    if webhook.state == "active":
        await uow.webhooks.change(webhook, _afresh("paused") | {"paused_reason": "by_hand"})
        await uow.events.append(
            webhook.workspace_id,
            "webhook.paused",
            call.actor,
            f"webhook:{webhook_id}",
            {"reason": "by_hand", "url": webhook.url},
        )
    return show_webhook(webhook)


@routes.post("/v1/webhooks/{webhook_id}/resume", "webhooks.manage")
async def resume_webhook(
    call: UserCall, uow: UnitOfWork, webhook_id: UUID, body: Resumption
) -> WebhookAnswer:
    """Go on with a paused webhook where it stopped, or with what happens from now on."""
    webhook = await _find(call, uow, webhook_id)
    if webhook.state == "paused":
        values = _afresh("active") | {"paused_reason": None}
        if body.skip_missed:
            values["position"] = await uow.events.head(webhook.workspace_id)
        await uow.webhooks.change(webhook, values)
        await _tell(call, uow, "webhook.resumed", webhook)
    return show_webhook(webhook)


@routes.post("/v1/webhooks/{webhook_id}/secret", "webhooks.manage")
async def change_webhook_secret(call: UserCall, uow: UnitOfWork, webhook_id: UUID) -> WebhookMade:
    """Make a new secret. For a day messages are signed with the old one too."""
    webhook = await _find(call, uow, webhook_id)
    courier = call.services.courier
    previous = courier.retire_secret(webhook)
    secret, sealed = courier.make_secret(webhook_id)
    until = uow.now + timedelta(hours=OLD_SECRET_HOURS)
    await uow.webhooks.change(
        webhook, {"secret": sealed, "previous_secret": previous, "previous_secret_until": until}
    )
    await _tell(call, uow, "webhook.updated", webhook)
    return _made(webhook, secret)


@routes.post("/v1/webhooks/{webhook_id}/test", "webhooks.manage")
async def test_webhook(call: UserCall, webhook_id: UUID) -> DeliveryAnswer:
    """Send a `webhook.test` at once, also to a paused webhook, and tell what became of it."""
    database = call.services.database
    async with database.read() as uow:
        webhook = await _find(call, uow, webhook_id)
        message_id = uow.new_id()
    attempt = await call.services.courier.deliver_test(webhook, message_id)
    async with database.transaction() as uow:
        await _find(call, uow, webhook_id)
        delivery = entry(message_id, webhook, None, attempt, uow.now)
        await uow.deliveries.log(delivery)
    return show_delivery(delivery)


@routes.get("/v1/webhooks/{webhook_id}/deliveries", "webhooks.manage")
async def list_deliveries(
    call: UserCall, uow: UnitOfWork, webhook_id: UUID, query: Slice
) -> Listing[DeliveryAnswer]:
    """List the attempts of the last 30 days, the latest first."""
    await _find(call, uow, webhook_id)
    rows = await uow.deliveries.list_log(webhook_id, before=read_cursor(query, UUID), limit=query.limit + 1)
    return list_slice(rows, query, show_delivery, lambda delivery: delivery.id)


def show_webhook(webhook: Webhook) -> WebhookAnswer:
    """Return a webhook as those see it who manage it."""
    return WebhookAnswer(
        id=webhook.id,
        workspace_id=webhook.workspace_id,
        url=webhook.url,
        description=webhook.description,
        event_types=webhook.event_types,
        state=webhook.state,
        paused_reason=webhook.paused_reason,
        position=webhook.position,
        failing_since=webhook.failing_since,
        next_attempt_at=webhook.next_attempt_at,
        created_by_user_id=webhook.created_by_user_id,
        created_at=webhook.created_at,
        updated_at=webhook.updated_at,
    )


def show_delivery(delivery: WebhookDelivery) -> DeliveryAnswer:
    """Return a line of the log."""
    return DeliveryAnswer(
        id=delivery.id,
        event_id=delivery.event_id,
        event_type=delivery.event_type,
        position=delivery.position,
        attempt=delivery.attempt,
        outcome=delivery.outcome,
        status=delivery.status,
        error=delivery.error,
        response=delivery.response,
        duration_ms=delivery.duration_ms,
        created_at=delivery.created_at,
    )


def _made(webhook: Webhook, secret: str) -> WebhookMade:
    return WebhookMade(**msgspec.structs.asdict(show_webhook(webhook)), secret=secret)


def _afresh(state: WebhookState) -> dict[str, object]:
    return {"state": state, "attempts": 0, "failing_since": None, "next_attempt_at": None}


def _check_url(call: UserCall, url: str) -> None:
    """Raise InvalidError for an address that nothing would be sent to."""
    try:
        call.services.transport.check_url(url)
    except AddressRefusedError as error:
        raise InvalidError(
            f"Nothing can be sent there: {error}.",
            code=error.code,
            errors=(FieldError("body.url", f"This is {error}"),),
        ) from error


async def _find(call: UserCall, uow: UnitOfWork, webhook_id: UUID) -> Webhook:
    return await find_owned(call, uow.webhooks, webhook_id, "webhooks.manage", "webhook")


async def _tell(call: UserCall, uow: UnitOfWork, event: str, webhook: Webhook) -> None:
    await uow.events.append(
        webhook.workspace_id, event, call.actor, f"webhook:{webhook.id}", {"url": webhook.url}
    )
