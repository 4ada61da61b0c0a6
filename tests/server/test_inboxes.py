"""Inboxes that somebody has open, and no longer."""

from uuid import UUID

import msgspec
import pytest

from crdt.ports import DocumentName, Principal, PrincipalId
from server.background.inboxes import Inboxes
from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Without the job: the tests do its work, one look after another."""
    return msgspec.structs.replace(settings, roles=("api", "worker"))


async def test_an_inbox_that_nobody_has_open_any_more_is_left_alone(services: Services, ann: Api):
    inboxes = Inboxes(services.database, services.hub)
    document = DocumentName(f"inbox:{UUID(ann.user['id'])}")
    who = Principal(id=PrincipalId(f"user:{ann.user['id']}"), name="Ann", kind="user")

    async with services.hub.join(document, who):
        await inboxes.look()
        assert services.hub.peers("inbox:")[document] == 2

    await inboxes.look()
    assert services.hub.peers("inbox:").get(document, 0) == 0
    await inboxes.look()
    assert services.hub.peers("inbox:").get(document, 0) == 0

    async with services.hub.join(document, who):
        await inboxes.look()
        assert services.hub.peers("inbox:")[document] == 2
