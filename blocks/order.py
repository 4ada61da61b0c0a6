"""Fractional index keys: between any two keys there is another, so that moving one thing writes one thing.

A key is a whole number and a fraction, both in base 36 with the digits 0-9a-z. Its first letter says how many
digits the number has (`n` one, `o` two ... from zero up; `m` one, `l` two ... below zero), so that byte order
is numeric order. Adding at either end counts the number up or down and keeps keys short; only insertion in
between makes fractions. A fraction never ends in `0`, which would leave no room before it.
"""

import re
from collections.abc import Iterable
from typing import TypeGuard

MAX_CHARACTERS = 1000
"""A key that people's work has made is far shorter; a longer one is an attempt."""

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
FIRST = "n0"
"""The key of the first thing of a list."""

_BASE = len(DIGITS)
_ZERO_HEAD = ord("n")

_NUMBERS = (
    f"{chr(_ZERO_HEAD + n - 1)}[{DIGITS}]{{{n}}}|{chr(_ZERO_HEAD - n)}[{DIGITS}]{{{n}}}" for n in range(1, 14)
)
_KEY = re.compile(f"(?:{'|'.join(_NUMBERS)})(?:[{DIGITS}]*[{DIGITS[1:]}])?")
_ENDS = ("a" + "0" * 13, "z" + "z" * 13)
"""The least and the greatest number: beside them there is no other."""


def key_between(before: str | None, after: str | None) -> str:
    """Return a key behind `before` and before `after`; None means the end of the list on that side.

    Raises ValueError for what are no keys, or when `before` is not less than `after`.
    """
    if before is not None and after is not None and before >= after:
        raise ValueError(f"no key is between {before!r} and {after!r}")
    if before is None and after is None:
        return FIRST
    if before is None:
        assert after is not None
        number, fraction = _split(after)
        # The number alone is less than the number with a fraction.
        return _write(number) if fraction else _write(number - 1)
    number, fraction = _split(before)
    if after is None:
        return _write(number + 1)
    after_number, after_fraction = _split(after)
    if number == after_number:
        return _write(number) + _fraction_between(fraction, after_fraction)
    following = _write(number + 1)
    return following if following < after else _write(number) + _fraction_between(fraction, None)


def is_key(value: object) -> TypeGuard[str]:
    """Tell whether a value is a key that others can be put beside."""
    return (
        isinstance(value, str)
        and len(value) <= MAX_CHARACTERS
        and _KEY.fullmatch(value) is not None
        and not value.startswith(_ENDS)
    )


def key_behind(after: str | None, keys: Iterable[str]) -> str:
    """Return a key behind one of a list's keys, and before all that are greater; None: before them all.

    Where two share a key, the place is behind both.
    """
    following = min((key for key in keys if after is None or key > after), default=None)
    return key_between(after, following)


def _split(key: str) -> tuple[int, str]:
    """Take a key apart into its number and its fraction. Raises ValueError."""
    head = ord(key[0]) - _ZERO_HEAD if key else 0
    length = head + 1 if head >= 0 else -head
    digits, fraction = key[1 : 1 + length], key[1 + length :]
    if not "a" <= key[:1] <= "z" or len(digits) != length or fraction.endswith("0"):
        raise ValueError(f"not an order key: {key!r}")
    value = 0
    for digit in digits + fraction:
        if digit not in DIGITS:
            raise ValueError(f"not an order key: {key!r}")
    for digit in digits:
        value = value * _BASE + DIGITS.index(digit)
    if head >= 0:
        return _start(length) + value, fraction
    return -_start(length + 1) + value, fraction


def _write(number: int) -> str:
    """Write a number without a fraction. Raises ValueError beyond 36**13, which no list reaches."""
    length = 1
    distance = number if number >= 0 else -number - 1
    while distance >= _start(length + 1):
        length += 1
    value = number - _start(length) if number >= 0 else number + _start(length + 1)
    head = chr(_ZERO_HEAD + length - 1 if number >= 0 else _ZERO_HEAD - length)
    if not "a" <= head <= "z":
        raise ValueError("the list is too long for order keys")
    digits = ""
    for _ in range(length):
        value, digit = divmod(value, _BASE)
        digits = DIGITS[digit] + digits
    return head + digits


def _start(length: int) -> int:
    """Return the least number that has `length` digits: 0, 36, 36 + 36**2 ..."""
    return sum(_BASE**n for n in range(1, length))


def _fraction_between(low: str, high: str | None) -> str:
    """Return a fraction strictly between two, where the empty one is 0 and None is 1."""
    shared = ""
    position = 0
    while True:
        left = DIGITS.index(low[position]) if position < len(low) else 0
        right = DIGITS.index(high[position]) if high is not None and position < len(high) else _BASE
        if right - left > 1:
            return shared + DIGITS[(left + right) // 2]
        shared += DIGITS[left]
        if right - left == 1:
            # Whatever follows the lower digit is less than the upper one.
            high = None
        position += 1
