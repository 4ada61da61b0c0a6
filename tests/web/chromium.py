"""A real Chromium, and the page that it opens: both made ready once, whichever test process is first.

The browser is the npm package `@sparticuz/chromium`, which needs nothing of the system. It is started with
its security as people have it: what that package recommends for other purposes would switch off the
same-origin policy that these tests are about.
"""

import fcntl
import os
import subprocess
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tests.clients.driver import NODE

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]
ARGUMENTS = ("--no-sandbox", "--hide-scrollbars", "--font-render-hinting=none", "--disable-dev-shm-usage")

_UNPACK = "import('@sparticuz/chromium').then(async (c) => console.log(await c.default.executablePath()))"
_CACHE = FOLDER / "node_modules" / ".chromium"
_MINUTES = 5 * 60


def unpack_browser() -> Path:
    """Return the browser's program, unpacked beside its package."""
    with _one_at_a_time("browser"):
        _CACHE.mkdir(exist_ok=True)
        path = run([str(NODE), "--eval", _UNPACK], {"TMPDIR": str(_CACHE)}, FOLDER)
    return Path(path.strip())


def read_axe() -> str:
    """Return the script that looks for barriers."""
    return (FOLDER / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")


def build_page() -> None:
    """Build the page that the server serves, if its sources are newer than what was built of them."""
    with _one_at_a_time("page"):
        run(["make", "--silent", "page"], {}, ROOT)


@contextmanager
def _one_at_a_time(name: str) -> Generator[None]:
    """Keep the other processes of the suite waiting meanwhile."""
    with (FOLDER / "node_modules" / f".{name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command: list[str], variables: dict[str, str], folder: Path) -> str:
    """Run a program in a folder, with variables more; return what it printed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=_MINUTES,
        check=False,
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout}\n{done.stderr}"
    return done.stdout
