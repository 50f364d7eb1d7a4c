"""What a deployment would change: the plan's parts against what each host says that it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from aibenchrt.deployment import Deployed, DeployedPart, PartKind

GONE = "this deployment has no such host"


@dataclass(frozen=True)
class PartChange:
    """sign: + comes, - goes, ~ changes or moves. details: what of it, from what to what."""

    sign: str
    part: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class HostChanges:
    host: str
    changes: tuple[PartChange, ...]


def changes(
    planned: Mapping[str, Deployed], held: Mapping[str, Deployed | None], archives: Mapping[str, str] | None = None
) -> tuple[HostChanges, ...]:
    """The hosts on which something changes, the plan's first. held: None where nothing of the scenario is deployed.

    archives: what a shipment has, name → name with its content hash, to compare with what was shipped to each host.
    """
    now = {(part.kind, part.name): host for host, holding in held.items() if holding for part in holding.parts}
    then = {(part.kind, part.name): host for host, holding in planned.items() for part in holding.parts}
    hosts = (*planned, *(host for host, holding in held.items() if host not in planned and holding is not None))
    compared = []
    for host in hosts:
        to, of = planned.get(host), held.get(host)
        changed = (*_of_host(to, of), *_parts(host, to, of, now, then), *_archives(to, of, archives or {}))
        if changed:
            compared.append(HostChanges(host, changed))
    return tuple(compared)


def _of_host(planned: Deployed | None, held: Deployed | None) -> Iterator[PartChange]:
    """Changes of the host as a whole."""
    if planned is None or held is None:
        return
    details = []
    if planned.deployment != held.deployment:
        details.append(f"deployment {held.deployment} → {planned.deployment}")
    if planned.tls != held.tls:
        details.append("plain connections → mutual TLS" if planned.tls else "mutual TLS → plain connections")
    if details:
        yield PartChange("~", "the host", tuple(details))


def _parts(
    host: str,
    planned: Deployed | None,
    held: Deployed | None,
    now: Mapping[tuple[PartKind, str], str],
    then: Mapping[tuple[PartKind, str], str],
) -> Iterator[PartChange]:
    to = {_slot(part): part for part in planned.parts} if planned else {}
    of = {_slot(part): part for part in held.parts} if held else {}
    same_plan = planned is not None and held is not None and planned.plan == held.plan
    for slot, part in to.items():
        key = (part.kind, part.name)
        if slot in of:
            details = tuple(_details(of[slot], part, same_plan))
            if details:
                yield PartChange("~", part.name, details)
        elif key in now and now[key] != host:
            yield PartChange("~", part.name, (f"moves here from {now[key]}",))
        else:
            yield PartChange("+", part.name, tuple(_holds(part)))
    for slot, part in of.items():
        if slot in to:
            continue
        target = then.get((part.kind, part.name))
        if target is not None and target != host:
            yield PartChange("~", part.name, (f"moves to {target}",))
        else:
            yield PartChange("-", part.name, () if planned else (GONE,))


def _slot(part: DeployedPart) -> str:
    """What identifies a part on its host. A host has at most one Triton and one query generator, whose numbers depend on the other
    hosts."""
    return part.kind if part.kind in ("triton", "generator") else part.name


def _holds(part: DeployedPart) -> Iterator[str]:
    if part.address:
        yield f"at {part.address}"
    if part.kind == "triton":
        yield "serves " + ", ".join(f"{name} ({stage.model})" for name, stage in part.stages.items())


def _details(held: DeployedPart, planned: DeployedPart, same_plan: bool) -> Iterator[str]:
    if held.name != planned.name:
        yield f"was {held.name}"
    if held.address != planned.address:
        yield f"address {held.address} → {planned.address}"
    if held.memory_mib != planned.memory_mib:
        yield f"memory {held.memory_mib} → {planned.memory_mib} MiB"
    for name in (*planned.stages, *(name for name in held.stages if name not in planned.stages)):
        of, to = held.stages.get(name), planned.stages.get(name)
        if of is None and to is not None:
            yield f"+ {name} ({to.model or to.component})"
        elif to is None and of is not None:
            yield f"- {name} ({of.model or of.component})"
        elif of is not None and to is not None:
            if of.component != to.component:
                yield f"{name}: component {of.component} → {to.component}"
            if of.model != to.model:
                yield f"{name}: model {of.model} → {to.model}"
            for setting in dict.fromkeys((*of.settings, *to.settings)):
                if of.settings.get(setting) != to.settings.get(setting):
                    yield f"{name}: {setting} {of.settings.get(setting, 'not set')} → {to.settings.get(setting, 'not set')}"
    if planned.kind in ("planner", "generator") and not same_plan:
        yield "another plan"


def _archives(planned: Deployed | None, held: Deployed | None, archives: Mapping[str, str]) -> Iterator[PartChange]:
    """Changes of the archives on the host: code, libraries, prepared data, and the version of each model."""
    if planned is None or held is None:
        return
    for name, shipped in held.archives.items():
        if name in archives and archives[name] != shipped:
            yield PartChange("~", name, (f"shipped as {shipped} → {archives[name]}",))
