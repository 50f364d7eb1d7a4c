"""Busy processes that no process of ours started, as far as the system knows."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator

BUSY = """import os, sys
if os.fork(): os._exit(0)
os.setsid()
if sys.argv[1]: open("/proc/self/comm", "w").write(sys.argv[1])
print(os.getpid(), flush=True)
os.close(1)
while True: pass"""


@contextlib.contextmanager
def strangers(count: int, name: str = "") -> Iterator[list[int]]:
    """Their pids. name: of at most fifteen bytes."""
    pids = []
    try:
        for _ in range(count):
            words = [sys.executable, "-c", BUSY, name, "--password=secret"]
            begun = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True, close_fds=True, timeout=60)
            pids.append(int(begun.stdout))
        yield pids
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
