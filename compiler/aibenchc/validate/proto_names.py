"""Whether a scenario's names can stand beside each other in its .proto file."""

from __future__ import annotations

from collections.abc import Mapping

from aibenchrt.component import PORT_TYPES
from aibenchrt.proto_names import RESERVED, field_key, message_name

from aibenchc.diagnostics import Diagnostics
from aibenchc.source import Span

_OF_A_REQUEST = ("request_id", "request_class", "payload")


def check_proto_names(tasks: Mapping[str, Span | None], requests: Mapping[str, Span | None], diagnostics: Diagnostics) -> None:
    """AIB503: a task's or request's message would have the name of a port type's, or a request's field that of another. Of each name where
    it is declared."""
    ours = {*PORT_TYPES, *RESERVED}
    owners: list[tuple[str, Span | None, str, tuple[str, ...]]] = [
        (name, span, f"task '{name}'", ("Request", "Reply", "Service")) for name, span in tasks.items()
    ]
    owners += [(name, span, f"request '{name}'", ("Payload",)) for name, span in requests.items()]
    for name, span, owner, suffixes in owners:
        for message in (message_name(name) + suffix for suffix in suffixes):
            if message in ours:
                diagnostics.report(
                    "AIB503", span, name=name, reason=f"{owner} and a port type would both be called {message} in the .proto file"
                )
    fields = {field_key(name): "a field of every request" for name in _OF_A_REQUEST}
    for name, span in requests.items():
        key = field_key(name)
        if key in fields:
            diagnostics.report("AIB503", span, name=name, reason=f"in the .proto file it is the same as {fields[key]}")
        fields.setdefault(key, f"request '{name}'")
