"""How a program is told to stop: SIGTERM or SIGINT sets an event. Standard library only."""

from __future__ import annotations

import signal
import socket
import threading

_NUMBERS = (signal.SIGTERM, signal.SIGINT)


def on_stop_signals(stop: threading.Event) -> None:
    """From now on SIGTERM and SIGINT set `stop`. Call it once, on the main thread.

    No Python handler can do that. It runs on the main thread, between two of its instructions: while Event.wait holds the event's lock it
    would wait for that lock for ever, and it does not run at all while the main thread waits and the kernel gave the signal to another
    thread, as it does where SIGCONT comes first (systemd sends both). The interpreter's own handler writes the signal's number to a socket
    on whichever thread it runs, and a thread reads it there.
    """
    numbers, written = socket.socketpair()
    written.setblocking(False)
    signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)

    def set_when_told() -> None:
        with numbers, written:
            while numbers.recv(1)[0] not in _NUMBERS:
                pass
            stop.set()
            while True:  # told again: nothing happens, and the socket never fills
                numbers.recv(64)

    threading.Thread(target=set_when_told, name="stop signals", daemon=True).start()
    for number in _NUMBERS:
        signal.signal(number, lambda _number, _frame: None)
