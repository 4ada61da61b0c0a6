"""Access tokens of other services, on their way from a request into a row; who changed one is audited."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from server.routing import UserCall
from storage.unit_of_work import UnitOfWork

_SUFFIX = "_access_token"


def seal_tokens(call: UserCall, table: str, row_id: UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a row with its access tokens sealed."""
    return call.services.vault.seal_into(table, row_id, values, *_tokens(values))


async def tell_connections(
    call: UserCall, uow: UnitOfWork, workspace_id: UUID, subject: str, values: Mapping[str, Any]
) -> None:
    """Append an event for each access token that was given or taken away."""
    for name in _tokens(values):
        payload = {"service": name.removesuffix(_SUFFIX), "is_connected": values[name] is not None}
        await uow.events.append(workspace_id, "connection.changed", call.actor, subject, payload)


def _tokens(values: Mapping[str, Any]) -> list[str]:
    return [name for name in values if name.endswith(_SUFFIX)]
