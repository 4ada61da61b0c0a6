"""Whose structs an update brings: a walk over the Yjs update format (v1) that builds nothing.

An update is: varUint number of clients; for each, varUint number of structs, client id and first clock, then
the structs; then the delete set. A struct does not say how long it is, so finding the next client's header
means to read every struct before it. Bounded and without recursion, like `crdt.protocol`.

Source: yjs 13.6, `readClientsStructRefs` and the content readers; lib0 0.2, `readAny`.
"""

import re

from crdt.errors import ProtocolError
from crdt.protocol import Reader

_HEAD_BYTES = 17
"""One byte for the number of clients, at most eight for each of two numbers below 2^53."""

HAS_ORIGIN, HAS_RIGHT_ORIGIN, HAS_PARENT_SUB = 0x80, 0x40, 0x20
_KIND = 0x1F
GC, SKIP = 0, 10
_XML_ELEMENT, _XML_HOOK = 3, 5

_ARRAY, _OBJECT = b"\x75", b"\x76"

MAX_LEVELS = 1000
"""Of arrays and objects in each other."""

ONE_STRUCT_OF_ONE_CLIENT = b"\x01\x01"
"""What an update with no more than that begins with; the client's id follows."""

AT_ONCE = 64
"""Structs; 16 MiB of single characters are two million, for which Python alone takes seconds (R7)."""

NUMBER = rb"[\x80-\xff]{0,6}+[\x00-\x7f]"
_ID = NUMBER * 2
# A character of at most 16 bits behind what it was typed after, or before, or between.
LETTER = rb"(?:\x01[\x00-\x7f]|\x02[\xc2-\xdf][\x80-\xbf]|\x03[\xe1-\xec\xee\xef][\x80-\xbf]{2})"
_CHARACTER = rb"(?:[\x44\x84]%(id)s|\xc4%(id)s%(id)s)%(letter)s" % {b"id": _ID, b"letter": LETTER}
# What holds no content, and only says how long it is: garbage, gaps, and what is deleted.
_HOLLOW = rb"(?:[\x00\x0a]|[\x41\x81]%(id)s|\xc1%(id)s%(id)s)%(number)s" % {b"id": _ID, b"number": NUMBER}
_CHARACTERS = re.compile(rb"(?:%s){%d}+" % (_CHARACTER, AT_ONCE))
_FLAT = re.compile(rb"(?:%s|%s){%d}+" % (_CHARACTER, _HOLLOW, AT_ONCE))

Deletions = dict[int, list[tuple[int, int]]]
"""Client id -> (clock, length) ranges."""

Run = tuple[int, int, int]
"""A client id, the first clock of its structs in an update, and the clock behind the last of them."""


def read_runs(update: bytes) -> list[Run]:
    """Return whose structs an update brings, gaps counted in. Raises ProtocolError."""
    return _read_runs(Reader(update), _CHARACTERS)


def read_deletions_beside(update: bytes) -> Deletions:
    """Return what an update deletes, whatever it inserts. Raises ProtocolError."""
    reader = Reader(update)
    _read_runs(reader, _FLAT)  # how long its structs are does not matter here
    return read_delete_set(reader)


def read_delete_set(reader: Reader) -> Deletions:
    """Return the delete set that comes next."""
    return {
        reader.read_number(): [
            (reader.read_number(), reader.read_number()) for _ in range(reader.read_number())
        ]
        for _ in range(reader.read_number())
    }


def read_needs(update: bytes) -> list[tuple[int, int]]:
    """Return what an update goes on from: client ids, and how many of their clocks must be there before it.

    A client comes several times where the update has gaps itself. Raises ProtocolError.
    """
    reader = Reader(update)
    needs: list[tuple[int, int]] = []
    for _ in range(reader.read_number()):
        left, client_id, clock = reader.read_number(), reader.read_number(), reader.read_number()
        is_beginning = True  # of what follows on a gap, too
        while left:
            is_gap = reader.peek() & _KIND == SKIP
            if is_beginning and not is_gap:
                needs.append((client_id, clock))
            is_beginning = is_gap
            if left >= AT_ONCE and not left % AT_ONCE and reader.skip_match(_CHARACTERS):
                count = length = AT_ONCE
            else:
                count, length = 1, _skip_struct(reader)
            clock += length
            left -= count
    return needs


def _read_runs(reader: Reader, one_clock_each: re.Pattern[bytes]) -> list[Run]:
    """Walk over an update; what matches the pattern is passed over together, a struct as one clock."""
    runs: list[Run] = []
    for _ in range(reader.read_number()):
        structs, client_id, first = reader.read_number(), reader.read_number(), reader.read_number()
        clock, left = first, structs
        while left:
            if left >= AT_ONCE and reader.skip_match(one_clock_each):
                count = length = AT_ONCE
            else:
                count = min(left, AT_ONCE)
                length = sum(_skip_struct(reader) for _ in range(count))
            clock += length
            left -= count
        runs.append((client_id, first, clock))
    return runs


def read_only_client(update: bytes) -> int | None:
    """Return the one client whose structs an update brings; None for none, for several, and for no update.

    What nearly every edit is, told by its first bytes.
    """
    # How many clients; how many structs of the first; its id.
    if update[:1] != b"\x01":
        return None
    end = min(len(update), _HEAD_BYTES)
    position = 1
    while position < end and update[position] & 0x80:
        position += 1
    position += 1
    client_id = shift = 0
    while position < end:
        byte = update[position]
        client_id |= (byte & 0x7F) << shift
        if byte < 0x80:
            return client_id
        position += 1
        shift += 7
    return None


def is_too_deep(update: bytes) -> bool:
    """Whether values in an update are nested deeper than anybody means it, or cannot be told to be less so.

    pycrdt reads them by recursion: some ten thousand levels end the process (yrs 0.28).
    """
    if len(update) < MAX_LEVELS or update.count(_ARRAY) + update.count(_OBJECT) < MAX_LEVELS:
        return False
    try:
        _read_runs(Reader(update), _FLAT)  # how long its structs are does not matter here
    except ProtocolError:
        return True
    return False


def _skip_struct(reader: Reader) -> int:
    """Pass over a struct; return its length in clocks."""
    info = reader.read_byte()
    kind = info & _KIND
    if kind in (GC, SKIP):
        return reader.read_number()
    if info & HAS_ORIGIN:
        _skip_id(reader)
    if info & HAS_RIGHT_ORIGIN:
        _skip_id(reader)
    if not info & (HAS_ORIGIN | HAS_RIGHT_ORIGIN):
        if reader.read_number() == 1:
            reader.read_bytes()  # the name of a root type
        else:
            _skip_id(reader)
        if info & HAS_PARENT_SUB:
            reader.read_bytes()
    return skip_content(reader, kind)


def _skip_id(reader: Reader) -> None:
    reader.read_number()
    reader.read_number()


def skip_content(reader: Reader, kind: int) -> int:
    """Pass over the content of an item; return its length in clocks."""
    match kind:
        case 1:  # deleted
            return reader.read_number()
        case 2:  # JSON, before Yjs 13
            count = reader.read_number()
            for _ in range(count):
                reader.read_bytes()
            return count
        case 3 | 5:  # binary, embed
            reader.read_bytes()
            return 1
        case 4:  # string, as long as JavaScript says
            return len(reader.read_string().encode("utf-16-le")) // 2
        case 6:  # format
            reader.read_bytes()
            reader.read_bytes()
            return 1
        case 7:  # type
            if reader.read_number() in (_XML_ELEMENT, _XML_HOOK):
                reader.read_bytes()
            return 1
        case 8:  # any
            count = reader.read_number()
            _skip_any(reader, count)
            return count
        case 9:  # document
            reader.read_bytes()
            _skip_any(reader, 1)
            return 1
        case _:
            raise ProtocolError("bad_update", f"There is no content of type {kind}.")


def _skip_any(reader: Reader, values: int) -> None:
    """Pass over so many lib0 values, and over what is in them."""
    # Each level: how many values are left, and whether each has a key before it.
    levels = [(values, False)]
    while levels:
        left, has_key = levels.pop()
        if left == 0:
            continue
        levels.append((left - 1, has_key))
        if len(levels) > MAX_LEVELS:
            raise ProtocolError("bad_update", "Values are nested too deeply.")
        if has_key:
            reader.read_bytes()
        match reader.read_byte():
            case 120 | 121 | 126 | 127:  # true, false, null, undefined
                pass
            case 125:  # integer
                reader.skip_signed_number()
            case 124:  # float32
                reader.skip(4)
            case 122 | 123:  # bigint, float64
                reader.skip(8)
            case 116 | 119:  # bytes, string
                reader.read_bytes()
            case 117:  # _ARRAY
                levels.append((reader.read_number(), False))
            case 118:  # _OBJECT
                levels.append((reader.read_number(), True))
            case kind:
                raise ProtocolError("bad_update", f"There is no value of type {kind}.")
