"""What figures were found on: the machine, how busy it was, and the versions."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

_HERE = Path(__file__).parent


def describe_machine() -> str:
    """Return the machine, and how much else it did."""
    return (
        f"{_processor()}, {os.cpu_count()} cores, {_memory_gib():.0f} GiB, {platform.system()} "
        f"{platform.release()}; load average of the last 15 minutes {os.getloadavg()[2]:.1f}"
    )


def describe_software() -> str:
    """Return what was measured."""
    return (
        f"IONFLUX {version('ionflux')} at {_commit()}, Python {platform.python_version()} "
        f"({', '.join(platform.python_build())}, {platform.python_compiler()}), pycrdt {version('pycrdt')}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _commit() -> str:
    git = ["git", "-C", str(_HERE), "describe", "--always", "--dirty"]
    said = subprocess.run(git, capture_output=True, text=True, check=False)
    return said.stdout.strip() or "an unknown commit"
