"""CP-SAT agrees with trying everything, packs what barely fits, and says where its answer ends."""

from __future__ import annotations

import itertools
import random
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from aibenchc.diagnostics import Diagnostics
from aibenchc.driver import CompileSettings, compile_spec
from aibenchc.placement import exact
from aibenchc.placement.demands import Demand, Rules, items_of
from aibenchc.placement.exact import NoAnswer, solve
from aibenchc.placement.hand_search import Stuck, search
from aibenchc.placement.inventory import Host, Inventory, read_inventory
from aibenchc.placement.search import Placement, Shortfall, place
from aibenchc.syntax.files import Files
from hypothesis import given, settings
from hypothesis import strategies as st
from paths import TESTS
from placements import Where, holds, inventories, needs_of, packed, placed, rules_of

PACKED = TESTS / "cases" / "hosts" / "exactly_packed.case"


def apart(where: Where) -> bool:
    """Whether a host with a query generator holds nothing else."""
    on: dict[str, list[str]] = defaultdict(list)
    for (name, _), host in where.items():
        on[host.name].append(name)
    return all(len(names) == 1 for names in on.values() if "generator" in names)


@settings(deadline=None, max_examples=150)
@given(needs_of(), inventories(), rules_of, st.booleans(), st.data())
def test_it_agrees_with_trying_every_placement(
    needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, alone: bool, data: st.DataObject
) -> None:
    """Also about how few parts have to move."""
    keys = [(need.name, i) for need in needs for i in range(need.replicas)]
    held = data.draw(st.dictionaries(st.sampled_from(keys), st.sampled_from([*(host.name for host in inventory.hosts), "gone"])))
    rules = Rules(rules.apart, () if alone else rules.together)  # what goes with a generator is not alone
    items = list(items_of(needs, inventory, rules, held))
    answer = solve(items, inventory.hosts, rules, alone) if all(item.hosts for item in items) else NoAnswer.INFEASIBLE
    every = (dict(zip(keys, hosts, strict=True)) for hosts in itertools.product(inventory.hosts, repeat=len(keys)))
    possible = [where for where in every if holds(needs, inventory, rules, where) and (apart(where) or not alone)]
    if isinstance(answer, NoAnswer):
        assert answer is NoAnswer.INFEASIBLE
        assert not possible
        return
    where = {(need.name, item.replica): host for item, host in zip(items, answer, strict=True) for need in item.needs}
    assert where in possible
    stays = [sum(chosen[item.needs[0].name, item.replica].name == item.before for item in items) for chosen in (where, *possible)]
    assert stays[0] == max(stays)


@pytest.mark.long
@settings(deadline=None, max_examples=12)
@given(st.integers(0, 10**6))
def test_what_can_be_packed_exactly_is_placed(seed: int) -> None:
    needs, inventory = packed(random.Random(seed), hosts=5, parts=4)
    outcome = place(needs, inventory, Rules())
    assert isinstance(outcome, Placement)
    assert holds(needs, inventory, Rules(), placed(outcome))
    assert outcome == place(needs, inventory, Rules())


def test_the_same_answer_in_another_process() -> None:
    code = (
        "import random; from aibenchc.placement.demands import Rules; from aibenchc.placement.search import place;"
        "from placements import packed;"
        "print([r.host.name for r in place(*packed(random.Random(5), hosts=5, parts=4), Rules()).placed])"
    )
    path = ":".join(sys.path)
    told = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONPATH": path, "PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(told) == 1


def test_as_few_as_possible_move() -> None:
    """Of a full deployment two parts exchange their sizes: they, or what makes room for them, move, and nothing else."""
    needs, inventory = packed(random.Random(3), hosts=5, parts=4)
    before = place(needs, inventory, Rules())
    assert isinstance(before, Placement)
    held = {key: host.name for key, host in placed(before).items()}
    first, second = (next(need for need in needs if held[need.name, 0] == host.name) for host in inventory.hosts[:2])
    swapped = {
        first.name: Demand(first.name, "service", second.memory_mib, second.millicores),
        second.name: Demand(second.name, "service", first.memory_mib, first.millicores),
    }
    after = place([swapped.get(need.name, need) for need in needs], inventory, Rules(), held)
    assert isinstance(after, Placement)
    assert {key[0] for key, host in placed(after).items() if host.name != held[key]} == {first.name, second.name}


def pigeonholes() -> tuple[tuple[Demand, ...], Inventory]:
    """Three of these parts fit on a host, so that 16 do not fit on five; their sum does."""
    needs = tuple(Demand(f"s{i}", "service", 290 + i, 100) for i in range(16))
    return needs, Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", 2.0, 1000) for i in range(5)))


def test_what_fits_in_sum_only_is_proven_not_to_fit() -> None:
    needs, inventory = pigeonholes()
    found = search(list(items_of(needs, inventory, Rules(), {})), inventory, Rules(), alone=False)
    assert isinstance(found, Stuck)
    assert not found.exhausted
    outcome = place(needs, inventory, Rules())
    assert isinstance(outcome, Shortfall)
    assert outcome.reason == "no placement of all parts exists"
    assert outcome.notes[-1] == "proven by OR-Tools CP-SAT; the tightest resource is memory: 4760 of 5000 MiB are needed"


def compiled(folder: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[bool, Diagnostics]:
    """The text case of an exactly packed deployment, as `plan` compiles it."""
    monkeypatch.chdir(folder)
    _, spec, hosts, _ = PACKED.read_text(encoding="utf-8").split("=== ")
    for part in (spec, hosts):
        name, _, content = part.partition("\n")
        Path(name).write_text(content, encoding="utf-8")
    diagnostics = Diagnostics()
    files = Files(Path("main.aib"), [], diagnostics)
    source = files.open_spec()
    assert source is not None
    inventory = read_inventory(Path("hosts.ini"), diagnostics)
    outcome = compile_spec(source, CompileSettings(inventory=inventory), diagnostics, files.open_include, files.open_trace)
    return outcome is not None, diagnostics


def test_without_ortools_it_is_said_that_the_search_was_not_exhaustive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ortools.sat.python", None)  # as if it were not installed
    done, diagnostics = compiled(tmp_path, monkeypatch)
    assert not done
    (error,) = diagnostics.all
    assert error.code.id == "AIB420"
    assert "was not exhaustive" in error.message
    assert "[cluster]" in error.hint


def test_a_budget_that_ends_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exact, "BUDGET_S", 1e-9)
    done, diagnostics = compiled(tmp_path, monkeypatch)
    assert not done
    (error,) = diagnostics.all
    assert error.code.id == "AIB419"
    assert "1e-09 s of its deterministic time" in error.message
    assert error.notes


def test_what_fits_easily_and_what_exceeds_the_hosts_never_asks_cp_sat() -> None:
    code = (
        "import sys; from aibenchc.placement.demands import Demand, Rules; from aibenchc.placement.inventory import Host, Inventory;"
        "from aibenchc.placement.search import place; hosts = Inventory(tuple(Host(f'h{i}', f'192.0.2.{i}', 2.0, 1000) for i in range(5)));"
        "outcomes = [place([Demand(f's{i}', 'service', mib, 100) for i in range(20)], hosts, Rules()) for mib in (100, 900)];"
        "print([type(outcome).__name__ for outcome in outcomes], 'ortools' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told == "['Placement', 'Shortfall'] False\n"
