"""How a program is told to stop: SIGTERM or SIGINT sets an event. Standard library only."""

from __future__ import annotations

import queue
import signal
import threading


def on_stop_signals(stop: threading.Event) -> None:
    """From now on SIGTERM and SIGINT set `stop`. Call it on the main thread.

    Another thread sets it. A handler runs on the main thread between any two of its instructions, also while Event.wait holds the event's
    lock: a handler that set the event itself would then wait for that lock for ever.
    """
    signals: queue.SimpleQueue[int] = queue.SimpleQueue()  # whose put() may interrupt itself

    def set_when_told() -> None:
        signals.get()
        stop.set()

    threading.Thread(target=set_when_told, name="stop signals", daemon=True).start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _frame: signals.put(number))
