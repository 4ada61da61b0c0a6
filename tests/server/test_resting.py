"""What a server at rest holds in memory: nothing of what few servers use, or use once.

docs/decisions/0064 and 0071 have the figures.
"""

import subprocess
import sys
from pathlib import Path

from storage.aes_gcm import OpenSsl, aes_gcm
from tests.server.test_cli import environment

RARE = {
    "alembic",
    "asyncpg",
    "cryptography",
    "h11",
    "httpcore2",
    "httpx2",
    "idna",
    "jsonschema_rs",
    "jwt",
    "mako",
    "markdown_it",
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
    "server.seed",
    "tarfile",
    "urllib.request",
    "uvicorn.protocols.websockets.websockets_sansio_impl",
    "xllamacpp",
}

# Starts as the command does, is asked for two pages, has somebody sign up, which seals a mail to them, and
# make a workspace and a page of it; then it says what it has loaded.
_SERVE = """
import http.client, json, os, signal, sys, threading
from server.serving import serve
from server.settings import read_settings

def ask(words):
    connection = http.client.HTTPConnection(words.split(" serves http://")[1].split()[0], timeout=30)

    def request(method, path, body=None, token=""):
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        assert answer.status < 300, (path, answer.status)
        return answer.read()

    try:
        request("GET", "/readyz")
        request("GET", "/docs")
        person = {"email": "ann@example.com", "password": "correct horse", "name": "Ann"}
        token = json.loads(request("POST", "/v1/auth/register", person))["access_token"]
        workspace = json.loads(request("POST", "/v1/workspaces", {"name": "W"}, token))["id"]
        request("POST", f"/v1/workspaces/{workspace}/pages", {"title": "P"}, token)
        print(*sorted(sys.modules), file=sys.stderr)
    finally:
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
    # Without instructions for AES the vault has OpenSSL.
    allowed: set[str] = {"cryptography"} if isinstance(aes_gcm(), OpenSsl) else set()
    assert loaded & (RARE - allowed) == set()
    assert "nacl" in loaded or allowed, "nothing was sealed"
