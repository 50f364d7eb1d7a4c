"""Libraries of others: components, data sets, port types and metrics in a package of somebody else's, used by specs that name it.

The package declares what it adds as a `Library`, under an entry point of the group `aibenchc.library`:

    [project.entry-points."aibenchc.library"]
    acme_search = "acme_search.library:LIBRARY"

A spec names the entry point (`library "acme_search"`), a plan carries it, and every process that reads the plan uses it. What is in use is
one state of the process: `use` puts it into the registries, and takes out what was there before. Nothing is looked up where none is named.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES, AnswerType, TruthType
from aibenchrt.catalog import COMPONENTS, DATASETS
from aibenchrt.component import PORT_TYPES, ComponentSpec, DatasetSpec, Port, PortType
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.metrics import METRICS, Metric, metric
from aibenchrt.registry import Registry

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from aibenchrt.plan import Plan, PlanLibrary

GROUP = "aibenchc.library"
MOST_SAID = 300  # characters of an error of such a package
NOT_IMPORTED = ("torch",)  # not imported by anything that the compiler reads: it would take seconds

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,59}")


@dataclass(frozen=True)
class Library:
    """What a package adds to the names that specs may use. No name may be one of ours, or of another library in use.

    The module that holds it must not import torch, since the compiler imports it. The code that trains and serves is in the packages that
    the specs of components and data sets name.
    """

    components: tuple[ComponentSpec, ...] = ()
    datasets: tuple[DatasetSpec, ...] = ()
    port_types: tuple[PortType, ...] = ()
    metrics: tuple[Metric, ...] = ()
    answer_types: tuple[AnswerType, ...] = ()
    truth_types: tuple[TruthType, ...] = ()


@dataclass(frozen=True)
class UsedLibrary:
    """name: of the entry point; distribution, version: the package that declares it."""

    name: str
    distribution: str
    version: str


@dataclass(frozen=True)
class _Table:
    """kind: its name in messages, as in 'the library has a port type that …'."""

    kind: str
    registry: Registry[Any]
    rows: Callable[[Library], Sequence[Any]]


_TABLES = (
    _Table("port type", PORT_TYPES, lambda library: library.port_types),
    _Table("answer type", ANSWER_TYPES, lambda library: library.answer_types),
    _Table("truth type", TRUTH_TYPES, lambda library: library.truth_types),
    _Table("metric", METRICS, lambda library: library.metrics),
    _Table("data set", DATASETS, lambda library: library.datasets),
    _Table("component", COMPONENTS, lambda library: library.components),
)
_in_use: dict[UsedLibrary, Library] = {}  # with what each declares, in the order in which they were named


def add_library_argument(parser: ArgumentParser) -> None:
    """--library, of a command that takes no spec which could name libraries. Its value goes to `use`."""
    parser.add_argument("--library", action="append", default=[], metavar="NAME", help="also what this installed library adds (repeatable)")


def in_use() -> tuple[UsedLibrary, ...]:
    """The libraries that this process uses now, in the order in which they were named."""
    return tuple(_in_use)


def library_of(row: object) -> str | None:
    """The library in use that declares this component, data set, port type or metric; None where it is ours."""
    return next(
        (used.name for used, library in _in_use.items() for table in _TABLES if any(row is own for own in table.rows(library))), None
    )


def open_plan(path: Path) -> Plan:
    """Reads the plan and puts its libraries into use. EnvironmentFailure: AIB675 as read_plan; as `use_as_planned`."""
    from aibenchrt.plan import read_plan  # imports pydantic, which a check does not need

    plan = read_plan(path)
    use_as_planned(plan.libraries)
    return plan


def use_as_planned(libraries: Iterable[PlanLibrary]) -> None:
    """Puts the libraries that a plan was compiled with into use. EnvironmentFailure: as `use`; AIB699: another version is installed
    here."""
    planned = tuple(UsedLibrary(row.name, row.distribution, row.version) for row in libraries)
    if planned == in_use():
        return
    for library, installed in zip(planned, use([library.name for library in planned]), strict=True):
        if installed != library:
            here = f"{installed.distribution} {installed.version}"
            raise EnvironmentFailure("AIB699", name=library.name, planned=f"{library.distribution} {library.version}", here=here)


def use(names: Iterable[str]) -> tuple[UsedLibrary, ...]:
    """Puts these libraries, and no others, into use and returns them. If one fails, none is in use.

    EnvironmentFailure: AIB696: not installed; AIB697: broken, or no library; AIB698: a name is taken.
    """
    global _in_use
    names = tuple(dict.fromkeys(names))
    if names == tuple(library.name for library in _in_use):
        return in_use()
    _in_use = {}
    _put([{} for _ in _TABLES])
    opened = dict(_opened(name) for name in names)
    _put(_added((used.name, library) for used, library in opened.items()))
    try:
        for used, library in opened.items():
            _check(used.name, library)
    except EnvironmentFailure:
        _put([{} for _ in _TABLES])
        raise
    _in_use = opened
    return in_use()


def _put(added: Iterable[dict[str, Any]]) -> None:
    """Puts what libraries add to each table in place of what others added before."""
    for table, rows in zip(_TABLES, added, strict=True):
        table.registry.added = rows


def _opened(name: str) -> tuple[UsedLibrary, Library]:
    import importlib.metadata  # takes 20 ms, which specs without libraries are spared

    points = importlib.metadata.entry_points(group=GROUP)
    mine = {(point.value, point.dist.name if point.dist else ""): point for point in points if point.name == name}
    if not mine:
        known = ", ".join(sorted(point.name for point in points)) or "none"
        raise EnvironmentFailure("AIB696", name=name, group=GROUP, known=known)
    if len(mine) > 1:
        owners = " and ".join(sorted(owner for _, owner in mine))
        raise EnvironmentFailure("AIB697", name=name, problem=f"{owners} both declare it", way_out="uninstall one of them")
    (point,) = mine.values()
    before = {heavy for heavy in NOT_IMPORTED if heavy in sys.modules}
    try:
        library = point.load()
    except (Exception, SystemExit) as error:  # a partner's package may raise anything when it is imported
        said = " ".join(str(error).split())[:MOST_SAID]
        raise _broken(name, f"{point.value} cannot be imported: {type(error).__name__}: {said}") from error
    if not isinstance(library, Library):
        raise _broken(name, f"{point.value} is a {type(library).__name__}, not a Library")
    if heavy := [heavy for heavy in NOT_IMPORTED if heavy in sys.modules and heavy not in before]:
        raise _broken(name, f"{point.value} imports {', '.join(heavy)}, which only training may")
    assert point.dist is not None  # it was found in one
    return UsedLibrary(name, point.dist.name, point.dist.version), library


def _broken(name: str, problem: str) -> EnvironmentFailure:
    return EnvironmentFailure("AIB697", name=name, problem=problem, way_out="mend the package, or use another version of it")


def _added(libraries: Iterable[tuple[str, Library]]) -> list[dict[str, Any]]:
    """For each table what the libraries add to it."""
    added: list[dict[str, Any]] = [{} for _ in _TABLES]
    owners: list[dict[str, str]] = [dict.fromkeys(table.registry.own, "aibenchc") for table in _TABLES]
    for name, library in libraries:
        for table, rows, owner in zip(_TABLES, added, owners, strict=True):
            for row in table.rows(library):
                if not _NAME.fullmatch(row.name):
                    problem = f"{table.kind} {row.name!r}: a name has letters, digits and _, 60 at most, the first no digit"
                    raise _broken(name, problem)
                if row.name in owner:
                    raise EnvironmentFailure("AIB698", name=name, kind=table.kind, row=row.name, owner=owner[row.name])
                owner[row.name] = name
                rows[row.name] = row
    return added


def _check(name: str, library: Library) -> None:
    """Checks that everything the rows name exists. EnvironmentFailure AIB697 otherwise."""
    for problem in _problems(library):
        raise _broken(name, problem)


def _problems(library: Library) -> Iterator[str]:
    places = [(spec.name, spec.package) for spec in library.components] + [(data.name, data.package) for data in library.datasets]
    for name, package in places:
        if not package:
            yield f"{name} names no package, where its work is: `package=__package__` in a module beside it"
    for spec in library.components:
        variants = (spec.ports, *(ports for _, ports in spec.variants))
        yield from _of_ports(f"component {spec.name}", [port for ports in variants for port in (*ports.inputs, *ports.outputs)])
        yield from (f"component {spec.name} has the metric {of!r}, which nobody defines" for of in spec.metrics if metric(of) is None)
    for data in library.datasets:
        yield from _of_ports(f"data set {data.name}", [port for source in data.sources for port in source.ports])
        yield from (f"data set {data.name} has the metric {of!r}, which nobody defines" for of in data.metrics if metric(of) is None)
        yield from _unknown(f"data set {data.name}", "truth type", data.truth_types, TRUTH_TYPES)
        if data.clustered_by and not any(
            port.name == data.clustered_by.partition(".")[0] for source in data.sources for port in source.ports
        ):
            yield f"data set {data.name} is clustered by {data.clustered_by!r}, which no request source of it has as a port"
    for port_type in library.port_types:
        yield from _unknown(f"port type {port_type.name}", "answer type", [shows.answer for shows in port_type.shows], ANSWER_TYPES)
    for scored in library.metrics:
        yield from _unknown(f"metric {scored.name}", "answer type", [scored.answer], ANSWER_TYPES)
        yield from _unknown(f"metric {scored.name}", "truth type", [scored.truth], TRUTH_TYPES)


def _of_ports(owner: str, ports: Iterable[Port]) -> Iterator[str]:
    yield from _unknown(owner, "port type", [port.type for port in ports], PORT_TYPES)


def _unknown(owner: str, kind: str, names: Iterable[str], known: Mapping[str, object]) -> Iterator[str]:
    yield from (f"{owner} has the {kind} {name!r}, which nobody defines" for name in names if name not in known)
