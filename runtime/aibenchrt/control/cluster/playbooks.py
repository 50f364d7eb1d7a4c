"""Generated playbooks, run through ansible-runner: progress as tasks begin, a log of its own for each, failures with host and task."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import psutil

from aibenchrt.errors import EnvironmentFailure, install
from aibenchrt.progress import Progress
from aibenchrt.short_folder import ShortFolder
from aibenchrt.shown import visible
from aibenchrt.static_inventories import STATIC_INVENTORIES
from aibenchrt.whole_file import growing_file

_POLL_S = 0.1
MOST_OF_A_REPLY = 1 << 20
_SHOWN = 600  # characters of a message
_MARK = "AIBENCH_PLAY"  # environment variable of everything that a play starts on this machine


@dataclass(frozen=True)
class TaskFailure:
    """A task that failed on a host, or a host that could not be reached."""

    host: str
    task: str
    message: str
    unreachable: bool

    def __str__(self) -> str:
        what = "cannot be reached" if self.unreachable else f"failed at '{self.task}'"
        return f"{self.host} {what}: {self.message}"


@dataclass
class Replies:
    """What a task wrote to stdout on each host, at most MOST_OF_A_REPLY characters; nothing where it failed."""

    task: str
    of: dict[str, str] = field(default_factory=dict)


class Playbooks:
    """The playbooks of one generated folder on one inventory. logs: where their output goes; scratch: ansible-runner's own, removed.
    trusted: the inventory may be a program or a plugin's configuration."""

    def __init__(self, folder: Path, inventory: Path, logs: Path, scratch: Path, progress: Progress, trusted: bool = False) -> None:
        self._folder, self._logs, self._scratch, self._progress = folder, logs, scratch, progress
        self._inventory = inventory.absolute()  # a link is not followed: as the compiler, with the variables that lie beside it
        self._trusted = trusted
        # Ansible names a persistent connection by address alone: a host of the same address in another network must not be taken for ours.
        self.connections = ShortFolder()

    def play(self, playbook: str, variables: Mapping[str, Any], what: str = "", replies: Replies | None = None) -> list[TaskFailure]:
        """Runs a playbook to its end and returns the failures; what: its name in progress messages. replies: of one task, to be filled.

        EnvironmentFailure AIB601: no ansible-runner; AIB691: Ansible itself failed, before or between the tasks. KeyboardInterrupt: after
        the playbook was ended; what it started on the hosts continues.
        """
        run = _ansible_runner()
        name = playbook.removesuffix(".yml")
        log = self._logs / f"{name}.log"
        watched = _Events(log, what or name, _tasks(self._folder, playbook), self._progress, replies)
        cancelled = threading.Event()
        shutil.rmtree(self._scratch, ignore_errors=True)
        self._scratch.mkdir(mode=0o700)
        environment = {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_FORCE_COLOR": "0",
            "ANSIBLE_VERBOSITY": "0",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(self.connections.path),
            "ANSIBLE_LOCAL_TEMP": str(self._scratch / "local"),
            "TMPDIR": str(self._scratch),  # also removes what an interrupted module leaves on this machine
            _MARK: str(self._scratch),
            "ANSIBLE_CONFIG": str(self._folder / "ansible.cfg"),
            **({} if self._trusted else STATIC_INVENTORIES),
        }
        try:
            status = _apart(
                lambda: (
                    run(
                        private_data_dir=str(self._scratch),
                        project_dir=str(self._folder),
                        inventory=str(self._inventory),
                        playbook=playbook,
                        extravars=dict(variables),
                        envvars=environment,
                        settings={"pexpect_timeout": 1},  # how soon it notices that it was cancelled
                        event_handler=watched,
                        cancel_callback=cancelled.is_set,
                        quiet=True,
                    ).status
                ),
                cancelled,
            )
        except BaseException:
            _end_workers(str(self._scratch))
            raise
        finally:
            watched.close()
            shutil.rmtree(self._scratch, ignore_errors=True)  # it holds the environment of this process
        if status != "successful" and not watched.failures:
            raise EnvironmentFailure("AIB691", playbook=playbook, status=status, log_end=f"\n{watched.tail()}".rstrip(), log=log)
        return watched.failures


ADDRESS_TASKS = (
    "Check that its parts can listen where the inventory says",
    "Check that it reaches the parts that it calls",
)  # of role base


def failure(playbook: str, failures: list[TaskFailure], logs: Path) -> EnvironmentFailure:
    """AIB633, or AIB693 where it is about addresses, with every failure, the first in full."""
    lines = [str(failures[0]), *(str(other).splitlines()[0] for other in failures[1:])]
    log = logs / playbook.replace(".yml", ".log")
    if failures[0].task.removeprefix("base : ") in ADDRESS_TASKS:
        return EnvironmentFailure("AIB693", playbook=playbook, failures="\n".join(lines), log=log)
    return EnvironmentFailure("AIB633", playbook=playbook, failures="\n".join(lines), log=log, run=logs.parent)


def _apart(work: Callable[[], str], cancelled: threading.Event) -> str:
    """Runs it on a thread of its own, so that Ctrl-C cannot interrupt it halfway: it is first cancelled and awaited."""
    done = threading.Event()
    results: list[str] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again below
            raised.append(error)
        finally:
            done.set()

    with _interruptions_kept() as kept:
        threading.Thread(target=run, name="ansible", daemon=True).start()
        while not done.wait(_POLL_S):
            if kept:
                cancelled.set()
    if raised:
        raise raised[0]
    return results[0]


@contextlib.contextmanager
def _interruptions_kept() -> Iterator[Sequence[int]]:
    """The numbers of signals that would have interrupted what is inside; the first is raised when it has ended.

    An interruption inside Event.wait or Thread.start can leave a lock held, for which everything waits for ever then, or release it twice
    (CPython 3.11). Has an effect in the main thread only.
    """
    kept: list[int] = []
    before: dict[signal.Signals, Callable[[int, FrameType | None], Any]] = {}
    try:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                handler = signal.getsignal(number)
                if callable(handler):
                    before[number] = handler
                    signal.signal(number, lambda told, _frame: kept.append(told))
        yield kept
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if kept:
            before[signal.Signals(kept[0])](kept[0], None)


def _end_workers(mark: str) -> None:
    """Ends processes that Ansible started for this play and left running: its workers lead sessions of their own, so that ansible-runner
    does not end them with its process group. They are recognised by a mark in their environment."""
    killed = True
    while killed:  # a process that was starting meanwhile is found in the next round
        killed = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(_MARK) == mark:
                    process.kill()
                    killed = True


class _Events:
    """ansible-runner's event handler: returns whether the event is kept as a file, which none is."""

    def __init__(self, log: Path, what: str, tasks: int, progress: Progress, replies: Replies | None = None) -> None:
        self._path, self._what, self._tasks, self._progress = log, what, max(1, tasks), progress
        self._log = os.fdopen(growing_file(log), "a", encoding="utf-8")
        self._begun = 0
        self._last: list[str] = []
        self.failures: list[TaskFailure] = []
        self._replies = replies

    def __call__(self, event: dict[str, Any]) -> bool:
        text = visible(event.get("stdout") or "")  # a host wrote it, and people read the log in a terminal
        if text:
            self._log.write(text + "\n")
            self._log.flush()
            self._last = [*self._last, text][-12:]
        data = event.get("event_data", {})
        kind = event.get("event")
        if kind == "playbook_on_task_start":
            self._begun += 1
            self._progress(f"{self._what}: {data.get('task', '')}", min(0.99, self._begun / self._tasks))
        elif kind == "playbook_on_stats":
            self._progress(f"{self._what}: done", 1.0)
        elif kind == "runner_on_ok" and self._replies is not None and data.get("task") == self._replies.task:
            self._replies.of[str(data.get("host", ""))] = str(data.get("res", {}).get("stdout", ""))[:MOST_OF_A_REPLY]
        elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            message = _message(data.get("res", {}))
            self.failures.append(TaskFailure(str(data.get("host", "")), str(data.get("task", "")), message, kind.endswith("unreachable")))
        return False

    def close(self) -> None:
        self._log.close()

    def tail(self) -> str:
        return "\n".join(self._last)[-2000:]


def _message(result: Mapping[str, Any]) -> str:
    """The module's message; for a loop, that of its first failed item."""
    items = [item for item in result.get("results", ()) if isinstance(item, dict) and item.get("failed")]
    said = items[0] if items else result
    parts = [str(said[name]).strip() for name in ("msg", "stderr", "module_stderr") if said.get(name)]
    return "\n".join(dict.fromkeys(parts))[:_SHOWN] or "it does not say why; the log may"


def _tasks(folder: Path, playbook: str) -> int:
    """An estimate of the number of tasks: those of its plays and their roles."""
    import yaml

    def count(path: Path) -> int:
        return len(yaml.safe_load(path.read_text(encoding="utf-8")) or ()) if path.is_file() else 0

    total = 0
    for play in yaml.safe_load((folder / playbook).read_text(encoding="utf-8")):
        total += sum(len(play.get(part) or ()) for part in ("pre_tasks", "tasks", "post_tasks"))
        for role in play.get("roles") or ():
            name = role["role"] if isinstance(role, dict) else role
            total += count(folder / "roles" / name / "tasks" / "main.yml") * max(1, len(play.get("serial") or ()))
    return total


def _ansible_runner() -> Callable[..., Any]:
    try:
        from ansible_runner import run
    except ImportError as error:
        raise EnvironmentFailure("AIB601", what="ansible-runner", install=install("cluster")) from error
    runner: Callable[..., Any] = run
    return runner
