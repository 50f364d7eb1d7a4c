"""The command lines of `aibenchrt.command_lines` in the units of systemd: their values are expressions of Ansible."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from aibenchrt.command_lines import CommandLine, GeneratorInput, TritonTrace, generator, planner, service, triton, watched_triton

from aibenchc.emit.templates import Fit

PYTHON = "{{ aibench_environment }}/bin/python3"
GENERATED = "{{ aibench_root }}/{{ aibench_archives.scenario }}"
ADDRESS = "{{ item.address }}:{{ item.listens }}"  # where others call it
BIND = "{{ aibench_bind_address }}"
LISTENS = "{{ aibench_bind_address | default(item.address) }}"
RUN = "{{ aibench_state }}/runs/{{ aibench_run }}"  # root's; in it, each kind of part that records has a folder of its own
LOAD = "{{ aibench_root }}/{{ aibench_archives.load }}"
TRITON = "{{ aibench_root }}/{{ aibench_archives['libraries-triton'] }}/pytriton/tritonserver/bin/tritonserver"
WRITTEN_TOGETHER = 50  # requests per file of Triton's trace: a server that is killed loses at most the trace of that many

# Option → the expression under which the option is given.
CONDITIONS = {
    "--tls": "aibench_tls",
    "--bind": "aibench_bind_address is defined",
    "--start-file": "item.host",
    **dict.fromkeys(("--grpc-use-ssl-mutual", "--grpc-root-cert", "--grpc-server-cert", "--grpc-server-key"), "aibench_tls"),
}
# Option → (name, list): the option is given once for each element of the list.
REPEATED = {"--model-repository": ("repository", "aibench_repositories[item.name]")}

_EXPRESSION = re.compile(r"\{\{ (.+?) \}\}")
_LITERAL = re.compile(r"(?:[A-Za-z0-9_./:@+=,-]|\$\{[A-Z_]+\})*\Z")


@dataclass(frozen=True)
class UnitCommands:
    """ExecStart of each kind of unit."""

    planner: Fit
    service: Fit
    generator: Fit
    triton: Fit


def unit_commands() -> UnitCommands:
    sent = GeneratorInput(
        generated=GENERATED,
        schedule=f"{LOAD}/schedule.parquet",
        payloads=f"{LOAD}/payloads.parquet",
        target="{{ aibench_targets }}",
        out=f"{RUN}/generator",
        warmup_s="{{ aibench_warmup_s }}",
        duration_s="{{ aibench_duration_s }}",
        think_s="{{ aibench_think_s }}",
    )
    records = f"{RUN}/planner/calls-{{{{ item.replica }}}}-${{INVOCATION_ID}}.jsonl"
    trace = TritonTrace(f"{RUN}/triton/triton_trace-{{{{ item.replica }}}}-${{INVOCATION_ID}}.json", WRITTEN_TOGETHER)
    lines = f"{RUN}/triton/watched-{{{{ item.replica }}}}-${{INVOCATION_ID}}.jsonl"
    server = triton(
        TRITON,
        ["{{ aibench_root }}/{{ repository }}"],
        "{{ aibench_root }}/{{ aibench_archives.backends }}",
        LISTENS,
        "{{ item.listens }}",
        trace,
        tls=_certificates("triton"),
    )
    return UnitCommands(
        planner=unit_line(planner(PYTHON, GENERATED, ADDRESS, records, "{{ item.replica }}", tls=_certificates("planner"), bind=BIND)),
        service=unit_line(
            service(
                PYTHON,
                GENERATED,
                "{{ item.task }}",
                ADDRESS,
                prepared="{{ aibench_state }}/{{ aibench_archives['prepared-' ~ item.task] }}",
                state="{{ aibench_state }}/tasks/{{ aibench_run }}",
                tls=_certificates("service"),
                bind=BIND,
            )
        ),
        generator=unit_line(
            generator(
                PYTHON,
                sent,
                shard="{{ item.replica }}/{{ aibench_generators }}",
                start_file=f"{RUN}/start",
                tls=_certificates("generator"),
            )
        ),
        triton=unit_line(watched_triton(PYTHON, server, f"{LISTENS}:{{{{ item.listens }}}}", lines, _certificates("keeper"))),
    )


def unit_line(command: CommandLine, conditions: Mapping[str, str] = CONDITIONS, repeated: Mapping[str, tuple[str, str]] = REPEATED) -> Fit:
    """One line of a unit's Ansible template. ValueError: a word means something else to systemd or to a template."""
    text = " ".join(unit_word(word) for word in command.program)
    for option in command.options:
        flag = option[0].partition("=")[0]
        words = "".join(f" {unit_word(word)}" for word in option)
        if flag in conditions:
            text += f"{{{{ {joined(words)} if {conditions[flag]} else '' }}}}"
        elif flag in repeated:
            name, values = repeated[flag]
            text += f"{{% for {name} in {values} %}}{words}{{% endfor %}}"
        else:
            text += words
    return Fit(text)


def unit_word(text: str) -> Fit:
    """A word that means itself to systemd; `{{ … }}` is Ansible's to fill in, `${NAME}` systemd's. ValueError: it does not."""
    if not all(_LITERAL.match(literal) for literal in _EXPRESSION.split(text)[::2]):
        raise ValueError(f"{text!r} cannot be a word of a unit file")
    return Fit(text)


def joined(text: str) -> str:
    """The same text as one expression: ` --tls {{ a }}/b` is `' --tls ' ~ a ~ '/b'`."""
    pieces = _EXPRESSION.split(text)
    return " ~ ".join(piece if number % 2 else f"'{piece}'" for number, piece in enumerate(pieces) if piece)


def _certificates(role: str) -> str:
    return f"{{{{ aibench_secrets }}}}/tls/{role}"
