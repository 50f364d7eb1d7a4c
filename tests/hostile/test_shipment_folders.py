"""A shipment's folder that somebody else prepared or can write to is refused, when it is packed and before a play reads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from aibenchrt.control.cluster.private_folder import private_folder, strange
from aibenchrt.control.run_directory import stranger
from aibenchrt.errors import EnvironmentFailure
from paths import ROOT


def test_a_new_folder_is_ours_alone_under_any_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        private_folder(tmp_path / "new" / "shipment")
    finally:
        os.umask(before)
    assert (tmp_path / "new" / "shipment").stat().st_mode & 0o777 == 0o700
    private_folder(tmp_path / "new" / "shipment")


def prepared(folder: Path, kind: str) -> Path:
    path = folder / "shipment"
    path.mkdir()
    match kind:
        case "others write":
            path.chmod(0o777)
        case "a group writes":
            path.chmod(0o770)
        case "a link":
            (folder / "link").symlink_to(path)
            return folder / "link"
        case "a file":
            path.rmdir()
            path.touch()
        case "another's" if os.geteuid() == 0:
            os.chown(path, 1234, 1234)
        case "another's":
            return Path("/")
        case "anybody renames it":
            (folder / "open").mkdir(mode=0o777)
            (folder / "open").chmod(0o777)
            path = path.rename(folder / "open" / "shipment")
    return path


@pytest.mark.parametrize("kind", ["others write", "a group writes", "a link", "a file", "another's", "anybody renames it"])
def test_what_others_prepared_is_not_packed_into(tmp_path: Path, kind: str) -> None:
    path = prepared(tmp_path, kind)
    with pytest.raises(EnvironmentFailure, match="AIB692"):
        private_folder(path)


@pytest.mark.parametrize("kind", ["others write", "a link"])
def test_what_others_prepared_is_not_played(tmp_path: Path, kind: str) -> None:
    """Not even its variables are read, which may hold templates."""
    path = prepared(tmp_path, kind)
    template = f"{{{{ lookup('pipe', 'touch {tmp_path}/ran') }}}}"
    (tmp_path / "shipment" / "shipment.json").write_text(json.dumps({"aibench_parts_here": template}))
    (tmp_path / "hosts.ini").write_text("[nodes]\nh1\n")
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, "-i", tmp_path / "hosts.ini", "-e", f"aibench_shipment={path}", "deploy.yml"]
    environment = {**os.environ, "ANSIBLE_HOME": str(tmp_path), "ANSIBLE_NOCOLOR": "1"}
    folder = ROOT / "generated/ecommerce/ansible"
    ended = subprocess.run(list(map(str, command)), cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 2, ended.stdout + ended.stderr
    assert "is no folder of yours" in ended.stdout
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("mode", [0o720, 0o702])
def test_a_folder_that_others_can_write_to_is_called_that_in_one_way(tmp_path: Path, mode: int) -> None:
    """A run that is gone on with, and a shipment, by the same look."""
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(mode)
    assert stranger(folder) == strange(folder) == "others can write to it"
    folder.chmod(0o700)
    assert stranger(folder) == strange(folder) == ""
