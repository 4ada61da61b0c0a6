"""The server is killed while it delivers: a receiver gets everything all the same, in order."""

import pytest

from tests.services.ionflux import IonfluxServer
from tests.services.receiver import Receiver

pytestmark = pytest.mark.chaos

own_settings = pytest.mark.parametrize(
    "own_ionflux", [{"IONFLUX_ALLOW_PRIVATE_ADDRESSES": "true"}], indirect=True
)


@own_settings
async def test_a_killed_worker_loses_nothing_and_keeps_the_order(
    own_ionflux: IonfluxServer, receiver: Receiver
):
    ann = await own_ionflux.person("Ann")
    workspace = await ann.workspace()
    webhook = await ann.post(
        f"/v1/workspaces/{workspace}/webhooks", {"url": receiver.url, "event_types": ["page.*"]}
    )
    receiver.may_answer.clear()
    titles = [f"Page {n}" for n in range(12)]
    for title in titles[:6]:
        await ann.page(workspace, title)
    await receiver.has_refused(1)
    await own_ionflux.kill()  # while a delivery is under way
    await own_ionflux.restart()
    receiver.may_answer.set()
    for title in titles[6:]:
        await ann.page(workspace, title)
    found = await receiver.has_taken(12)
    assert [one.json["data"]["title"] for one in found] == titles
    assert all(one.is_signed_with(webhook["secret"]) for one in found)
