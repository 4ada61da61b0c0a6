"""What a server at rest holds in memory: nothing of what few servers use, or use once.

docs/decisions/0064 has the figures.
"""

import subprocess
import sys
from pathlib import Path

from tests.server.test_cli import environment

RARE = {
    "alembic",
    "asyncpg",
    "cryptography",
    "jsonschema_rs",
    "jwt",
    "mako",
    "mcp",
    "nh3",
    "obstore",
    "openai",
    "PIL",
    "prometheus_client",
    "puremagic",
    "sqlalchemy.dialects.postgresql",
    "aiosmtplib",
    "server.backups",
    "tarfile",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "xllamacpp",
}

# Starts as the command does, is asked for a page, and says what it has loaded.
_SERVE = """
import os, signal, sys, threading, urllib.request
from server.serving import serve
from server.settings import read_settings

def ask(words):
    url = words.split(" serves ")[1].split()[0]
    for path in ("/readyz", "/docs"):
        urllib.request.urlopen(url + path, timeout=30).read()
    print(*sorted(sys.modules), file=sys.stderr)
    os.kill(os.getpid(), signal.SIGTERM)

serve(
    read_settings(os.environ, {}),
    with_seed=False,
    announce=lambda words: threading.Thread(target=ask, args=(words,)).start(),
)
"""


def test_a_server_at_rest_has_loaded_nothing_of_what_is_rare(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", _SERVE],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    loaded = set(done.stderr.split())
    assert {"server.app", "storage.engine"} <= loaded
    assert loaded & RARE == set()
