"""Keeps keys of providers out of messages and logs, whoever repeats them."""

import re

_KEYS = re.compile(
    r"""(?ix)
    \b (?: sk | pk | rk | gsk | xai | key | org | hf ) [-_] [\w-]{8,} [*\w-]*
    | \b AIza [\w-]{10,}
    | (?<= bearer\ ) \S+
    """
)
_MOST = 300


def without_keys(text: str, secret: str = "") -> str:
    """Return a text without this key, nor anything that looks like one."""
    if secret:
        text = text.replace(secret, "***")
    return _KEYS.sub("***", text)


def one_line(text: str, secret: str = "") -> str:
    """Return what a provider said as one line that can be shown: without keys, and not long."""
    line = " ".join(without_keys(text, secret).replace("\0", " ").split())
    return line if len(line) <= _MOST else f"{line[:_MOST]} ..."
