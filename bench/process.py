"""What the kernel says of a process and its children: CPU time and memory."""

import os
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process and its living children have used, in user and kernel mode."""
    ticks = 0
    for each in _family(pid):
        # Behind the name, which is in parentheses and may hold spaces: fields 3 and on; see proc(5).
        fields = (_PROC / str(each) / "stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / _TICKS_PER_SECOND


def memory_bytes(pid: int) -> int:
    """Return the proportional set size of a process and its children."""
    total = 0
    for each in _family(pid):
        for line in (_PROC / str(each) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def peak_memory_bytes(pid: int) -> int:
    """Return the largest resident set that the process has had."""
    for line in (_PROC / str(pid) / "status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise ProcessLookupError(pid)


def _family(pid: int) -> list[int]:
    family = [pid]
    for member in family:
        for tasks in (_PROC / str(member) / "task").iterdir():
            family += [int(child) for child in (tasks / "children").read_text().split()]
    return family
