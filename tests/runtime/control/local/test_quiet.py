"""Other work on this machine is seen before the load begins, with who does it. The work is real: a process that is not ours keeps a
processor busy."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from aibenchrt.collect.run_info import Bystander
from aibenchrt.control.local.bystanders import Looking
from aibenchrt.control.local.quiet import LOOK_SAMPLES, before_load
from aibenchrt.control.local.resources import Look, Sampler
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.progress import silent
from strangers import strangers


@pytest.fixture(scope="module")
def stranger() -> Iterator[int]:
    """A busy process that no process of ours started; one for each processor, and the pid of the last."""
    with strangers(os.cpu_count() or 1) as pids:
        yield pids[-1]


def test_other_work_is_warned_of_with_its_name(stranger: int, capsys: pytest.CaptureFixture[str]) -> None:
    with Sampler(list, "here") as sampler:
        before_load(sampler, 0.0, silent)
        look = sampler.look(LOOK_SAMPLES)
    assert look is not None
    assert look.others_share > 0.05
    assert stranger not in sampler.ours()
    said = capsys.readouterr().err
    assert "warning: other work takes " in said
    assert "V16" in said
    assert "--wait-quiet 10min" in said


def test_waiting_for_a_quiet_machine_ends_with_a_reason(stranger: int) -> None:
    told: list[str] = []
    with Sampler(list, "here") as sampler, pytest.raises(EnvironmentFailure, match=r"AIB701: .*other work takes") as raised:
        before_load(sampler, 0.01, lambda what, _share: told.append(what))
    assert "--wait-quiet" in raised.value.hint
    assert stranger not in sampler.ours()


class Recorded(Sampler):
    """Shows what was recorded: the first of the looks, then the next."""

    def __init__(self, *looks: Look | None) -> None:
        super().__init__(list, "here")
        self._looks = list(looks)

    def look(self, samples: int) -> Look | None:
        assert samples == LOOK_SAMPLES
        return self._looks.pop(0)


def test_waiting_ends_when_the_other_work_ends() -> None:
    told: list[str] = []
    busy = Look(0.351, (Bystander(name="cc1plus", pid=7, cpu_share=0.3),))
    before_load(Recorded(busy, busy, Look(0.049, ())), 600.0, lambda what, _share: told.append(what))
    assert told == ["waiting for a quiet machine: other work takes 35.1 % of this machine (cc1plus 30.0 %)"] * 2


def test_a_name_that_somebody_chose_begins_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    before_load(Recorded(Look(0.351, (Bystander(name="x\nVALID", pid=7, cpu_share=0.3),))), 0.0, silent)
    assert "(x\\nVALID 30.0 %)" in capsys.readouterr().err


@pytest.mark.parametrize("look", [None, Look(0.05, ())])
def test_a_quiet_machine_is_not_spoken_of(look: Look | None, capsys: pytest.CaptureFixture[str]) -> None:
    before_load(Recorded(look), 0.0, silent)
    assert capsys.readouterr().err == ""


def test_the_busiest_are_named_and_ours_are_not(stranger: int) -> None:
    ours = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        looking = Looking()
        seen = None
        while not seen:
            seen = [other for other in looking.bystanders({ours.pid, os.getpid()}) if other.pid != ours.pid]
        assert ours.pid not in {other.pid for other in looking.bystanders({ours.pid})}
        assert all(0 < other.cpu_share <= 1 for other in seen)
    finally:
        ours.kill()
        ours.wait()
    assert stranger


def test_a_sampler_tells_its_own_work_from_others() -> None:
    """A child of ours keeps a processor busy: it is the run's own work, whatever else this machine does."""
    ours = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        with Sampler(list, "here") as sampler:
            done = threading.Event()
            while sum(sample.own_share for sample in sampler.machine[2:]) == 0:
                done.wait(0.05)
            assert ours.pid in sampler.ours()
            assert all(sample.host == "here" for sample in sampler.machine)
    finally:
        ours.kill()
        ours.wait()
