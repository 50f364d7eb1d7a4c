"""export(): one .tar.gz of a run for others. It unpacks to a run directory without payloads that `report` and `validate` read.

The same run gives the same bytes with the same versions of the packages: entries in the order of their names, time 0, owner 0, mode 0644,
no name of a user. So whoever has the run and its root can tell by making the export again that one is of that run; whoever has the export
alone checks it by its own hashes and root, which `validate --recompute` does. tar and gzip, as every system unpacks them and their headers
can hold nothing else; a zip has no time before 1980 and a mode per system.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aibenchrt.collect import schema
from aibenchrt.collect.hashes import HASHES, bind, sha256_of
from aibenchrt.collect.kept_scores import EXPORT_FILE, SCORES_FILE, Exported
from aibenchrt.collect.recorded_run import Run, read_run
from aibenchrt.collect.records import CallRecord, MachineRecord, RequestRecord, ResourceRecord, ScheduleRecord, ScoreRecord, TruthRecord
from aibenchrt.collect.run_info import write_run_info
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.report.export.cleaned import KEPT, NOT_IN_IT, Cleaned, cleaned
from aibenchrt.report.export.scores import kept_scores
from aibenchrt.report.make import REPORT_JSON, VERDICT_JSON, check_root, make_report
from aibenchrt.report.writing import write_json, write_text
from aibenchrt.state_audit import AUDITS_FILE, write_audits
from aibenchrt.whole_file import whole_file

_WAY_OUT = "name a file in a folder that can be written to"


@dataclass(frozen=True)
class Bundle:
    """folder: the name of the only folder in it. root: its own, not the run's; sha256: of the file."""

    folder: str
    exported: Exported
    root: str
    files: int
    sha256: str


def export(directory: Path, file: Path, root: str = "") -> Bundle:
    """root: of the run, as it was kept elsewhere. Writes the file whole or not at all.

    EnvironmentFailure: AIB742 the file exists, AIB743 the export would hold a path of this machine, AIB744 the run cannot be exported,
    AIB605 cannot write, AIB609 unreadable, AIB705 the run has another root.
    """
    if file.exists() or file.is_symlink():
        raise EnvironmentFailure("AIB742", file=file)
    run = read_run(directory)
    check_root(run, root)
    _check(run)
    scores, lost = kept_scores(run)
    clean = cleaned(run)
    exported = Exported(
        made_from=run.binding.root,
        replaced=clean.replaced,
        left_out=(
            *NOT_IN_IT,
            *(f"scores by {metric}, which is no mean of scores of requests" for metric in lost),
            *(f"the text of {place}, which held a path or an address" for place in clean.texts),
        ),
        kept=KEPT,
    )
    with tempfile.TemporaryDirectory(prefix="aibench-export-") as scratch:
        folder = Path(scratch) / clean.run.info.run_id
        folder.mkdir()
        own_root = _write(folder, clean, exported, scores)
        _look(folder, directory)
        try:
            files = _pack(folder, file)
        except OSError as error:
            raise EnvironmentFailure("AIB605", what=file, reason=error.strerror, way_out=_WAY_OUT) from error
    return Bundle(folder.name, exported, own_root, files, sha256_of(file))


def _check(run: Run) -> None:
    """EnvironmentFailure AIB744: nobody could tell what the export was made from."""
    if run.kept is not None:
        raise EnvironmentFailure("AIB744", directory=run.directory, reason="it is an export already", way_out="pass on its file")
    if run.info.outcome != "completed":
        reason = f"it was not completed ({run.info.outcome}), so its figures tell nothing"
        raise EnvironmentFailure("AIB744", directory=run.directory, reason=reason, way_out="export one that was")
    if not run.binding.root:
        reason = f"it has no {HASHES}, which says that it is as it ended"
        raise EnvironmentFailure("AIB744", directory=run.directory, reason=reason, way_out="run it again with this version")
    if run.binding.changed:
        reason = f"{run.binding.changed[0]} was changed since it ended"
        raise EnvironmentFailure("AIB744", directory=run.directory, reason=reason, way_out="take the run directory as it was")


def _write(folder: Path, clean: Cleaned, exported: Exported, scores: list[ScoreRecord]) -> str:
    """The files of the export, with its report and verdict; returns its root."""
    run = clean.run
    tables: dict[str, tuple[type, tuple[object, ...] | list[ScoreRecord]]] = {
        "schedule.parquet": (ScheduleRecord, run.schedule),
        "requests.parquet": (RequestRecord, run.requests),
        "calls.parquet": (CallRecord, run.calls),
        "resources.parquet": (ResourceRecord, run.resources),
        "machine.parquet": (MachineRecord, run.machine),
        "truth.parquet": (TruthRecord, run.truth),
        SCORES_FILE: (ScoreRecord, scores),
    }
    for name, (row_class, rows) in tables.items():
        schema.write(folder / name, rows, row_class)
    write_run_info(folder, run.info)
    write_json(folder / "plan.json", run.plan)
    write_text(folder / "triton.json", "{}\n")
    if run.state_audits.audits:
        write_audits(folder / AUDITS_FILE, run.state_audits)
    write_json(folder / EXPORT_FILE, exported)
    root = bind(folder)
    made, _ = make_report(read_run(folder))
    write_json(folder / REPORT_JSON, made)
    write_json(folder / VERDICT_JSON, made.verdict)
    return root


def _look(folder: Path, directory: Path) -> None:
    """EnvironmentFailure AIB743: a file holds the run folder or the home folder of this user, which is what cleaning must not miss."""
    places = {str(directory.resolve()), str(Path.home())} - {"/"}
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        for place in places:
            if place.encode() in content:
                raise EnvironmentFailure("AIB743", file=path.name, place=place)


def _pack(folder: Path, file: Path) -> int:
    """How many files are in it."""
    paths = sorted(folder.iterdir())
    with (
        whole_file(file) as target,
        gzip.GzipFile(filename="", fileobj=target, mode="wb", mtime=0) as packed,
        tarfile.TarFile(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path in paths:
            content = path.read_bytes()
            entry = tarfile.TarInfo(f"{folder.name}/{path.name}")
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))
    return len(paths)
