"""The processes of a local run as run.json has them: each child with all its starts, and the processes of Triton's models."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from aibenchrt.collect.run_info import ProcessInfo
from aibenchrt.control.local.process import Child, how_it_died
from aibenchrt.serve.model_processes import Member, ending


def process_infos(children: Sequence[Child]) -> tuple[ProcessInfo, ...]:
    """In the order of the first starts; after a server, the processes of its models."""
    named: dict[str, list[Child]] = {}
    for child in children:
        named.setdefault(child.name, []).append(child)
    return tuple(info for starts in named.values() for info in (_child(starts), *_members(starts)))


def _child(starts: Sequence[Child]) -> ProcessInfo:
    """died: a start that ended by itself or answered nothing, or was followed by another; not for what only a member did."""
    last, restarts = starts[-1], len(starts) - 1
    reasons = [how_it_died(child) for child in starts if not child.lost and child.died]
    reasons += [f"started again {restarts} time{'s' if restarts > 1 else ''}"] if restarts else []
    return ProcessInfo(
        name=last.name,
        role=last.role,
        pid=last.pid,
        replica=last.replica,
        exit_code=last.process.poll(),
        died=bool(reasons),
        restarts=restarts,
        reason=", ".join(reasons),
    )


def _members(starts: Iterable[Child]) -> Iterator[ProcessInfo]:
    for child in starts:
        for member in child.members:
            yield _member(child, member)


def _member(child: Child, member: Member) -> ProcessInfo:
    return ProcessInfo(
        name=f"model '{member.model}' of {child.name}",
        role=child.role,
        pid=member.process.pid,
        replica=child.replica,
        exit_code=member.code,
        died=member.ended,
        reason=(ending(member.code) or "it ended") if member.ended else "",
        model=member.model,
    )
