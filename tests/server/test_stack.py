"""Shared types that are nested deeply, and the stack that deleting them takes."""

import subprocess
import sys

import pytest


def program() -> str:
    """Return what nests 100,000 maps in each other and deletes the outermost."""
    return "\n".join(
        [
            "import sys, pycrdt",
            "from crdt.protocol import encode_number as number",
            "from server.stack import raise_stack",
            "if sys.argv[1] == 'raised': raise_stack()",
            "head = b'\\x01' + number(100_000) + b'\\x01\\x00'",
            "parents = [b'\\x01\\x01r', *(b'\\x00\\x01' + number(clock) for clock in range(99_999))]",
            "structs = b''.join(b'\\x27' + parent + b'\\x01k\\x01' for parent in parents)",
            "doc = pycrdt.Doc()",
            "doc.apply_update(head + structs + b'\\x00')",
            "assert doc.get_state() == b'\\x01\\x01' + number(100_000)",
            "doc.apply_update(b'\\x00\\x01\\x01\\x01\\x00\\x01')",
            "print('deleted')",
        ]
    )


@pytest.mark.parametrize(("stack", "is_enough"), [("raised", True), ("usual", False)])
def test_R7_a_deep_document_is_deleted_and_the_process_lives(stack: str, is_enough: bool) -> None:
    usual = "ulimit -S -s 8192; exec "
    ended = subprocess.run(
        ["/bin/sh", "-c", usual + '"$@"', "sh", sys.executable, "-c", program(), stack],
        capture_output=True,
        check=False,
        text=True,
    )
    assert ("deleted" in ended.stdout) is is_enough, ended.stderr
