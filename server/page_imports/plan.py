"""Which pages come of the files of an archive, which are above which, and where links among them lead. Pure.

What lies in a folder goes below the page that the folder is named after: `Plan.md` and `Plan/Budget.md`.
Notion puts an id of 32 digits behind every name, behind those of folders in older exports alone.
A folder without such a page gets an empty one, or its `README.md` or `index.md` is it.
"""

import posixpath
import re
import unicodedata
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Literal
from urllib.parse import unquote, urlsplit
from uuid import UUID

import msgspec

from blocks.links import address_of_file, address_of_page

Kind = Literal["markdown", "html", "json", "csv", "folder"]

KINDS: Mapping[str, Kind] = {
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
    ".json": "json",
    ".csv": "csv",
}
_FRONT_PAGES = ("README", "readme", "Readme", "index")
_NOTION = re.compile(r"^(?P<title>.*?)[ _-]?(?P<id>[0-9a-f]{32})(?P<all>_all)?$")


class PlannedPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page that is to be made."""

    id: UUID
    path: str
    """Its file, or its folder where it has none."""
    above: str | None
    """The path of the page above; None below the page of the import."""
    title: str
    """As the file is named; what is in it may say better."""
    kind: Kind


class Plan(msgspec.Struct, frozen=True):
    """All of it. Each page stands behind the one that it goes below."""

    pages: list[PlannedPage]
    files: dict[str, UUID]
    """Other files by their paths; those that a page shows come along."""
    skipped: list[tuple[str, str]]
    """Files that nothing comes of, and why."""
    addresses: dict[str, str]
    """Path, in lower case -> the address of the page or file that comes of it."""


def plan_pages(import_id: UUID, paths: Sequence[str], pages_in_json: Mapping[str, str]) -> Plan:
    """Plan the import of some files; `pages_in_json` are those JSON files that are pages, with their ids."""
    folder = _common_folder(paths)
    chosen, skipped = _choose_tables(sorted(paths))
    kinds: dict[str, Kind] = {
        path: kind for path in chosen if (kind := _kind_of(path, pages_in_json)) is not None
    }
    of_folder = _pages_of_folders(kinds, folder)
    pages: dict[str, PlannedPage] = {}
    for path in kinds:
        _plan(import_id, path, kinds, of_folder, folder, pages)
    files = {path: id_for(import_id, path) for path in chosen if path not in kinds}
    addresses = {path.lower(): address_of_file(file_id) for path, file_id in files.items()}
    for path, page in pages.items():
        addresses[path.lower()] = address_of_page(page.id)
        if found := _NOTION.match(_stem(path)):
            addresses[f"notion:{found['id']}"] = address_of_page(page.id)
        if path in pages_in_json:
            addresses[address_of_page(UUID(pages_in_json[path]))] = address_of_page(page.id)
    for path, reason in skipped:
        if reason == _OTHER_TABLE:
            whole = f"{path.removesuffix('.csv')}_all.csv"
            addresses[path.lower()] = address_of_page(pages[whole].id)
    return Plan([*pages.values()], files, skipped, addresses)


def resolve(address: str, path: str, addresses: Mapping[str, str]) -> str | None:
    """Return where an address in a file leads: within the import, to the web, or nowhere."""
    if address in addresses:
        return addresses[address]
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    if parts.scheme.lower() in ("http", "https", "mailto", "tel"):
        is_notion = (parts.hostname or "").endswith(("notion.so", "notion.site"))
        found = _NOTION.match(parts.path.rpartition("/")[2]) if is_notion else None
        return addresses.get(f"notion:{found['id']}", address) if found else address
    if parts.scheme or not parts.path:
        return None
    wanted = unicodedata.normalize("NFC", unquote(parts.path))
    whole = posixpath.normpath(posixpath.join(posixpath.dirname(path), wanted)).lstrip("/").lower()
    return addresses.get(whole) or addresses.get(f"{whole}.md")


def id_for(import_id: UUID, path: str) -> UUID:
    """Return the id of what comes of a file: the same whenever it is asked, so nothing is made twice."""
    random = int.from_bytes(blake2b(import_id.bytes + path.encode(), digest_size=8).digest())
    return UUID(int=import_id.int & ~((1 << 62) - 1) | random & ((1 << 62) - 1))


_OTHER_TABLE = "The same table is there with all its rows."


def _choose_tables(paths: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Leave out tables that Notion has exported a second time with all rows."""
    known = set(paths)
    others = [path for path in paths if path.endswith(".csv") and f"{path[:-4]}_all.csv" in known]
    return [path for path in paths if path not in set(others)], [(path, _OTHER_TABLE) for path in others]


def _kind_of(path: str, pages_in_json: Mapping[str, str]) -> Kind | None:
    kind = KINDS.get(posixpath.splitext(path)[1].lower())
    return None if kind == "json" and path not in pages_in_json else kind


def _common_folder(paths: Sequence[str]) -> str:
    """Return the one folder at the top that all files lie in, if that says nothing more."""
    tops = {path.partition("/")[0] for path in paths}
    if len(tops) == 1 and all("/" in path for path in paths):
        return tops.pop()
    return ""


def _pages_of_folders(kinds: Mapping[str, Kind], common: str) -> dict[str, str]:
    """Return which file is the page of a folder."""
    folders = {posixpath.dirname(path) for path in kinds}
    folders |= {above for folder in folders for above in _folders_above(folder)}
    named: dict[tuple[str, str], str] = {}
    for path in sorted(kinds, key=lambda path: kinds[path] == "csv"):  # tables stand back behind texts
        where, stem = posixpath.dirname(path), _stem(path)
        for name in (stem, stem.removesuffix("_all"), _title(stem)):
            named.setdefault((where, name), path)
    found: dict[str, str] = {}
    for folder in folders - {"", common}:
        where, name = posixpath.split(folder)
        path = named.get((where, name)) or named.get((where, _title(name)))
        fronts = [named[folder, name] for name in _FRONT_PAGES if (folder, name) in named]
        front = fronts[0] if fronts else None
        if path or front:
            found[folder] = path or front or ""
    return found


def _folders_above(folder: str) -> list[str]:
    above: list[str] = []
    while folder := posixpath.dirname(folder):
        above.append(folder)
    return above


def _plan(
    import_id: UUID,
    path: str,
    kinds: Mapping[str, Kind],
    of_folder: Mapping[str, str],
    common: str,
    pages: dict[str, PlannedPage],
) -> None:
    """Plan a page, and before it those above it."""
    if path in pages:
        return
    folder = posixpath.dirname(path)
    if of_folder.get(folder) == path:
        folder = posixpath.dirname(folder)  # it is the page of the folder that it lies in
    above = None if folder in ("", common) else of_folder.get(folder, folder)
    if above is not None:
        _plan(import_id, above, kinds, of_folder, common, pages)
    kind = kinds.get(path, "folder")
    is_front = kind != "folder" and of_folder.get(posixpath.dirname(path)) == path
    stem = posixpath.basename(posixpath.dirname(path)) if is_front else _stem(path, kind)
    pages[path] = PlannedPage(
        id=id_for(import_id, path), path=path, above=above, title=_title(stem)[:500], kind=kind
    )


def _stem(path: str, kind: str = "") -> str:
    name = posixpath.basename(path)
    return name if kind == "folder" else posixpath.splitext(name)[0]


def _title(stem: str) -> str:
    found = _NOTION.match(stem)
    return (found["title"].strip() if found else stem.strip()) or "Untitled"
