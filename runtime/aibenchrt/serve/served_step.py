"""step.json of a Triton model, as deployment puts it beside the model's weights."""

from __future__ import annotations

from pathlib import Path

from aibenchrt.errors import EnvironmentFailure
from aibenchrt.json_file import JsonFileError, read_json
from aibenchrt.libraries import use_as_planned
from aibenchrt.plan import ServedStep, Step


def open_step(path: Path) -> Step:
    """Reads the step and puts its libraries, whose types its ports may have, into use. EnvironmentFailure: AIB675: it is missing or
    damaged; as `use_as_planned`."""
    try:
        served = read_json(path, ServedStep)
    except JsonFileError as error:
        raise EnvironmentFailure("AIB675", path=path, reason=error) from error
    use_as_planned(served.libraries)
    return served.step
