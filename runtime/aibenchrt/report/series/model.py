"""series.json: what a series is of, how far it has come, and the figures of its runs. Versioned; the page and the terminal render it.

It is written after every scenario, so that whatever ends a series, the next call goes on from here.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from aibenchrt.report.model import Estimate, FrameRow, Percentile, Verdict

SERIES_VERSION: Literal[1] = 1
SERIES_JSON, SUMMARY_HTML = "series.json", "summary.html"
FOLDER_NAME = "series-"  # and the time of its beginning
MOST_SPECS = 1000

# The name of a run directory beside the page: no path, nothing that an address or a terminal reads as something else.
RunName = Annotated[str, Field(pattern=r"^([A-Za-z0-9_][A-Za-z0-9._-]{0,199})?$")]
State = Literal["waiting", "judged", "failed"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Word(_Frozen):
    """A word of the scenario's row in the published table, and what covers it in the distilled graph; nothing where it is missing."""

    kind: str
    word: str
    by: tuple[str, ...]


class UpdateOf(_Frozen):
    """How often models of the distilled graph are trained anew. frequency: the class; every_s: the interval in seconds."""

    frequency: str
    every_s: float
    tasks: tuple[str, ...]


class Compiled(_Frozen):
    """What the compiler says of a spec, before anything has run. tasks, distilled: how many there are before and after distilling.

    published: the title of its row in the table of the nine published scenarios; '' where it is none of them, and then words is empty.
    """

    title: str
    tasks: int
    distilled: int
    updates: tuple[UpdateOf, ...]
    published: str
    words: tuple[Word, ...]

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(word.word for word in self.words if not word.by)


class QualityOf(_Frozen):
    """A metric of the answers to the requests of a class, or to 'all'."""

    request_class: str
    metric: str
    estimate: Estimate


class Figures(_Frozen):
    """What a run showed. latency: of the whole path, in ms; ai_share: of the call time on the critical path, a fraction.

    memory_mib: the sum of the largest resident memory of each process of the run, over the measured window. cpu_ms: CPU time of planner,
    services and Triton for each answered request, in ms; None: nothing was answered. setup_s: seconds from the beginning until the load;
    load_s: of the load and the supplements; whole_s: of everything, seconds. answered: requests; failed: also those that were not sent.
    frames: of all frames of streams, or requests with a deadline; None: there are none. variants: of the data, 'real' or 'synthetic'.
    code: version of aibenchc, and the commit where it is known.
    """

    run_id: str
    started_utc: str
    latency: tuple[Percentile, ...]
    quality: tuple[QualityOf, ...]
    ai_share: Estimate | None
    memory_mib: float
    cpu_ms: float | None
    setup_s: float
    load_s: float
    whole_s: float
    answered: int
    failed: int
    frames: FrameRow | None = None
    variants: tuple[str, ...]
    hosts: tuple[str, ...]
    code: str


class SeriesRow(_Frozen):
    """One spec. spec: the name of its file, without the ending. compiled: None where it does not compile.

    run: its run directory, beside this file; '' where there is none. code, message: why it failed, '' if it did not. exit_code: that of
    the verdict, or of what failed. verdict, figures: of a run that was judged.
    """

    spec: str
    state: State = "waiting"
    compiled: Compiled | None = None
    run: RunName = ""
    code: str = ""
    message: str = ""
    exit_code: int = 0
    verdict: Verdict | None = None
    figures: Figures | None = None

    @property
    def title(self) -> str:
        return self.compiled.title if self.compiled else self.spec


class Series(_Frozen):
    """The whole of series.json. key: SHA-256 of the specs, their compiled plans and the options, 64 hexadecimal digits: the same call finds
    its series by it. finished: nothing is waiting. interrupted: run directories beside this file that were left unfinished."""

    version: Literal[1] = SERIES_VERSION
    key: str = Field(pattern=r"^[0-9a-f]{64}$")
    command: str
    started_utc: str
    finished: bool
    rows: tuple[SeriesRow, ...] = Field(max_length=MOST_SPECS)
    interrupted: tuple[str, ...] = ()
    exit_code: int

    @property
    def judged(self) -> tuple[SeriesRow, ...]:
        return tuple(row for row in self.rows if row.state == "judged")

    @property
    def failed(self) -> tuple[SeriesRow, ...]:
        return tuple(row for row in self.rows if row.state == "failed")

    @property
    def waiting(self) -> tuple[SeriesRow, ...]:
        return tuple(row for row in self.rows if row.state == "waiting")


def left_over(folder: Path, rows: Sequence[SeriesRow]) -> tuple[str, ...]:
    """The names of the folders of a series that are the run of no row: what a stopped or failed run left."""
    held = {row.run for row in rows}
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir() and not path.is_symlink() and path.name not in held))
