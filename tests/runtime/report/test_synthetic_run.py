"""The simulator of runs leaves nothing in the temporary directory, however the process that used it ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import synthetic_run

WRITES_AND_ENDS = """
import os, sys
from pathlib import Path
from synthetic_run import Shape, write_run

write_run(Path(sys.argv[1]) / "a", Shape(duration_s=2.0))
write_run(Path(sys.argv[1]) / "b", Shape(duration_s=2.0))
os._exit(0)  # as when pytest-xdist kills a process that takes long to end
"""


def test_a_process_that_is_killed_leaves_nothing_in_the_temporary_directory(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    path = os.pathsep.join([str(Path(synthetic_run.__file__).parent), *sys.path])
    environment = os.environ | {"TMPDIR": str(scratch), "PYTHONPATH": path}
    subprocess.run([sys.executable, "-c", WRITES_AND_ENDS, tmp_path / "runs"], env=environment, check=True, timeout=120)
    assert list(scratch.iterdir()) == []
    one, other = (tmp_path / "runs" / name for name in "ab")
    assert sorted(path.name for path in one.iterdir()) == sorted(path.name for path in other.iterdir())
    assert (one / "requests.parquet").read_bytes() == (other / "requests.parquet").read_bytes()
