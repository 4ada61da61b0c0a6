"""Every list of the API: what it asks the database does not grow with the page, and scans no table.

The lists are those of the route table. One that cannot be filled by what is made at its own path needs a row
in `FILL`.
"""

import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import Engine, event, insert, text

from agents.catalogue import bring_up_to_date, read_catalogue
from server.app import API
from server.bootstrap import Services
from server.routing import Operation
from server.telemetry import request_id
from storage.engine import Database
from storage.models import ChatMessage, LlmCall, PageImportLine
from tests.server.api import PASSWORD, Api
from tests.server.specimens import DEFINITION, NOWHERE, Plot, add_notifications, add_run, add_step
from tests.waiting import until

FEW, MANY = 2, 12

LISTS = [
    operation
    for module in API
    for operation in module.routes.operations
    if operation.query_type and "limit" in operation.query_type.__struct_fields__
]
MAKERS = {
    operation.path: operation
    for module in API
    for operation in module.routes.operations
    if operation.status == 201
}

Asked = tuple[str, Any]
"""A statement and what it was asked with."""


@contextmanager
def asking(wanted_id: str) -> Generator[list[Asked]]:
    """Note what a request asks the database; what runs beside it is not counted."""
    asked: list[Asked] = []

    def note(connection: object, cursor: object, statement: str, parameters: object, *others: object) -> None:
        if request_id.get() == wanted_id:
            asked.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def people(plot: Plot, count: int) -> list[Api]:
    return [await plot.owner.sign_up(f"person{n}") for n in range(count)]


async def _log_in(plot: Plot) -> None:
    body = {"email": plot.owner.user["email"], "password": PASSWORD}
    for _ in range(MANY):
        assert (await plot.owner.post("/v1/auth/login", body)).status_code == 200


async def _rename(plot: Plot) -> None:
    for n in range(MANY):
        await plot.owner.patch(plot.path, {"name": f"Name {n}"})


async def _trash(plot: Plot) -> None:
    for n in range(MANY):
        page = await plot.owner.made(f"{plot.path}/pages", {"title": str(n)})
        await plot.owner.delete(f"/v1/pages/{page['id']}")


async def _add_people(plot: Plot) -> None:
    for person in await people(plot, MANY):
        await plot.add(person, "member")


async def _grant_people(plot: Plot) -> None:
    path = f"/v1/pages/{await plot.specimen('page_id')}/grants"
    for person in await people(plot, MANY):
        await plot.owner.made(path, {"email": person.user["email"], "level": "read"})


async def _share_pages(plot: Plot) -> None:
    elsewhere = (await plot.other.made("/v1/workspaces", {"name": "Elsewhere"}))["id"]
    for n in range(MANY):
        page = await plot.other.made(f"/v1/workspaces/{elsewhere}/pages", {"title": str(n)})
        body = {"email": plot.owner.user["email"], "level": "read"}
        await plot.other.made(f"/v1/pages/{page['id']}/grants", body)


async def _deliver(plot: Plot) -> None:
    path = f"/v1/webhooks/{await plot.specimen('webhook_id')}/test"
    for _ in range(MANY):
        assert (await plot.owner.post(path)).status_code < 300


async def _define(plot: Plot) -> None:
    catalogue = read_catalogue()
    more = [msgspec.structs.replace(catalogue[0], id=f"agent_more_{n}", name=f"More{n}") for n in range(MANY)]
    await bring_up_to_date(plot.database, catalogue + more)


async def _run(plot: Plot) -> None:
    for _ in range(MANY):
        await add_run(plot)


async def _step(plot: Plot) -> None:
    for n in range(MANY):
        await add_step(plot, await plot.specimen("run_id"), str(n))


async def _fire(plot: Plot) -> None:
    path = f"/v1/triggers/{await plot.specimen('trigger_id')}/test"
    for _ in range(MANY):
        await plot.owner.made(path, {})


async def _upload(plot: Plot) -> None:
    for n in range(MANY):
        name = {"name": f"{n}.txt"}
        answer = await plot.owner.request("POST", f"{plot.path}/files", params=name, content=b"x")
        assert answer.status_code == 201, answer.text


async def _tell(plot: Plot) -> None:
    await add_notifications(plot, MANY)


async def _mute(plot: Plot) -> None:
    for n in range(MANY):
        page = await plot.owner.made(f"{plot.path}/pages", {"title": str(n)})
        muted = await plot.owner.put("/v1/notification-mutes", {"document": page["document"]})
        assert muted.status_code == 200


async def _followed(plot: Plot, document: str) -> None:
    """Wait until the rows have all of a document: reading would, and ask meanwhile."""
    is_behind = True
    while is_behind:
        async with plot.database.read() as uow:
            is_behind = await uow.messages.is_behind(document)


async def _say(plot: Plot) -> None:
    path = f"/v1/channels/{await plot.specimen('channel_id')}/messages"
    for n in range(MANY):
        await plot.owner.made(path, {"content": {"text": str(n)}})
    await _followed(plot, f"channel:{await plot.specimen('channel_id')}")


async def _pin(plot: Plot) -> None:
    await _say(plot)
    path = f"/v1/channels/{await plot.specimen('channel_id')}"
    for message in (await plot.owner.get(f"{path}/messages")).json()["items"]:
        await plot.owner.request("PUT", f"/v1/messages/{message['id']}/pin")
    await _followed(plot, f"channel:{await plot.specimen('channel_id')}")


async def _comment(plot: Plot) -> None:
    page_id = await plot.specimen("page_id")
    for n in range(MANY):
        await plot.owner.made(f"/v1/pages/{page_id}/comments", {"text": str(n)})
    await _followed(plot, f"comments:{page_id}")


async def _answer(plot: Plot) -> None:
    path = f"/v1/comment-threads/{await plot.specimen('thread_id')}/comments"
    for n in range(MANY):
        await plot.owner.made(path, {"text": str(n)})
    await _followed(plot, f"comments:{await plot.specimen('page_id')}")


async def _open_channels(plot: Plot) -> None:
    for n in range(MANY):
        await plot.owner.made(f"{plot.path}/channels", {"name": str(n)})


async def _configure(plot: Plot) -> None:
    for n in range(MANY):
        body = {"name": f"Agent {n}", "agent_definition_id": DEFINITION}
        await plot.owner.made(f"{plot.path}/agents", body)


async def _shown(plot: Plot, path: str) -> None:
    """Wait until a list that follows the log is long enough."""

    async def is_long() -> bool:
        return len((await plot.owner.get(path)).json()["items"]) >= MANY

    await until(is_long, seconds=60)


async def _change_agent(plot: Plot) -> None:
    for n in range(MANY):
        await plot.owner.patch(f"/v1/agents/{await plot.specimen('agent_id')}", {"name": f"Agent {n}"})


async def _remember(plot: Plot) -> None:
    for n in range(MANY):
        path = f"/v1/agents/{await plot.specimen('agent_id')}/memories"
        await plot.owner.made(path, {"text": f"Ann has {n} shops."})


async def _set_secrets(plot: Plot) -> None:
    path = f"/v1/agents/{await plot.specimen('agent_id')}/secrets"
    for n in range(MANY):
        await plot.owner.put(f"{path}/secret-{n:02}", {"value": "x", "host": "tools.invalid"})


async def _find_pages(plot: Plot) -> None:
    for n in range(MANY):
        await plot.owner.made(f"{plot.path}/pages", {"title": str(n)})
    await _shown(plot, f"{plot.path}/search")


async def _mark_templates(plot: Plot) -> None:
    for n in range(MANY):
        page = await plot.owner.made(f"{plot.path}/pages", {"title": str(n)})
        await plot.owner.patch(f"/v1/pages/{page['id']}", {"is_template": True})


async def _lead_to_page(plot: Plot) -> None:
    target = await plot.specimen("page_id")
    for n in range(MANY):
        page = await plot.owner.made(f"{plot.path}/pages", {"title": str(n)})
        body = {"markdown": f"[there](page:{target})"}
        assert (await plot.owner.put(f"/v1/pages/{page['id']}/markdown", body)).status_code == 200
    await _shown(plot, f"/v1/pages/{target}/backlinks")


async def _put_below(plot: Plot) -> None:
    above = await plot.specimen("page_id")
    for n in range(MANY):
        await plot.owner.made(f"{plot.path}/pages", {"title": str(n), "parent_page_id": above})


async def _report_files(plot: Plot) -> None:
    import_id = UUID(await plot.specimen("import_id"))
    async with plot.database.transaction() as uow:
        uow.session.add_all(
            PageImportLine(import_id=import_id, number=1000 + n, path=f"{n}.md", outcome="page")
            for n in range(MANY)
        )


async def _offer_models(plot: Plot) -> None:
    models = [{"id": f"model-{n}"} for n in range(MANY)]
    await plot.owner.made(f"{plot.path}/llm-providers", {"name": "P", "base_url": NOWHERE, "models": models})


async def _call_models(plot: Plot) -> None:
    async with plot.database.transaction() as uow:
        for _ in range(MANY):
            call = LlmCall(
                id=uow.new_id(),
                workspace_id=UUID(plot.workspace_id),
                user_id=UUID(plot.owner.user["id"]),
                run_id=None,
                step=None,
                task="chat",
                provider="P",
                model="m",
                input_tokens=1,
                output_tokens=1,
                cost_micros=1,
                is_estimate=False,
                attempts=1,
                outcome="done",
                error=None,
                duration_ms=1,
                created_at=uow.now,
            )
            assert await uow.llm_ledger.settle(call, None)


async def _limit_people(plot: Plot) -> None:
    for person in await people(plot, MANY):
        await plot.add(person, "member")
        body = {"scope": "user", "user_id": person.user["id"], "limit_usd": 1}
        assert (await plot.owner.put(f"{plot.path}/llm-budgets", body)).status_code == 200


FILL: dict[str, Callable[[Plot], Awaitable[None]]] = {
    "list_agent_definitions": _define,
    "list_agent_versions": _change_agent,
    "list_memories": _remember,
    "list_agent_secrets": _set_secrets,
    "list_backlinks": _lead_to_page,
    "list_children": _put_below,
    "get_import_report": _report_files,
    "list_templates": _mark_templates,
    "list_llm_models": _offer_models,
    "list_llm_calls": _call_models,
    "list_llm_budgets": _limit_people,
    "list_mutes": _mute,
    "list_notifications": _tell,
    "search": _find_pages,
    "list_runs": _run,
    "list_steps": _step,
    "list_fires": _fire,
    "list_sessions": _log_in,
    "list_own_audit": _log_in,
    "list_audit": _rename,
    "list_events": _rename,
    "list_trash": _trash,
    "list_files": _upload,
    "list_members": _add_people,
    "list_grants": _grant_people,
    "list_shared_pages": _share_pages,
    "list_deliveries": _deliver,
    "list_messages": _say,
    "list_pins": _pin,
    "list_comment_threads": _comment,
    "list_thread_comments": _answer,
    "list_unread": _open_channels,
    "list_commands": _configure,
}
"""List -> how to give it enough to show, where making things at its path is not the way."""


async def fill(plot: Plot, operation: Operation) -> None:
    if operation.name in FILL:
        await FILL[operation.name](plot)
        return
    assert operation.path in MAKERS, f"{operation.name}: tell FILL how to fill it"
    maker = MAKERS[operation.path]
    path = await plot.path_of(operation)
    for n in range(MANY):
        body = await plot.body_of(maker)
        assert isinstance(body, dict)
        body = cast("dict[str, object]", body)
        named = {name: f"{name} {n}" for name in ("name", "title") if name in body}
        named |= {"email": f"{n}@example.com"} if "email" in body else {}
        await plot.owner.made(path, {**body, **named})


async def read(plot: Plot, operation: Operation, limit: int) -> tuple[int, list[Asked]]:
    """Return how many items there were, and what the database was asked."""
    path = await plot.path_of(operation)
    with asking(f"list-{limit}") as asked:
        answer = await plot.owner.get(f"{path}?limit={limit}", headers={"X-Request-Id": f"list-{limit}"})
    assert answer.status_code == 200, answer.text
    return len(answer.json()["items"]), asked


async def scans(services: Services, asked: Sequence[Asked]) -> list[str]:
    """Return what the database would read from end to end to answer."""
    found: list[str] = []
    for statement, parameters in asked:
        if not re.match(r"\s*(SELECT|WITH)\b", statement, re.IGNORECASE):
            continue
        for line in await plan(services.database, statement, parameters):
            # SQLite says SCAN, of subqueries (`anon_1`) too; Postgres, kept from it where it can, Seq Scan.
            is_scan = re.search(r"\bSCAN (?!\(|CONSTANT|anon_)|Seq Scan on", line)
            # To sort a part is nothing; to sort everything in order to return a part of it is a scan.
            if is_scan or ("TEMP B-TREE FOR ORDER BY" in line and "LIMIT" in statement):
                found.append(f"{line.strip()} in {statement}")
    return found


async def plan(database: Database, statement: str, parameters: Any) -> list[str]:
    async with database.engine.connect() as connection:
        if database.kind == "sqlite":
            rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            return [str(detail) for *_, detail in rows.all()]
        await connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = await connection.exec_driver_sql(f"EXPLAIN {statement}", parameters)
        return [str(row[0]) for row in rows]


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.name)
async def test_a_list_asks_as_little_for_many_as_for_few_and_scans_nothing(
    services: Services, api: Api, operation: Operation
):
    owner, other = await api.sign_up("owner"), await api.sign_up("other")
    plot = Plot(owner, other, (await owner.made("/v1/workspaces", {"name": "Ours"}))["id"], services.database)
    await fill(plot, operation)
    few, asked_for_few = await read(plot, operation, FEW)
    many, asked_for_many = await read(plot, operation, MANY)
    assert (few, many) == (FEW, MANY)
    assert [statement for statement, _ in asked_for_few], "the request was not recognised"
    assert len(asked_for_many) == len(asked_for_few), [statement for statement, _ in asked_for_many]
    assert await scans(services, asked_for_many) == []


async def test_a_scan_would_be_seen(services: Services, ann: Api):
    mark = "$1::text" if services.database.kind == "postgres" else "?"
    statement = f"SELECT id FROM users WHERE name = {mark}"
    assert await scans(services, [(statement, ("Ann",))])


async def test_paging_back_reads_nothing_of_other_channels(services: Services, ann: Api, workspace: str):
    # Most is said in one channel, and after that something in another, of which a reader of the first reads
    # nothing, whatever the database knows of how much is where.
    database = services.database
    old, new = [(await ann.made(f"{workspace}/channels", {"name": name}))["id"] for name in ("old", "new")]
    ids = [database.new_id() for _ in range(3000)]
    said: dict[str, Any] = {
        "sender_id": "user:x",
        "sender_type": "user",
        "content_type": "text",
        "content": {},
    }
    said |= {"created_at": database.clock(), "archived_at": database.clock(), "reactions": [], "digest": b""}
    rows = [
        {
            **said,
            "id": one,
            "channel_id": UUID(old if n < 2500 else new),
            "workspace_id": UUID(workspace.rpartition("/")[2]),
            "thread_id": ids[0] if n % 2 else None,
            "deleted": False,
        }
        for n, one in enumerate(ids)
    ]
    async with database.engine.begin() as connection:
        await connection.execute(insert(ChatMessage), rows)
        await connection.execute(text("ANALYZE"))

    path = f"/v1/channels/{old}/messages"
    for parts in (
        "",
        f"&thread_id={ids[0]}",
        f"&before={ids[1200]}",
        f"&thread_id={ids[0]}&before={ids[1200]}",
    ):
        with asking("paging") as asked:
            answer = await ann.get(f"{path}?limit=50{parts}", headers={"X-Request-Id": "paging"})
        assert len(answer.json()["items"]) == 50
        [(statement, parameters)] = [one for one in asked if "FROM chat_messages" in one[0]]
        assert await passed_over(database, statement, parameters) == []
    with asking("unread") as asked:
        answer = await ann.get(f"{workspace}/unread", headers={"X-Request-Id": "unread"})
    assert {item["unread"] for item in answer.json()["items"] if item["channel_id"] in (old, new)} == {100}
    [(statement, parameters)] = [one for one in asked if "FROM chat_messages" in one[0]]
    assert await passed_over(database, statement, parameters) == []


async def passed_over(database: Database, statement: str, parameters: Any) -> list[str]:
    """Return where the database reads rows to leave them out, or would read a channel in another order."""
    async with database.engine.connect() as connection:
        if database.kind == "sqlite":
            plan = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            lines = [str(detail) for *_, detail in plan.all()]
            return [line for line in lines if "chat_messages" in line and "(channel_id=?" not in line]
        plan = await connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters)
        return [row[0] for row in plan.all() if "Rows Removed by Filter" in row[0]]
