"""What holds for every request: errors, ids, bodies, cursors, headers."""

import logging
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from server.app import create_app
from server.bootstrap import Services
from storage.errors import StoreUnavailableError
from storage.models import User
from tests.server.api import Api, open_api

JSON = {"content-type": "application/json"}


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    """One database is enough: nothing here depends on it."""
    return sqlite_url


# The fixtures hold nothing that one example could leave to the next one's harm.
on_fixtures = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"name": "\xff"}', 400, "malformed_json"),
        (b'{"name": "\\ud800"}', 400, "malformed_json"),
        (b"[" * 5000, 400, "malformed_json"),
        (b"[]", 422, "validation_failed"),
        (b"null", 422, "validation_failed"),
        (b'{"name": 5}', 422, "validation_failed"),
        (b'{"name": " \\t"}', 422, "validation_failed"),
        (b'{"name": "a\\u0000b"}', 422, "validation_failed"),
        (b'{"name": "x", "extra": 1}', 422, "validation_failed"),
        (b'{"name": "' + b"x" * 201 + b'"}', 422, "validation_failed"),
        (b'{"name": "' + b"x" * 20000 + b'"}', 413, "body_too_large"),
    ],
)
async def test_a_bad_body_is_told_in_one_form(ann: Api, content: bytes, status: int, code: str):
    answer = await ann.request("POST", "/v1/workspaces", content=content, headers=JSON)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "body.name"),
        ({"name": 1}, "body.name"),
        ({"name": "x", "type": "loud"}, "body.type"),
        ({"name": "x", "colour": 1}, "body.colour"),
        ({"name": "x", "type": "dm", "member_user_ids": ["5"]}, "body.member_user_ids[0]"),
    ],
)
async def test_a_fault_has_its_path(ann: Api, workspace: str, body: dict[str, Any], path: str):
    answer = await ann.post(f"{workspace}/channels", body)
    assert [fault["path"] for fault in answer.json()["errors"]] == [path]


async def test_a_body_without_length_is_limited_too(ann: Api):
    async def endless():
        for _ in range(100):
            yield b" " * 1000

    answer = await ann.request("POST", "/v1/workspaces", content=endless(), headers=JSON)
    assert (answer.status_code, answer.headers["connection"]) == (413, "close")


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_a_body_must_be_called_json(ann: Api, media_type: str):
    answer = await ann.request(
        "POST", "/v1/workspaces", content=b'{"name": "x"}', headers={"content-type": media_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")


@pytest.mark.parametrize("page_id", ["1", "x", "%00", "%FF", "{}", "018f0000-0000-7000-8000-00000000000g"])
async def test_an_id_that_is_no_uuid_is_told_so(ann: Api, page_id: str):
    answer = await ann.get(f"/v1/pages/{page_id}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_id")


async def test_an_unknown_path_and_a_wrong_method(ann: Api):
    assert (await ann.get("/v1/nothing")).json()["code"] == "unknown_path"
    assert (await ann.get("/v1/workspaces/")).status_code == 404
    answer = await ann.delete("/v1/workspaces")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    assert (await ann.client.head("/healthz")).status_code == 200


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "invalid_parameter"),
        ("limit=x", "invalid_parameter"),
        ("limit=1&limit=2", "invalid_parameter"),
        ("colour=1", "invalid_parameter"),
        ("cursor=", "invalid_cursor"),
        ("cursor=!", "invalid_cursor"),
        ("cursor=%FF", "invalid_cursor"),
        ("cursor=WzFd", "invalid_cursor"),
        ("cursor=ImFiYyI=", "invalid_cursor"),
    ],
)
async def test_a_bad_query_is_told(ann: Api, workspace: str, query: str, code: str):
    answer = await ann.get(f"{workspace}/trash?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, code)


async def test_lists_are_read_in_parts(ann: Api):
    for n in range(5):
        await ann.made("/v1/workspaces", {"name": str(n)})
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        part = (await ann.get("/v1/workspaces?limit=2" + (f"&cursor={cursor}" if cursor else ""))).json()
        found += [item["name"] for item in part["items"]]
        cursor = part["next_cursor"]
    assert found == ["0", "1", "2", "3", "4"]


async def test_the_request_id_comes_back(api: Api):
    assert (await api.get("/healthz", headers={"X-Request-Id": "abc-1"})).headers["x-request-id"] == "abc-1"
    answer = await api.get("/v1/me", headers={"X-Request-Id": "abc-1"})
    assert answer.json()["request_id"] == "abc-1"


@pytest.mark.parametrize("given_id", ["", "a b", "x" * 129, 'a"b'])
async def test_a_request_id_that_is_not_sane_is_replaced(api: Api, given_id: str):
    answer = await api.get("/healthz", headers={"X-Request-Id": given_id})
    assert answer.headers["x-request-id"] != given_id
    assert len(answer.headers["x-request-id"]) == 32


async def test_answers_tell_browsers_to_be_careful(api: Api):
    headers = (await api.get("/v1/me")).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]


async def test_only_the_given_origins_may_call(api: Api):
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    allowed = await api.client.options("/v1/workspaces", headers={"Origin": "https://app.example", **ask})
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    refused = await api.client.options("/v1/workspaces", headers={"Origin": "https://evil.example", **ask})
    assert "access-control-allow-origin" not in refused.headers
    error = await api.get("/v1/me", headers={"Origin": "https://app.example"})
    assert error.headers["access-control-allow-origin"] == "https://app.example"


async def test_A1_the_request_log_has_no_query_string(api: Api, caplog: pytest.LogCaptureFixture):
    with caplog.at_level(logging.INFO, "ionflux.request"):
        await api.get("/v1/me?token=hunter2")
    assert "hunter2" not in caplog.text
    assert "GET '/v1/me' 401" in caplog.text


async def test_a_fault_is_logged_once_and_told_with_its_id(
    ann: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(user: User) -> None:
        raise ZeroDivisionError(user.email)

    monkeypatch.setattr("server.rest.auth.show_user", fail)
    response = await ann.client.get(
        "/v1/me", headers={"Authorization": f"Bearer {ann.token}", "X-Request-Id": "r1"}
    )
    assert response.status_code == 500
    assert response.headers["content-type"] == "application/problem+json"
    assert (response.json()["code"], response.json()["request_id"]) == ("internal_error", "r1")
    assert "ZeroDivision" not in response.text
    assert [bool(record.exc_info) for record in caplog.records if record.levelno >= logging.ERROR] == [True]


async def test_a_database_that_is_away_is_worth_another_try(
    ann: Api, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def fail(user: User) -> None:
        raise StoreUnavailableError("away")

    monkeypatch.setattr("server.rest.auth.show_user", fail)
    response = await ann.client.get("/v1/me", headers={"Authorization": f"Bearer {ann.token}"})
    assert (response.status_code, response.json()["code"]) == (503, "store_unavailable")
    assert response.headers["retry-after"]


async def test_the_documentation_needs_no_internet(api: Api):
    page = (await api.client.get("/docs")).text
    assert "://" not in page
    for name in ("swagger.js", "swagger.css", "start.js"):
        assert f"/docs/{name}" in page
        assert (await api.client.get(f"/docs/{name}")).status_code == 200
    assert (await api.get("/docs/other.js")).status_code == 404


async def test_roles_decide_what_is_served(services: Services):
    import msgspec

    only_sockets = msgspec.structs.replace(services.settings, roles=("realtime",))
    async with open_api(create_app(msgspec.structs.replace(services, settings=only_sockets))) as api:
        assert (await api.client.get("/healthz")).status_code == 200
        assert (await api.client.get("/readyz")).status_code == 200
        assert (await api.client.get("/v1/me")).status_code == 404


anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
field_names = st.sampled_from(
    ["title", "name", "email", "role", "type", "parent_page_id", "after", "icon_url", "member_user_ids", "x"]
)
bodies = st.dictionaries(field_names, anything, max_size=4)


@on_fixtures
@given(body=anything | bodies)
async def test_no_body_does_harm(ann: Api, workspace: str, body: object):
    for method, path in (
        ("POST", f"{workspace}/pages"),
        ("POST", f"{workspace}/channels"),
        ("POST", f"{workspace}/members"),
        ("PATCH", workspace),
        ("PATCH", "/v1/me"),
        ("POST", "/v1/auth/refresh"),
    ):
        answer = await ann.request(method, path, json=body)
        assert answer.status_code < 500


@on_fixtures
@given(content=st.binary(max_size=200))
async def test_no_bytes_do_harm(ann: Api, content: bytes):
    answer = await ann.request("POST", "/v1/workspaces", content=content, headers=JSON)
    assert answer.status_code in (201, 400, 422)


@on_fixtures
@given(query=st.text(max_size=40), header=st.binary(max_size=40))
async def test_no_query_and_no_credential_do_harm(ann: Api, query: str, header: bytes):
    answer = await ann.get("/v1/workspaces", params={"cursor": query})
    assert answer.status_code in (200, 400)
    assert (await ann.get("/v1/me", headers={"Authorization": b"Bearer " + header})).status_code == 401
