"""What a scenario's names are called in its .proto file, so that no two of them become one and none becomes a name of ours."""

from __future__ import annotations

import re

RESERVED = ("Timing", "StageTiming", "ScenarioRequest", "ScenarioReply", "ScenarioService")  # messages and services of every scenario
_CANONICAL = re.compile(r"[a-z][a-z0-9]*(?:_[a-z][a-z0-9]*)*")
_MARK = "N_"  # no name in camel case has an underscore


def message_name(name: str) -> str:
    """'parse_spell' → 'ParseSpell': a task's or request's name in the names of its messages and its service.

    Where another name could become the same in camel case (`svc_0_1`, `_a`, `Parse`), or where it would be one of ours, the name itself
    behind a mark: 'svc_0_1' → 'N_svc_0_1'. So different names stay different.
    """
    camel = "".join(part[:1].upper() + part[1:] for part in name.split("_"))
    return camel if _CANONICAL.fullmatch(name) and camel != "Scenario" else _MARK + name


def field_key(name: str) -> str:
    """Two fields of one message may not have the same: protoc refuses names that differ in nothing but case and underscores."""
    return name.replace("_", "").lower()
