"""The command lines of what a deployment starts: planner, service, query generator, Triton.

A run on one machine gives paths and numbers; the compiler gives expressions of Ansible, and writes the result into the units of systemd.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.certificate_files import CALLERS, CERT, KEY

Value = str | Path | int | float

EARLIER_ATTEMPTS = "grpc-previous-rpc-attempts"  # gRPC's own header of a retried call (gRFC A6)

# Triton's protocols that nobody uses. Each is answered only to a call with a certain header, whose name has capital letters here: no gRPC
# client sends such a name, and the server refuses it as malformed. So they are off, although Triton's command line can be read by all.
TRITON_OFF = "shared-memory,model-config,model-repository,metadata,logging,trace"
_NO_HEADER = "SwitchedOff=1"


@dataclass(frozen=True)
class CommandLine:
    """options: each with its words, as ("--task", "find") or ("--grpc-port=8001",)."""

    program: tuple[str, ...]
    options: tuple[tuple[str, ...], ...]

    @property
    def words(self) -> list[str]:
        return [*self.program, *(word for option in self.options for word in option)]


def planner(
    python: Value,
    generated: Value,
    address: Value,
    records: Value,
    replica: Value,
    plan: Value | None = None,
    tls: Value | None = None,
    sockets: Value | None = None,
    bind: Value | None = None,
) -> CommandLine:
    """`aibenchrt.planner`. plan: the one to run, if not that of `generated`; tls: folder of its certificates;
    sockets: folder of Unix sockets, as aibenchrt.wire.tls.Sockets has them; bind: where to listen, if not at the host of `address`."""
    return _module(
        python,
        "aibenchrt.planner",
        {
            "generated": generated,
            "plan": plan,
            "address": address,
            "bind": bind,
            "records": records,
            "replica": replica,
            "tls": tls,
            "sockets": sockets,
        },
    )


def service(
    python: Value,
    generated: Value,
    task: Value,
    address: Value,
    prepared: Value,
    state: Value,
    tls: Value | None = None,
    sockets: Value | None = None,
    bind: Value | None = None,
) -> CommandLine:
    """`aibenchrt.serve.service_host`: one task. prepared: a folder for each stage; state: what tasks keep while they run; bind: where to
    listen, if not at the host of `address`."""
    return _module(
        python,
        "aibenchrt.serve.service_host",
        {
            "generated": generated,
            "task": task,
            "address": address,
            "bind": bind,
            "prepared": prepared,
            "state": state,
            "tls": tls,
            "sockets": sockets,
        },
    )


@dataclass(frozen=True)
class GeneratorInput:
    """What a query generator sends and where to. target: planners as host:port, separated by commas. Times are in seconds."""

    generated: Value
    schedule: Value
    payloads: Value
    target: Value
    out: Value
    warmup_s: Value
    duration_s: Value
    think_s: Value


def generator(
    python: Value,
    sent: GeneratorInput,
    timeout_s: Value | None = None,
    shard: Value | None = None,
    start_file: Value | None = None,
    tls: Value | None = None,
    sockets: Value | None = None,
) -> CommandLine:
    """`aibenchrt.load`. shard: I/N, this generator's of N; start_file: a file that will hold the common start time."""
    return _module(
        python,
        "aibenchrt.load",
        {
            "generated": sent.generated,
            "schedule": sent.schedule,
            "payloads": sent.payloads,
            "target": sent.target,
            "out": sent.out,
            "warmup": sent.warmup_s,
            "duration": sent.duration_s,
            "think": sent.think_s,
            "timeout": timeout_s,
            "shard": shard,
            "start-file": start_file,
            "tls": tls,
            "sockets": sockets,
        },
    )


# Shared memory of each model, from the start: with the default of 1 MiB it has to grow under pictures, while requests lie in it, and a
# model's process was seen to end by SIGSEGV. All of it is allocated at the start.
SHARED_BYTES = 4 << 20


@dataclass(frozen=True)
class TritonTrace:
    """Triton's trace of when requests arrived and were processed, a JSON file. every: number of requests written at a time; None: all at
    the end."""

    file: Value
    every: int | None = None


def triton(
    server: Value,
    repositories: Sequence[Value],
    backends: Value,
    host: Value,
    port: Value,
    trace: TritonTrace,
    memory: Value | None = None,
    tls: Value | None = None,
) -> CommandLine:
    """A Triton server, which loads all its models before it listens, and none later. memory: the name of its shared memory; tls: folder of
    its certificates."""
    written = [(f"--model-repository={repository}",) for repository in repositories]
    written += [("--model-control-mode=none",)]
    written += [(f"--backend-directory={backends}",), ("--disable-auto-complete-config",), ("--exit-timeout-secs=5",)]
    written += [(f"--backend-config=python,shm-default-byte-size={SHARED_BYTES}",)]
    written += [(f"--backend-config=python,shm-region-prefix-name={memory}",)] if memory else []
    written += triton_listening(host, port, tls)
    written += [(f"--trace-config=triton,file={trace.file}",)]
    written += [(f"--trace-config=triton,log-frequency={trace.every}",)] if trace.every else []
    written += [("--trace-config=level=TIMESTAMPS",), ("--trace-config=rate=1",)]
    return CommandLine((str(server),), tuple(written))


def watched_triton(python: Value, server: CommandLine, address: Value, lines: Value, tls: Value | None = None) -> CommandLine:
    """`aibenchrt.serve.watched_triton`, which starts that Triton server and watches it. address: where the server listens; lines: where it
    writes how the server fares; tls: folder of the certificates with which it asks the server."""
    watch = _module(python, "aibenchrt.serve.watched_triton", {"address": address, "lines": lines, "tls": tls})
    return CommandLine(watch.program, (*watch.options, ("--", *server.program), *server.options))


def triton_listening(host: Value, port: Value, tls: Value | None = None) -> list[tuple[str]]:
    """Options with which Triton listens for gRPC at host:port and for nothing else, answers inference, health and statistics alone, answers
    pings of waiting clients, and passes on the header that tells the attempt of a call."""
    flags = [f"grpc-address={host}", f"grpc-port={port}", "allow-http=false", "allow-metrics=false", "allow-gpu-metrics=false"]
    flags += [f"grpc-restricted-protocol={TRITON_OFF}:{_NO_HEADER}"]
    flags += ["grpc-keepalive-permit-without-calls=1", "grpc-http2-max-ping-strikes=0"]
    flags += ["grpc-http2-min-recv-ping-interval-without-data=1000", f"grpc-header-forward-pattern={EARLIER_ATTEMPTS}"]
    if tls:
        flags += ["grpc-use-ssl-mutual=1", f"grpc-root-cert={tls}/{CALLERS}"]
        flags += [f"grpc-server-cert={tls}/{CERT}", f"grpc-server-key={tls}/{KEY}"]
    return [(f"--{flag}",) for flag in flags]


def _module(python: Value, module: str, options: dict[str, Value | None]) -> CommandLine:
    given = tuple((f"--{name}", str(value)) for name, value in options.items() if value is not None)
    return CommandLine((str(python), "-m", module), given)
