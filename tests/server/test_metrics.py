"""What Prometheus reads: every documented metric and no other, for those who have the token."""

import re
from pathlib import Path

import msgspec
import pycrdt
import pytest

from crdt.ports import DocumentName, Principal, PrincipalId
from server.app import create_app
from server.bootstrap import Services
from server.settings import Settings
from tests.server.api import Api, open_api

TOKEN = "a token for the scrape"
DOCUMENT = Path(__file__).parents[2] / "docs" / "operations.md"
_ROW = re.compile(r"^\| `(ionflux_\w+)` \| (gauge|counter|histogram) \|", re.MULTILINE)
_TYPE = re.compile(r"^# TYPE (\w+) (\w+)$", re.MULTILINE)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, metrics_token=TOKEN)


async def scrape(api: Api) -> str:
    answer = await api.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return answer.text


async def test_the_documented_metrics_are_those_of_a_scrape(api: Api) -> None:
    documented = dict(_ROW.findall(DOCUMENT.read_text("utf-8")))
    assert dict(_TYPE.findall(await scrape(api))) == documented


async def test_requests_are_counted_by_their_routes_and_not_by_what_clients_make_up(
    ann: Api, workspace: str
) -> None:
    await ann.get(workspace)
    await ann.client.get("/v1/nothing/here")
    await ann.client.request("PROPFIND", "/v1/workspaces")
    text = await scrape(ann)
    counted = 'ionflux_http_request_seconds_count{method="%s",route="%s",status="%d"} 1.0'
    assert counted % ("GET", "/v1/workspaces/{workspace_id}", 200) in text
    assert counted % ("GET", "none", 404) in text
    assert counted % ("other", "/v1/workspaces", 405) in text
    assert workspace not in text
    assert "PROPFIND" not in text


async def test_edits_are_counted_in_rooms_and_in_the_log(
    ann: Api, workspace: str, services: Services
) -> None:
    page = await ann.made(f"{workspace}/pages", {"title": "Plan"})
    somebody = Principal(PrincipalId("system:test"), "Test", kind="system")
    async with services.hub.join(DocumentName(page["document"]), somebody) as replica:
        replica.doc.get("text", type=pycrdt.Text).insert(0, "hello")
        await replica.saved()
        lines = (await scrape(ann)).splitlines()
    for line in (
        "ionflux_rooms 1.0",
        "ionflux_replicas 1.0",
        "ionflux_room_edits_total 1.0",
        "ionflux_log_rows_total 1.0",
        "ionflux_log_failing 0.0",
        'ionflux_log_commit_rows_bucket{le="1"} 1.0',
        'ionflux_log_commit_seconds_bucket{le="+Inf"} 1.0',
    ):
        assert line in lines
    assert page["id"] not in "".join(lines)


@pytest.mark.parametrize("credential", ["", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x"])
async def test_the_metrics_are_for_the_token_alone(api: Api, credential: str) -> None:
    answer = await api.client.get("/metrics", headers={"Authorization": credential})
    assert answer.status_code == 401
    assert "ionflux_" not in answer.text


async def test_without_a_token_there_are_no_metrics(services: Services, settings: Settings) -> None:
    without = msgspec.structs.replace(services, settings=msgspec.structs.replace(settings, metrics_token=""))
    async with open_api(create_app(without)) as api:
        answer = await api.client.get("/metrics", headers={"Authorization": "Bearer "})
        assert answer.status_code == 404
