"""What comes of the files of an import: which pages, below which, leading where. No server is needed."""

import io
import json
import struct
import zipfile
from typing import Any
from uuid import UUID

import pycrdt
import pytest

from blocks.page import Block, read_blocks
from blocks.page_edits import Stamp
from server.exports.folder import write_head
from server.page_imports import archive as archive_module
from server.page_imports import building
from server.page_imports.archive import Archive, BadArchiveError
from server.page_imports.building import Built, RefusedError, build_page
from server.page_imports.plan import Plan, plan_pages, resolve

IMPORT = UUID("0198c5b7-5c2f-7000-8000-000000000001")
A, B, C = ("0" * 31 + "a", "0" * 31 + "b", "0" * 31 + "c")
STAMP = Stamp("2026-05-04T12:00:00Z", "user:0198c5b7-5c2f-7000-8000-00000000000a")


def tree(plan: Plan) -> dict[str, str | None]:
    """Return which page is below which, by their titles."""
    titles = {page.path: page.title for page in plan.pages}
    return {page.title: titles[page.above] if page.above else None for page in plan.pages}


def plan(*paths: str) -> Plan:
    return plan_pages(IMPORT, paths, {})


def test_folders_are_the_pages_that_they_are_named_after():
    found = plan("Plan.md", "Plan/Budget.md", "Plan/Deep/x.md", "Plan/pic.png", "Notes.txt")
    assert tree(found) == {"Plan": None, "Budget": "Plan", "Deep": "Plan", "x": "Deep"}
    assert [page.kind for page in found.pages].count("folder") == 1
    assert set(found.files) == {"Plan/pic.png", "Notes.txt"}


def test_a_readme_is_the_page_of_its_folder():
    found = plan("a.md", "Guide/README.md", "Guide/Start.md", "Other/index.html", "Other/x.md")
    assert tree(found) == {"a": None, "Guide": None, "Start": "Guide", "Other": None, "x": "Other"}


def test_one_folder_around_everything_is_no_page():
    assert tree(plan("Export/Plan.md", "Export/Plan/Budget.md")) == {"Plan": None, "Budget": "Plan"}


@pytest.mark.parametrize("folder", [f"Plan {A}", "Plan"])
def test_names_of_notion_lose_their_ids(folder: str):
    found = plan(
        f"Plan {A}.md",
        f"{folder}/Tasks {B}.csv",
        f"{folder}/Tasks {B}_all.csv",
        f"{folder}/Tasks {B}/Write {C}.md",
    )
    assert tree(found) == {"Plan": None, "Tasks": "Plan", "Write": "Tasks"}
    assert [path for path, _ in found.skipped] == [f"{folder}/Tasks {B}.csv"]
    write = next(page for page in found.pages if page.title == "Write")
    there = f"page:{write.id}"
    at = f"Plan {A}.md"
    assert resolve(f"{folder}/Tasks%20{B}/Write%20{C}.md".replace(" ", "%20"), at, found.addresses) == there
    assert resolve(f"https://www.notion.so/team/Write-{C}?pvs=4", at, found.addresses) == there
    tasks = next(page for page in found.pages if page.title == "Tasks")
    assert resolve(f"{folder}/Tasks {B}.csv", at, found.addresses) == f"page:{tasks.id}"


def test_addresses_lead_within_the_import_or_to_the_web():
    found = plan("a/One.md", "Two.md", "a/pic é.png")
    (one, two) = (
        next(f"page:{page.id}" for page in found.pages if page.title == title) for title in ("One", "Two")
    )
    assert resolve("../Two.md#part", "a/One.md", found.addresses) == two
    assert resolve("a/one", "Two.md", found.addresses) == one
    assert resolve("pic%20e%CC%81.png", "a/One.md", found.addresses) == (
        f"/v1/files/{found.files['a/pic é.png']}/content"
    )
    assert resolve("https://example.com/x", "Two.md", found.addresses) == "https://example.com/x"
    for nowhere in (
        "../../../etc/passwd",
        "javascript:alert(1)",
        "#here",
        "gone.md",
        "http://[",
        "file:///x",
    ):
        assert resolve(nowhere, "a/One.md", found.addresses) is None


def build(data: str | bytes, kind: Any, path: str = "x", addresses: dict[str, str] | None = None) -> Built:
    data = data.encode() if isinstance(data, str) else data
    return build_page(data, kind, path, "Name", addresses or {}, STAMP)


def blocks(built: Built) -> list[Block]:
    doc = pycrdt.Doc[Any]()
    doc.apply_update(built.content.update)
    return list(read_blocks(doc))


def test_a_text_with_pictures_is_several_blocks():
    file = "/v1/files/0198c5b7-5c2f-7000-8000-00000000000f/content"
    built = build("# Title\n\nWords.\n\n![seen](pic.png)\n\nMore.", "markdown", addresses={"pic.png": file})
    found = blocks(built)
    assert built.title == "Title"
    assert [(block.type, block.text) for block in found] == [
        ("text", "Words."),
        ("image", "seen"),
        ("text", "More."),
    ]
    assert found[1].content["file_id"] == built.file_ids[0] == file.split("/")[3]
    assert all(block.created_by == STAMP.by for block in found)


def test_titles_come_from_the_front_matter_the_first_line_or_the_name():
    assert build("---\ntitle: 'It''s'\nid: 1\n---\n\n# It's\n\nx", "markdown").title == "It's"
    assert build("No heading", "markdown").title == "Name"
    assert build("<html><title>A &amp; B</title><body><p>x</p></body>", "html").title == "A & B"
    notion = '<head><title>A</title></head><body><h1 class="page-title" dir="auto">A</h1><p>x</p></body>'
    assert [block.text for block in blocks(build(notion, "html"))] == ["x"]


@pytest.mark.parametrize(
    "title",
    [
        "It's: 'so'",
        "word " * 30 + "end",
        "*bold* _x_ [y](z) <b> &amp; 1\\*",
        "tab\there",
        '🎉 party: "x"',
        " two  spaces ",
        "true",
        "# x",
    ],
)
def test_a_title_that_was_written_into_markdown_is_read_again(title: str):
    built = build("\n".join(write_head({"id": "x", "title": title}, title)) + "\nWords.", "markdown")
    assert (built.title, [block.text for block in blocks(built)]) == (title, ["Words."])


@pytest.mark.parametrize(
    ("front", "title"),
    [
        ("title: Plan: A", "Plan: A"),
        ("title: >-\n  Plan\n  A\nid: 1", "Plan A"),
        ('title: "Plan\\u0041"  # ours', "PlanA"),
        ("title: [Plan]", "[Plan]"),
        ("title: " + "[" * 5000, "[" * 500),
        ("title:\nid: x", "Name"),
    ],
)
def test_a_title_of_any_front_matter_is_read(front: str, title: str):
    assert build(f"---\n{front}\n---\nx", "markdown").title == title


def test_a_table_has_columns_of_the_types_that_it_shows():
    (table,) = blocks(build("Name,Done,Price,Note\nTea,Yes,12,\nMilk,No,1.5,x\n", "csv"))
    content: dict[str, Any] = table.content
    columns = {column["name"]: column["type"] for column in content["columns"].values()}
    assert columns == {"Name": "text", "Done": "checkbox", "Price": "number", "Note": "text"}
    rows = [row["cells"] for row in content["rows"].values()]
    assert rows == [{"c0": "Tea", "c1": True, "c2": 12}, {"c0": "Milk", "c1": False, "c2": 1.5, "c3": "x"}]
    assert table.condition == "fine"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x00\x01\xff", "markdown"),
        (b"x" * (3 * 1024 * 1024), "markdown"),
        (b"{", "json"),
        (b'{"format": "ionflux.page.1", "id": "x"}', "json"),
        ((",".join("x" * 501) + "\n").encode(), "csv"),
    ],
)
def test_what_is_no_text_is_refused(data: bytes, kind: str):
    with pytest.raises(RefusedError):
        build(data, kind)


@pytest.mark.parametrize("kind", ["markdown", "html", "csv"])
@pytest.mark.parametrize(
    "data",
    [
        "",
        "\0",
        "> " * 500 + "x",
        "[" * 2000,
        "<div>" * 3000,
        "---\n---\n---",
        '"',
        "\ufeff# x",
        "a,b\n1\n1,2,3",
    ],
)
def test_odd_texts_give_a_page(kind: str, data: str):
    assert build(data, kind).content.update


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("markdown", "- x\n" * 5001),
        ("markdown", "*x* " * 2502),
        ("markdown", "*x* y *z*\n\n" * 6668),
        ("html", "<p>x" * 10_001),
        ("html", "<b>x</b>y" * 2501),
    ],
)
def test_what_has_too_much_in_it_to_be_written_in_a_moment_is_refused(kind: str, data: str):
    with pytest.raises(RefusedError, match="more than 10,000"):
        build(data, kind)


def test_a_text_in_json_may_have_what_people_write(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(building, "MOST_NODES", 6)
    made = build("one\n\ntwo **bold**", "markdown")
    [entry] = [{"type": block.type, "content": block.content} for block in blocks(made)]
    page: dict[str, object] = {"format": "ionflux.page.1", "id": "01994b1c-0000-7000-8000-000000000001"}
    said = json.dumps({**page, "blocks": [entry, entry]})
    assert [block.text for block in blocks(build(said, "json"))] == ["one\ntwo bold"] * 2
    monkeypatch.setattr(building, "MOST_NODES", 4)
    with pytest.raises(RefusedError, match="more than 4"):
        build(said, "json")
    monkeypatch.setattr(building, "MOST_NODES", 6)
    monkeypatch.setattr(building, "MOST_STYLES", 1)
    with pytest.raises(RefusedError, match="or 1 changes"):
        build(said, "json")


def test_rows_beyond_the_bound_are_counted_and_left_out(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(building, "MOST_ROWS", 2)
    built = build("Name\n" + "x\n" * 5, "csv")
    assert built.notes == ["3 rows beyond the first 2 are left out"]
    rows = blocks(built)[0].content["rows"]
    assert isinstance(rows, dict)
    assert len(rows) == 2


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("markdown", "---\ntitle: a" + " " * 100_000 + "b\n---\nx"),
        ("html", "<title" * 50_000),
        ("html", '<h1 class="page-title"' * 5000),
    ],
)
def test_a_text_of_beginnings_is_read_in_time(kind: str, data: str):
    # Each would take hours, were it looked through again from every beginning.
    assert build(data, kind).content.update


def packed(*members: tuple[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", compression) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return data


def opened(data: io.BytesIO) -> Archive:
    return Archive(data, len(data.getvalue()))


def test_names_that_lead_elsewhere_are_left_out():
    bad = ["../x.md", "/etc/x.md", "C:/x.md", "a/../../x.md", "a//x.md"]
    with opened(packed(("fine.md", b"x"), ("win\\dir.md", b"x"), *((name, b"x") for name in bad))) as archive:
        assert [entry.path for entry in archive.entries] == ["fine.md", "win/dir.md"]
        assert sorted(path for path, _ in archive.refused) == sorted(bad)


def test_zips_in_the_zip_are_opened_once_over():
    inner = packed(
        ("Deep.md", b"deep"), ("more.zip", packed(("x.md", b"")).getvalue()), ("__MACOSX/._x", b"")
    )
    with opened(packed(("Part-1.zip", inner.getvalue()), ("Plan.md", b"plan"))) as archive:
        assert sorted(entry.path for entry in archive.entries) == ["Deep.md", "Plan.md", "more.zip"]
        (deep,) = [entry for entry in archive.entries if entry.path == "Deep.md"]
        assert archive.read(deep) == b"deep"


def test_names_without_an_encoding_are_utf_8_or_of_old_dos():
    for raw, name in (("né.md".encode(), "né.md"), (b"n\x82.md", "né.md")):
        data = packed(("nXX.md"[: len(raw)].ljust(len(raw), "X"), b"x")).getvalue()
        data = data.replace("nXX.md"[: len(raw)].ljust(len(raw), "X").encode(), raw)
        with opened(io.BytesIO(data)) as archive:
            assert [entry.path for entry in archive.entries] == [name]


def test_a_bomb_is_no_archive(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive_module, "FREE_BYTES", 1000)
    monkeypatch.setattr(archive_module, "MOST_ENTRIES", 10)
    with pytest.raises(BadArchiveError, match="too much"):
        opened(packed(*((f"{n}.md", b"\0" * 100_000) for n in range(9))))
    with pytest.raises(BadArchiveError, match="10 files"):
        opened(packed(*((f"{n}.md", b"") for n in range(11))))
    with pytest.raises(BadArchiveError, match="no zip"):
        opened(io.BytesIO(b"hello"))


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_would_be_unpacked_without_a_bound_is_left_out(compression: int):
    with opened(packed(("x.md", b"x"), compression=compression)) as archive:
        assert archive.entries == []
        assert [path for path, _ in archive.refused] == ["x.md"]


def test_what_a_zip_tells_of_folders_and_in_zips_is_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(archive_module, "MOST_ENTRIES", 10)
    with pytest.raises(BadArchiveError, match="10 files"):
        opened(packed(*((f"{n}/", b"") for n in range(41))))
    monkeypatch.setattr(archive_module, "MOST_ZIPS", 2)
    zips = [(f"{n}.zip", packed().getvalue()) for n in range(3)]
    with opened(packed(*zips[:2])) as archive:
        assert archive.entries == []
    with pytest.raises(BadArchiveError, match="2 zips"):
        opened(packed(*zips))
    monkeypatch.setattr(archive_module, "MOST_DIRECTORY_BYTES", 100)
    with pytest.raises(BadArchiveError, match="tells too much"):
        opened(packed(*((f"{n}.md", b"") for n in range(3))))


def test_a_zip_in_the_zip_that_cannot_be_read_is_told():
    with opened(packed(("broken.zip", b"hello"), ("Plan.md", b"plan"))) as archive:
        assert [entry.path for entry in archive.entries] == ["Plan.md"]
        ((path, reason),) = archive.refused
        assert (path, "no zip" in reason) == ("broken.zip", True)


def test_a_file_that_is_more_than_it_says_is_not_read():
    data = packed(("x.md", b"y" * 1000)).getvalue()
    # Both places that tell the unpacked size.
    lying = io.BytesIO(data.replace(struct.pack("<I", 1000), struct.pack("<I", 10)))
    with opened(lying) as archive, pytest.raises(BadArchiveError):
        archive.read(archive.entries[0])
