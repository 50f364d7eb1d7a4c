"""Placement: never over capacity, apart and together hold, the same input the same placement, and what exists is found."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import replace

import pytest
from aibenchc.placement.demands import Demand, Rules
from aibenchc.placement.inventory import Host, Inventory
from aibenchc.placement.search import Placement, Shortfall, place
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from placements import NAMES, holds, inventories, needs_of, placed, rules_of


@settings(deadline=None, max_examples=300)
@given(needs_of(), inventories(), rules_of)
def test_a_placement_holds_and_is_found_where_there_is_one(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules) -> None:
    outcome = place(needs, inventory, rules)
    keys = [(need.name, i) for need in needs for i in range(need.replicas)]
    every = (dict(zip(keys, hosts, strict=True)) for hosts in itertools.product(inventory.hosts, repeat=len(keys)))
    if isinstance(outcome, Placement):
        assert list(placed(outcome)) == keys
        assert holds(needs, inventory, rules, placed(outcome))
    else:
        assert isinstance(outcome, Shortfall)
        assert outcome.reason
        assert not any(holds(needs, inventory, rules, where) for where in every), outcome.reason


@settings(deadline=None, max_examples=100)
@given(needs_of(), inventories(), rules_of, st.randoms(use_true_random=False))
def test_the_order_of_hosts_loses_no_part(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, random: object) -> None:
    hosts = list(inventory.hosts)
    random.shuffle(hosts)  # type: ignore[attr-defined]
    here, there = place(needs, inventory, rules), place(needs, Inventory(tuple(hosts), inventory.groups), rules)
    assert type(here) is type(there)
    assert here == place(needs, inventory, rules)
    if isinstance(here, Placement) and isinstance(there, Placement):
        assert placed(here).keys() == placed(there).keys()
        assert here.alone == there.alone


@pytest.mark.long
@settings(deadline=None, max_examples=300)
@given(needs_of(), inventories(), rules_of, st.data())
def test_what_fits_where_it_is_stays_there(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, data: st.DataObject) -> None:
    """As long as the old placement satisfies the new demands, it is kept."""
    before = place(needs, inventory, rules)
    assume(isinstance(before, Placement))
    assert isinstance(before, Placement)
    memory, cores = (data.draw(st.lists(st.integers(-192, 64), min_size=len(needs), max_size=len(needs))) for _ in range(2))
    changed = tuple(
        replace(need, memory_mib=max(1, need.memory_mib + mib), millicores=max(1, need.millicores + millicores))
        for need, mib, millicores in zip(needs, memory, cores, strict=True)
    )
    held = {key: host.name for key, host in placed(before).items()}
    after = place(changed, inventory, rules, held)
    assert after == place(changed, inventory, rules, held)
    if holds(changed, inventory, rules, placed(before)):
        assert isinstance(after, Placement)
        assert placed(after) == placed(before) or (after.alone and not before.alone)


@settings(deadline=None, max_examples=200)
@given(needs_of(), inventories(), rules_of, st.data())
def test_what_is_held_makes_nothing_impossible(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, data: st.DataObject) -> None:
    """Even if parts are held by a host that no longer exists."""
    names = st.sampled_from([*(host.name for host in inventory.hosts), "gone"])
    held = data.draw(st.dictionaries(st.tuples(st.sampled_from(NAMES), st.integers(0, 2)), names))
    without, outcome = place(needs, inventory, rules), place(needs, inventory, rules, held)
    assert type(outcome) is type(without)
    if isinstance(outcome, Placement) and isinstance(without, Placement):
        assert holds(needs, inventory, rules, placed(outcome))
        assert outcome.alone == without.alone


def test_a_new_part_takes_the_room_that_is_left_and_one_that_has_grown_moves_alone() -> None:
    inventory = Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", 1.0, 512) for i in (1, 2, 3)))
    needs = [Demand("a", "service", 200, 100), Demand("b", "service", 200, 100), Demand("c", "service", 300, 100)]
    held = {("a", 0): "h1", ("b", 0): "h1", ("c", 0): "h2"}
    placement = place([*needs, Demand("d", "service", 500, 900)], inventory, Rules(), held)
    assert isinstance(placement, Placement)
    assert {key[0]: host.name for key, host in placed(placement).items()} == {"a": "h1", "b": "h1", "c": "h2", "d": "h3"}
    grown = place([needs[0], replace(needs[1], memory_mib=400), needs[2]], inventory, Rules(), held)
    assert isinstance(grown, Placement)
    assert {key[0]: host.name for key, host in placed(grown).items()} == {"a": "h3", "b": "h1", "c": "h2"}


@settings(deadline=None, max_examples=100)
@given(needs_of(), inventories(), rules_of)
def test_gpus_are_given_once(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules) -> None:
    outcome = place(needs, inventory, rules)
    taken = (
        [(replica.host.name, replica.gpu) for replica in outcome.placed if replica.gpu is not None]
        if isinstance(outcome, Placement)
        else []
    )
    assert len(taken) == len(set(taken))


def hosts(count: int, **has: object) -> Inventory:
    return Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", **has) for i in range(1, count + 1)))  # type: ignore[arg-type]


SMALL = (
    Demand("planner", "planner", 128, 100),
    *(Demand(f"s{i}", "service", 64, 30) for i in range(9)),
    Demand("generator", "generator", 192, 60),
)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 15])
def test_generators_have_hosts_of_their_own_where_there_are_enough(count: int) -> None:
    placement = place(SMALL, hosts(count), Rules())
    assert isinstance(placement, Placement)
    (generator,) = placement.of("generator")
    beside = [replica for replica in placement.placed if replica.host == generator.host and replica is not generator]
    assert (not beside) == (count > 1) == placement.alone


def test_generators_share_where_the_rest_would_not_fit() -> None:
    placement = place(SMALL, hosts(2, memory_mib=512), Rules())
    assert isinstance(placement, Placement)
    assert not placement.alone


def test_a_generator_takes_the_smallest_host_that_will_do() -> None:
    sizes = (256, 128, 4096, 192)
    inventory = Inventory(tuple(Host(f"h{i}", f"192.0.2.{i}", memory_mib=mib) for i, mib in enumerate(sizes)))
    placement = place(SMALL, inventory, Rules())
    assert isinstance(placement, Placement)
    assert placement.of("generator")[0].host.memory_mib == 192


def test_the_load_is_spread() -> None:
    placement = place(SMALL, hosts(5), Rules())
    assert isinstance(placement, Placement)
    loads: dict[str, int] = defaultdict(int)
    for replica in placement.placed:
        if replica.need.kind != "generator":
            loads[replica.host.name] += replica.need.millicores
    assert len(loads) == 4
    assert max(loads.values()) - min(loads.values()) <= 40


def test_replicas_of_a_service_share_a_host_only_when_they_must() -> None:
    for count, shared in ((3, 2), (4, 1)):
        placement = place((Demand("s", "service", 64, 30, replicas=4),), hosts(count), Rules())
        assert isinstance(placement, Placement)
        names = [replica.host.name for replica in placement.placed]
        assert max(names.count(name) for name in names) == shared


@pytest.mark.parametrize(
    ("needs", "inventory", "rules", "said"),
    [
        ((Demand("a", "service", 700, 10), Demand("b", "service", 700, 10)), hosts(2, memory_mib=512), Rules(), "376 MiB of memory short"),
        ((Demand("a", "service", 600, 10),), hosts(2, memory_mib=512), Rules(), "no host has room for 'a'; the one with the most free"),
        ((Demand("a", "service", 64, 800), Demand("b", "service", 64, 800)), hosts(1, cores=1.0), Rules(), "0.6 cores short"),
        ((Demand("m", "ai", 64, 10, gpu=True),), hosts(2), Rules(), "1 GPU short: 1 needed, the hosts have none"),
        ((Demand("m", "ai", 64, 10, replicas=4),), hosts(2), Rules(), "2 hosts short: 4 replicas of 'm' need a host each, 2 may take one"),
        (
            (Demand("a", "service", 64, 10), Demand("b", "service", 64, 10)),
            hosts(1),
            Rules(apart=(frozenset("ab"),)),
            "1 host short: 2 replicas of 'a', 'b' stay apart, 1 host may take them",
        ),
    ],
)
def test_a_shortfall_says_what_is_short_and_by_how_much(needs: tuple[Demand, ...], inventory: Inventory, rules: Rules, said: str) -> None:
    outcome = place(needs, inventory, rules)
    assert isinstance(outcome, Shortfall)
    assert outcome.reason.startswith(said), outcome.reason
    assert outcome.notes


def test_a_part_whose_groups_have_no_host_in_common() -> None:
    inventory = Inventory(
        (Host("h1", "192.0.2.1", groups=frozenset({"planner"})), Host("h2", "192.0.2.2", groups=frozenset({"services"}))),
        frozenset({"planner", "services"}),
    )
    needs = (Demand("planner", "planner", 64, 10), Demand("a", "service", 64, 10))
    outcome = place(needs, inventory, Rules(together=(frozenset({"planner", "a"}),)))
    assert isinstance(outcome, Shortfall)
    assert "`planner`, `services`" in outcome.reason


def test_a_placement_of_many_parts_is_quick() -> None:
    needs = tuple(Demand(f"s{i}", "service", 64, 10, replicas=2) for i in range(100))
    outcome = place(needs, hosts(30, memory_mib=512, cores=1.0), Rules())
    assert isinstance(outcome, Placement)
    assert len(outcome.placed) == 200
