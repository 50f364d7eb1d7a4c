"""A program that is told to stop does so, whatever its main thread was at and whichever thread got the signal."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# What Event.wait does on the main thread, with the signal at its worst: while the event's lock is held.
LOCKED = """
import os, sys, threading
from aibenchrt.stop_signals import on_stop_signals

stop = threading.Event()
on_stop_signals(stop)
with stop._cond:
    os.kill(os.getpid(), int(sys.argv[1]))
    for _ in range(1000):
        pass
stop.wait()
os.kill(os.getpid(), int(sys.argv[1]))  # told again: nothing happens
"""

# Another thread gets the signal, and nothing wakes the main thread from its wait.
ELSEWHERE = """
import signal, sys, threading
from pathlib import Path
from aibenchrt.stop_signals import on_stop_signals

stop = threading.Event()
on_stop_signals(stop)

def tell():
    state = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")
    while not (stop._cond._waiters and state.read_text().rpartition(")")[2].split()[0] == "S"):
        pass
    signal.pthread_kill(threading.get_ident(), int(sys.argv[1]))

threading.Thread(target=tell).start()
stop.wait()
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("program", [LOCKED, ELSEWHERE], ids=["while the lock is held", "on another thread"])
def test_a_program_that_is_told_to_stop_stops(program: str, number: signal.Signals) -> None:
    assert subprocess.run([sys.executable, "-c", program, str(int(number))], timeout=240, check=False).returncode == 0
