"""Pieces of training in processes of their own, as many at a time as the machine has cores: small models train on one or two threads.

Each process imports what it needs by itself (spawn), so that neither torch's threads nor a terminal's bars are shared with it. What a piece
returns is stored by the piece itself; only its progress, and how it ended, come back.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.libraries import in_use, use_as_planned
from aibenchrt.progress import Progress
from aibenchrt.serve.model_processes import ending

_SPAWNED = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Piece:
    """what: its name in messages. work: a function of a module, called with the arguments and, last, a Progress."""

    what: str
    work: Callable[..., object]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class _Ended:
    """failure: None if it ended well. report: the traceback of a failure."""

    failure: Exception | None = None
    report: str = ""


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def side_by_side(pieces: Sequence[Piece], progress: Progress, at_a_time: int) -> None:
    """Returns when all have ended well; the first failure ends the others.

    EnvironmentFailure: that of a piece, or AIB721: a process died. RuntimeError: another failure, with its traceback.
    """
    waiting = list(pieces)
    running: dict[Connection, tuple[Piece, BaseProcess]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < at_a_time:
                piece = waiting.pop(0)
                hearing, process = _started(piece)
                running[hearing] = piece, process
            for hearing in [ready for ready in wait(list(running)) if isinstance(ready, Connection)]:
                piece, process = running[hearing]
                if _heard(hearing, piece, process, progress):
                    del running[hearing]
    finally:
        for hearing, (_, process) in running.items():
            process.kill()
            process.join()
            hearing.close()


def _started(piece: Piece) -> tuple[Connection, BaseProcess]:
    hearing, telling = _SPAWNED.Pipe(duplex=False)
    process = _SPAWNED.Process(target=_run, args=(piece, in_use(), telling), name=piece.what, daemon=True)
    process.start()
    telling.close()
    return hearing, process


def _heard(hearing: Connection, piece: Piece, process: BaseProcess, progress: Progress) -> bool:
    """Takes one message; whether the piece has ended. Raises its failure."""
    try:
        told = hearing.recv()
    except EOFError:
        process.join()
        raise EnvironmentFailure("AIB721", what=piece.what, how=ending(process.exitcode)) from None
    if not isinstance(told, _Ended):
        progress(*told)
        return False
    process.join()
    hearing.close()
    if isinstance(told.failure, EnvironmentFailure):
        raise told.failure
    if told.failure is not None:
        raise RuntimeError(f"{piece.what}\n{told.report}") from told.failure
    return True


def _run(piece: Piece, libraries: Sequence[Any], telling: Connection) -> None:
    """In a process of its own. An interrupt from the terminal is the first process's to handle, which ends this one."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with contextlib.suppress(BrokenPipeError):  # the first process has gone, and with it whoever waits for this
        telling.send(_outcome(piece, libraries, telling))


def _outcome(piece: Piece, libraries: Sequence[Any], telling: Connection) -> _Ended:
    try:
        use_as_planned(libraries)
        piece.work(*piece.arguments, lambda what, share: telling.send((what, share)))
    except BrokenPipeError:
        raise
    except Exception as failure:  # noqa: BLE001 - told to the first process, which raises it
        known = failure if isinstance(failure, EnvironmentFailure) else RuntimeError(str(failure))
        return _Ended(known, "".join(traceback.format_exception(failure)))
    return _Ended()
