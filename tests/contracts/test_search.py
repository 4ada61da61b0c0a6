"""What a search owes, on SQLite and on Postgres: what is found, in which order, and by whom."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import delete
from sqlalchemy import text as sql

from storage.access import Standing
from storage.actions import actions_of
from storage.callers import Caller
from storage.engine import Database
from storage.models import Role, SearchEntry, Workspace
from storage.search.index import Entry, Place
from storage.search.queries import Kind, QueryError, parse
from storage.search.snippets import snippet
from tests.services.databases import add_workspace

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BRAND = UUID("0198c5b7-5c2f-7000-8000-00000000000a")


class Shelf:
    """A workspace whose brands are what is looked for: all its members see all of them."""

    def __init__(self, database: Database, workspace_id: UUID, user_id: UUID) -> None:
        self.database = database
        self.workspace_id = workspace_id
        self.user_id = user_id
        self.count = 0

    async def put(
        self, *texts: str | tuple[str, str], kind: Kind = "brand", owner: UUID = BRAND
    ) -> list[str]:
        """Add things, each a minute younger than the last: a body, or a title and a body."""
        entries: list[Entry] = []
        for text in texts:
            self.count += 1
            title, body = text if isinstance(text, tuple) else ("", text)
            written_at = NOW + timedelta(minutes=self.count)
            entries.append(Entry(f"{self.count:03}", f"user:{self.user_id}", written_at, title, body))
        async with self.database.transaction() as uow:
            await uow.search.put(self.workspace_id, kind, owner, entries)
        return [entry.subject_id for entry in entries]

    async def find(
        self, words: str, *, limit: int = 50, after: Place | None = None, role: Role = "member"
    ) -> list[str]:
        return [entry.subject_id for _, entry in await self.hits(words, limit=limit, after=after, role=role)]

    async def hits(
        self, words: str, *, limit: int = 50, after: Place | None = None, role: Role = "member"
    ) -> list[tuple[Place, SearchEntry]]:
        caller = Caller.of_user(self.user_id)
        standing = Standing(caller, role, actions_of(role))
        query = parse(words, me=caller.id)
        async with self.database.read() as uow:
            return await uow.search.find(standing, self.workspace_id, query, after=after, limit=limit)


@pytest.fixture
async def shelf(database: Database) -> Shelf:
    return Shelf(database, *(await add_workspace(database)))


FOUND: list[tuple[str, str, bool]] = [
    ("Orçamento de publicidade", "orcamento", True),
    ("orcamento", "ORÇAMENTO", True),
    ("São Paulo não dorme", "nao sao", True),
    ("The launch plan", "plan launch", True),
    ("The launch plan", '"plan launch"', False),
    ("The launch plan", '"launch plan"', True),
    ("The launch, plan!", '"Launch Plan"', True),
    ("The launch plan", "laun", False),
    ("The launch plan", "laun*", True),
    ("The launch plan", "launch*", True),
    ("The launch plan", "launch missing", False),
    ("mail ann@example.org now", "ann@example.org", True),
    ("mail ann at example of org", "ann@example.org", False),
    ("it's 10:30 on 2026-05-01", "10:30", True),
    ("weiße Straße", "WEISSE strasse", True),
    ("ＷＩＤＥ １２３", "wide 123", True),
    ("東京都に住む", "東京", True),
    ("東京都に住む", "京都", True),
    ("東京都に住む", "都", True),
    ("東京都に住む", "東", True),
    ("京と東都", "東京", False),
    ("我們的計畫tower", "計畫", True),
    ("我們的計畫tower", "tower", True),
    ("안녕하세요 세계", "안녕*", True),
    ("हिन्दी भाषा", "हिन्दी", True),
    ("Привет, мир", "привет", True),
    ("rock'n'roll & <b>bold</b>", "bold", True),
    ("snake_case_name", "case", True),
    ("anything", "''' \" \\ ( ) : * & | ! <->", True),
    ("anything", "AND OR NOT NEAR", False),
    ("this AND that", "and", True),
]


async def test_both_databases_find_the_same(shelf: Shelf):
    for text, words, is_found in FOUND:
        (id_,) = await shelf.put(text)
        assert (id_ in await shelf.find(words)) == is_found, (text, words)


async def test_words_that_were_left_without_their_entry_are_replaced(shelf: Shelf):
    (id_,) = await shelf.put("one two")
    async with shelf.database.transaction() as uow:  # by hand, or by what lost the table
        await uow.session.execute(delete(SearchEntry))
    shelf.count = 0
    assert await shelf.put("one three") == [id_]
    assert (await shelf.find("three"), await shelf.find("two")) == ([id_], [])


async def test_titles_come_first_and_then_the_newest(shelf: Shelf):
    body_old, title_old = await shelf.put(("other", "plan"), ("Plan", ""))
    body_new, title_new, half = await shelf.put(("x", "the plan"), ("The plan", "plan"), ("plan", "b"))
    assert await shelf.find("plan") == [half, title_new, title_old, body_new, body_old]
    assert await shelf.find("plan b") == [half]


async def test_an_answer_goes_on_where_it_stopped(shelf: Shelf):
    expected = list(reversed(await shelf.put(*[("plan", "x"), ("", "plan")] * 7)))
    expected = [id_ for id_ in expected if int(id_) % 2] + [id_ for id_ in expected if not int(id_) % 2]
    found: list[str] = []
    after: Place | None = None
    while part := await shelf.hits("plan", limit=3, after=after):
        found += [entry.subject_id for _, entry in part]
        after = part[-1][0]
        await shelf.put(("plan", "newer than all"))  # is not behind anything
    assert found == expected
    assert len(await shelf.find("", limit=3)) == 3


async def test_what_changes_is_found_as_it_is_and_what_goes_is_not(shelf: Shelf):
    owner = UUID("0198c5b7-5c2f-7000-8000-0000000000aa")

    async def put(*entries: Entry) -> None:
        async with shelf.database.transaction() as uow:
            await uow.search.put(shelf.workspace_id, "brand", owner, entries)

    await put(Entry("a", None, NOW, "old"), Entry("b", None, NOW, "old"))
    await put(Entry("a", None, NOW, "new"))
    assert (await shelf.find("old"), await shelf.find("new")) == (["b"], ["a"])
    await put(Entry("a", None, NOW, "", ""))  # nothing is left of it
    assert await shelf.find("new") == []
    async with shelf.database.transaction() as uow:
        await uow.search.remove("brand", owner, ["b"])
    assert await shelf.find("old") == []


async def test_things_of_one_second_have_ids_of_their_own(shelf: Shelf):
    entries = [Entry(str(number), None, NOW, "same") for number in range(150)]
    async with shelf.database.transaction() as uow:
        await uow.search.put(shelf.workspace_id, "brand", BRAND, entries)
    assert len(set(await shelf.find("same", limit=200))) == 150


async def test_filters_choose(shelf: Shelf):
    other = UUID("0198c5b7-5c2f-7000-8000-00000000000b")
    (brand,) = await shelf.put("plan")
    (creator,) = await shelf.put("plan", kind="creator", owner=other)
    assert await shelf.find("plan type:brand") == [brand]
    assert await shelf.find("plan type:creators,prompt") == [creator]
    assert await shelf.find(f"in:{other}") == [creator]
    assert await shelf.find("from:me plan") == [creator, brand]
    assert await shelf.find(f"from:{shelf.user_id}") == [creator, brand]
    assert await shelf.find(f"from:agent:{shelf.user_id}") == []
    assert await shelf.find("before:2026-05-04T12:01:30Z") == [brand]
    assert await shelf.find("plan after:2026-05-04T12:01:30Z") == [creator]
    assert await shelf.find("before:2026-05-04") == []
    assert await shelf.find("after:2026-05-04 before:2026-05-05") == [creator, brand]
    for wrong in ("type:gods", "in:here", "from:nobody", "before:soon", "after:2026-13-01"):
        with pytest.raises(QueryError):
            await shelf.find(wrong)


async def test_nobody_finds_what_belongs_to_another_workspace(shelf: Shelf):
    workspace_id, user_id = await add_workspace(shelf.database)
    other = Shelf(shelf.database, workspace_id, user_id)
    await shelf.put("secret plan", ("secret", ""))
    assert await other.find("secret") == []
    assert await other.find("") == []
    assert await other.find(f"in:{BRAND}") == []


async def test_a_page_without_a_row_and_kinds_without_a_right_are_not_found(shelf: Shelf):
    await shelf.put("plan", kind="message")
    await shelf.put("plan", kind="block")
    assert await shelf.find("plan") == []
    (brand,) = await shelf.put("plan")
    assert await shelf.find("plan") == [brand]
    caller = Caller.of_user(shelf.user_id)
    standing = Standing(caller, "member", frozenset({"workspace.read", "pages.read"}))
    async with shelf.database.read() as uow:
        query = parse("plan", me=caller.id)
        found = await uow.search.find(standing, shelf.workspace_id, query, after=None, limit=5)
    assert found == []


async def test_a_huge_text_is_found_by_its_beginning(shelf: Shelf):
    words = " ".join(f"word{number}" for number in range(40_000))
    (id_,) = await shelf.put(f"first {words} last" + "x" * 200_000)
    assert await shelf.find("first word9000") == [id_]
    (same,) = await shelf.put("echo " * 20_000 + "y" * 5_000)
    assert await shelf.find('"echo echo"') == [same]
    assert await shelf.find("y" * 300) == []


async def test_what_is_left_of_a_workspace_that_is_gone_goes_too(shelf: Shelf):
    await shelf.put(*(f"plan {number}" for number in range(5)))
    async with shelf.database.transaction() as uow:
        await uow.session.execute(delete(Workspace).where(Workspace.id == shelf.workspace_id))
    for is_done in (False, False, True):
        async with shelf.database.transaction() as uow:
            assert await uow.search.forget_orphans(2) == is_done
    assert await shelf.find("plan") == []


async def test_indexing_and_deleting_at_once_end_well(shelf: Shelf):
    async def delete_soon() -> None:
        async with shelf.database.transaction() as uow:
            await uow.session.execute(delete(Workspace).where(Workspace.id == shelf.workspace_id))

    async with asyncio.timeout(20):
        await asyncio.gather(shelf.put(*["plan"] * 50), delete_soon(), shelf.find("plan"))


def text_of(words: str, text: str) -> Sequence[tuple[str, bool]]:
    parts = snippet(text, parse(words, me="user:a").phrases)
    return [(part.text, part.is_match) for part in parts]


def test_snippets_mark_what_was_looked_for_in_plain_text():
    assert text_of("sao plan*", "<b>São</b> Paulo: planning") == [
        ("<b>", False),
        ("São", True),
        ("</b> Paulo: ", False),
        ("planning", True),
    ]
    assert text_of("東京", "私は東京都に") == [("私は", False), ("東京", True), ("都に", False)]
    assert text_of("missing", "nothing here") == [("nothing here", False)]
    assert text_of("x", "") == []
    far = text_of("needle", "hay " * 1000 + "a needle " + "hay " * 1000)
    assert ("needle", True) in far
    assert sum(len(text) for text, _ in far) <= 200


@pytest.mark.postgres
async def test_postgres_plans_each_search_for_its_own_words(postgres_database: Database):
    """With a plan for whatever words, a rare one in a long channel would take as long as reading it all."""
    shelf = Shelf(postgres_database, *(await add_workspace(postgres_database)))
    caller = Caller.of_user(shelf.user_id)
    standing = Standing(caller, "member", actions_of("member"))
    async with postgres_database.read() as uow:
        await uow.search.find(standing, shelf.workspace_id, parse("a", me=caller.id), after=None, limit=1)
        assert await uow.session.scalar(sql("SHOW plan_cache_mode")) == "force_custom_plan"
    async with postgres_database.read() as uow:
        assert await uow.session.scalar(sql("SHOW plan_cache_mode")) == "auto", "and nothing else"


@pytest.mark.postgres
async def test_postgres_has_what_titles_say_in_its_index(postgres_database: Database):
    shelf = Shelf(postgres_database, *(await add_workspace(postgres_database)))
    await shelf.put(("Launch plan", "the plan"), ("", "the launch plan"))
    async with postgres_database.read() as uow:
        for query, count in {"'+plan'": 1, "'+the'": 0, "'the' & 'plan'": 2}.items():
            matches = sql("SELECT count(*) FROM search_terms WHERE terms @@ CAST(:query AS tsquery)")
            assert await uow.session.scalar(matches, {"query": query}) == count, query
