"""python -m aibenchrt.serve.models_answer HOST:PORT --model-repository=DIR… [--tls DIR] [--wait S]

Asks every model in these repositories for an inference with a small input, at the Triton that serves them. Exit code 0: each has answered,
at the latest after S seconds; 1: one has not, and which; 2: the environment.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.plan import Step
from aibenchrt.serve.model_check import ModelChecks, steps_of
from aibenchrt.shown import tell, tell_failure
from aibenchrt.wire.tls import Identity, identity_of, open_channel

_POLL_S = 0.1


def unanswered(address: str, steps: Sequence[Step], identity: Identity | None, wait_s: float) -> str:
    """Which model has not answered within wait_s; '' if each has. EnvironmentFailure AIB660 as open_channel."""
    with contextlib.closing(ModelChecks(open_channel(address, identity, "triton"), steps, wait_s)) as checks:
        since = time.monotonic()
        while not checks.answered(since):
            if silence := checks.look():
                return silence.said
            time.sleep(_POLL_S)
    return ""


def arguments_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(allow_abbrev=False, prog="python -m aibenchrt.serve.models_answer", description=__doc__)
    parser.add_argument("address", metavar="HOST:PORT")
    parser.add_argument("--model-repository", type=Path, action="append", default=[], metavar="DIR")
    parser.add_argument("--tls", type=Path, metavar="DIR", help="folder with the certificates and key for mutual TLS (default: plain)")
    parser.add_argument("--wait", type=float, default=60.0, metavar="S")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    given = arguments_parser().parse_args(arguments)
    try:
        said = unanswered(given.address, steps_of(given.model_repository), identity_of(given.tls), given.wait)
    except EnvironmentFailure as failure:
        tell_failure(failure)
        return 2
    if said:
        tell(f"{given.address} is not well: {said}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
