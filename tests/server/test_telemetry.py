"""What log lines say, and what they never say."""

import json
import logging
from typing import Any

import pytest

from server.telemetry import JsonFormatter, RedactingFormatter, redact, request_id
from storage.engine import Database
from storage.errors import ConstraintError
from tests.server.api import Api
from tests.services.ionflux import IonfluxServer


def record_of(message: str, *arguments: object, **more: Any) -> logging.LogRecord:
    return logging.LogRecord("ionflux.x", logging.WARNING, "x.py", 1, message, arguments, None, **more)


def test_a_json_line_has_the_request_and_no_line_break():
    token = request_id.set("r1")
    line = JsonFormatter().format(record_of("two\nlines for %s", "ann@example.org"))
    request_id.reset(token)
    assert "\n" not in line
    values = json.loads(line)
    assert values.pop("time").endswith("+00:00")
    assert values == {
        "level": "warning",
        "logger": "ionflux.x",
        "request_id": "r1",
        "message": "two\nlines for ***",
    }


def test_a_traceback_is_a_value_of_its_own_and_redacted():
    try:
        raise ValueError("no password=hunter2 for bob@example.org")
    except ValueError as error:
        record = record_of("failed")
        record.exc_info = (ValueError, error, error.__traceback__)
    values = json.loads(JsonFormatter().format(record))
    assert "ValueError: no password=*** for ***" in values["exception"]
    assert "hunter2" not in RedactingFormatter().format(record)


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("mail to ann.b+c@mail.example.org now", "mail to *** now"),
        ("postgresql://ionflux:geheim@db.example.com/x", "postgresql://ionflux:***@db.example.com/x"),
        ("an ift_0123_abc and ifs_0123_abc", "an *** and ***"),
        ("document 'page:1' at 12:30", "document 'page:1' at 12:30"),
    ],
)
def test_people_and_secrets_are_struck_out(text: str, left: str):
    assert redact(text) == left


async def test_a_failed_query_does_not_tell_its_values(database: Database):
    async def add() -> None:
        async with database.transaction() as uow:
            await uow.users.create("ann@example.org", "Ann Secretname", "hash-of-hers")

    await add()
    with pytest.raises(ConstraintError) as caught:
        await add()
    cause = str(caught.value.__cause__)
    assert "INSERT INTO users" in cause
    assert "Secretname" not in cause
    assert "hash-of-hers" not in cause


@pytest.mark.parametrize("own_ionflux", [{"IONFLUX_LOG_FORMAT": "json"}], indirect=True)
async def test_every_line_of_a_server_is_json_with_the_requests_figures(own_ionflux: IonfluxServer):
    person = await own_ionflux.person("Ann")
    await person.workspace()
    await own_ionflux.terminate()
    lines = [line for line in own_ionflux.log_text().splitlines() if line.startswith("{")]
    requests = [json.loads(line) for line in lines if '"elapsed_ms"' in line]
    made = next(line for line in requests if line["path"] == "/v1/workspaces")
    assert (made["method"], made["status"], made["logger"]) == ("POST", 201, "ionflux.request")
    assert made["elapsed_ms"] > 0
    assert len(made["request_id"]) == 32
    assert person.email not in own_ionflux.log_text()


async def test_registering_leaves_no_address_in_the_log(api: Api, caplog: pytest.LogCaptureFixture):
    caplog.handler.setFormatter(RedactingFormatter())
    with caplog.at_level(logging.DEBUG, "ionflux"):
        await api.sign_up("carla")
    assert "carla" not in caplog.text
