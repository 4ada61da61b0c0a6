"""Whether the process lives, and whether it can do its work."""

from typing import Literal

import msgspec

from server.routing import Call, Routes
from storage.migrations import require_current

routes = Routes("Health")


class Health(msgspec.Struct, frozen=True):
    """All is well."""

    status: Literal["ok"] = "ok"


@routes.get("/healthz")
async def get_health(call: Call) -> Health:
    """Tell that the process answers."""
    return Health()


@routes.get("/readyz", refuses=(503,))
async def get_readiness(call: Call) -> Health:
    """Tell that the database can be reached and has this program's tables."""
    await require_current(call.services.database)
    return Health()
