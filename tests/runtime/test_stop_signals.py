"""A program that is told to stop does so, whatever its main thread was at."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

# What Event.wait does on the main thread, with the signal at its worst: while the event's lock is held.
PROGRAM = """
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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_interrupts_a_wait_for_it_is_heard(number: signal.Signals) -> None:
    assert subprocess.run([sys.executable, "-c", PROGRAM, str(int(number))], timeout=240, check=False).returncode == 0
