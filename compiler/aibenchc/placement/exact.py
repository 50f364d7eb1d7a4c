"""The same search as an exact one, by OR-Tools CP-SAT: for deployments that barely fit, or do not.

Binary variables say which item goes to which host; the objective is the number of items that leave the host that holds them. One
thread, a fixed seed and a limit in CP-SAT's own deterministic time make the same input give the same answer on every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import groupby
from typing import TYPE_CHECKING

from aibenchc.placement.demands import TRITON_MIB, Item, Rules, millicores_of
from aibenchc.placement.inventory import Host

if TYPE_CHECKING:
    from ortools.sat.python.cp_model import CpModel, IntVar

BUDGET_S = 10.0  # of deterministic time; one took about two seconds of CPU
SEED = 1


class NoAnswer(Enum):
    """INFEASIBLE: there is no placement, which is proven. UNDECIDED: the budget ended first. NOT_INSTALLED: OR-Tools is not."""

    INFEASIBLE = "infeasible"
    UNDECIDED = "undecided"
    NOT_INSTALLED = "not installed"


def solve(items: Sequence[Item], hosts: Sequence[Host], rules: Rules, alone: bool) -> tuple[Host, ...] | NoAnswer:
    """The host of each item, with as few moves as the budget allows to find. alone: generators get hosts of their own."""
    try:
        from ortools.sat.python import cp_model
    except ImportError:
        return NoAnswer.NOT_INSTALLED
    model = cp_model.CpModel()
    on = [{host.name: model.new_bool_var(f"{number} on {host.name}") for host in item.hosts} for number, item in enumerate(items)]
    for chosen in on:
        model.add_exactly_one(chosen.values())
    for host in hosts:
        _limit(model, host, [(item, chosen[host.name]) for item, chosen in zip(items, on, strict=True) if host.name in chosen], rules)
    if alone:
        _set_apart(model, hosts, items, on)
    stays = [chosen[item.before] for item, chosen in zip(items, on, strict=True) if item.before in chosen]
    if stays:
        model.maximize(sum(stays))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.random_seed = SEED
    solver.parameters.max_deterministic_time = BUDGET_S
    solver.solve(model)
    status = solver.status_name()
    if status in ("OPTIMAL", "FEASIBLE"):
        return tuple(next(host for host in item.hosts if solver.value(chosen[host.name])) for item, chosen in zip(items, on, strict=True))
    return NoAnswer.INFEASIBLE if status == "INFEASIBLE" else NoAnswer.UNDECIDED


def _limit(model: CpModel, host: Host, here: Sequence[tuple[Item, IntVar]], rules: Rules) -> None:
    """What one host can take. here: the items that may go there."""
    if host.memory_mib is not None:
        triton = model.new_bool_var(f"Triton on {host.name}")
        for item, chosen in here:
            if item.ai:
                model.add_implication(chosen, triton)
        model.add(sum(item.memory_mib * chosen for item, chosen in here) + TRITON_MIB * triton <= host.memory_mib)
    if host.cores is not None:
        model.add(sum(item.millicores * chosen for item, chosen in here) <= millicores_of(host))
    model.add(sum(item.gpus * chosen for item, chosen in here) <= host.gpus)
    single = sorted((need.name, number) for number, (item, _) in enumerate(here) for need in item.needs if need.single)
    for _, replicas in groupby(single, key=lambda pair: pair[0]):
        model.add_at_most_one(here[number][1] for _, number in replicas)
    for group in rules.apart:
        model.add_at_most_one(chosen for item, chosen in here if group & {need.name for need in item.needs})


def _set_apart(model: CpModel, hosts: Sequence[Host], items: Sequence[Item], on: Sequence[dict[str, IntVar]]) -> None:
    """A host with a query generator takes nothing else."""
    for host in hosts:
        generating = [chosen[host.name] for item, chosen in zip(items, on, strict=True) if item.generator and host.name in chosen]
        if not generating:
            continue
        model.add_at_most_one(generating)
        taken = model.new_bool_var(f"a generator on {host.name}")
        model.add(sum(generating) == taken)
        for item, chosen in zip(items, on, strict=True):
            if not item.generator and host.name in chosen:
                model.add_implication(chosen[host.name], taken.negated())
