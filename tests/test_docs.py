"""The documents are true: the README's programs run, rules said to hold have tests, links lead somewhere."""

import asyncio
import os
import re
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncGenerator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from crdt.errors import CrdtError
from tests.clients.driver import FOLDER, NODE
from tests.services.ionflux import IonfluxServer

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PROTOCOL = (ROOT / "docs/protocol.md").read_text("utf-8")
ADDRESS = "127.0.0.1:8000"
SECONDS = 20.0

_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_RULE = re.compile(r"^\| \*\*([A-Z]\d)\*\* \| (holds|partly|planned) \|", re.MULTILINE)


def code_block(language: str) -> str:
    """Return the README's one block of a language."""
    text = (ROOT / "README.md").read_text("utf-8")
    (code,) = [code for name, code in _BLOCK.findall(text) if name == language]
    return code


@asynccontextmanager
async def program(*command: str | Path, environment: dict[str, str]) -> AsyncGenerator[Process]:
    """Run a program until the block ends."""
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | environment, stdout=PIPE, stderr=STDOUT
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def printed(process: Process, *wanted: str) -> None:
    """Wait until a program has printed all of these lines, in any order."""
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(SECONDS):
            while not set(wanted) <= set(lines):
                line = await process.stdout.readline()
                assert line, f"the program ended; it printed {lines}"
                lines.append(line.decode().rstrip("\n"))
    except TimeoutError:
        pytest.fail(f"the program printed no more than {lines}")


@pytest.mark.node
async def test_the_programs_of_the_readme_edit_one_page(ionflux: IonfluxServer, tmp_path: Path) -> None:
    owner = await ionflux.person("Ann")
    page = await owner.page(await owner.workspace())
    programs = {"first.py": code_block("python"), "first.mjs": code_block("javascript")}
    for name, code in programs.items():
        assert ADDRESS in code
        (tmp_path / name).write_text(code.replace(ADDRESS, f"127.0.0.1:{ionflux.port}"), "utf-8")
    (tmp_path / "node_modules").symlink_to(FOLDER / "node_modules")
    environment = {"PAGE": page.name, "TOKEN": owner.token}

    async with AsyncExitStack() as stack:
        python = await stack.enter_async_context(
            program(sys.executable, tmp_path / "first.py", environment=environment)
        )
        await printed(python, "Hello from Python")
        javascript = await stack.enter_async_context(
            program(NODE, tmp_path / "first.mjs", environment=environment)
        )
        await printed(javascript, "Hello from Python", "Hello from JavaScript", "saved")
        await printed(python, "Hello from JavaScript", "Hello from Python")


def rules(*states: str) -> list[str]:
    return [rule for rule, state in _RULE.findall(PROTOCOL) if state in states]


def test_every_rule_is_listed_once() -> None:
    listed = rules("holds", "partly", "planned")
    assert len(listed) == len(set(listed)) > 30


@pytest.mark.parametrize("rule", rules("holds", "partly"))
def test_a_rule_that_is_said_to_hold_has_a_test(rule: str) -> None:
    names = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        if "node_modules" not in path.parts
        for name in re.findall(r"def (test_\w+)\(", path.read_text("utf-8"))
    }
    assert [name for name in names if rule in name.split("_")], f"no test has {rule} in its name"


def kinds_of(error: type[CrdtError]) -> Iterator[type[CrdtError]]:
    yield error
    for kind in error.__subclasses__():
        yield from kinds_of(kind)


@pytest.mark.parametrize("error", [*kinds_of(CrdtError)], ids=lambda error: error.__name__)
def test_every_close_code_is_explained(error: type[CrdtError]) -> None:
    assert f"| {error.close_code} |" in PROTOCOL


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for link in _LINK.findall(document.read_text("utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: there is no such heading"


def anchors(document: Path) -> set[str]:
    """Return the anchors that a renderer of Markdown gives the headings."""
    headings: list[str] = _HEADING.findall(document.read_text("utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
