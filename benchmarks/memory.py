"""The peak memory of this process."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def peak() -> float:
    """MiB of memory that this process had at most.

    Linux tells it for the program alone; `getrusage` counts what started it, too.
    """
    try:
        status = Path("/proc/self/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) / 1024
    except OSError:
        usage = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return usage / (1 << (20 if sys.platform == "darwin" else 10))
