"""generated/: what is committed is what the compiler makes of specs/ today, byte for byte, whatever the process; and it can be used."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from cpu_time import children_cpu_s, quiet_cpu_s
from paths import ROOT

SPECS = sorted((ROOT / "specs").glob("*.aib"))


def compile_to(folder: Path, spec: Path, cwd: Path = ROOT, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).parent / "aibenchc"), "compile", os.path.relpath(spec, cwd), "--out", str(folder), *options]
    env = {**os.environ, **environment}
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


def contents(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_committed_output_is_what_the_compiler_makes(spec: Path, tmp_path: Path) -> None:
    ended = compile_to(tmp_path / "out", spec)
    assert ended.returncode == 0, ended.stderr
    made, committed = contents(tmp_path / "out"), contents(ROOT / "generated" / spec.stem)
    assert made.keys() == committed.keys()
    different = [name for name in made if made[name] != committed[name]]
    assert not different, f"run `aibenchc compile specs/{spec.name}` and commit generated/{spec.stem}"


def test_the_same_bytes_whatever_the_process(tmp_path: Path) -> None:
    spec = ROOT / "tests/specs/small.aib"
    made = []
    for number, cwd in enumerate((ROOT, tmp_path, ROOT / "tests")):
        out = tmp_path / str(number)
        ended = compile_to(out, spec, cwd, PYTHONHASHSEED=str(number * 77), TZ="UTC" if number else "Asia/Tokyo", LC_ALL="C")
        assert ended.returncode == 0, ended.stderr
        made.append(contents(out))
    assert made[0] == made[1] == made[2]


def test_the_manifest_holds_what_went_in_and_came_out(tmp_path: Path) -> None:
    compile_to(tmp_path / "out", ROOT / "tests/specs/small.aib")
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    made = contents(tmp_path / "out")
    del made["manifest.json"]
    assert manifest["outputs"] == {name: hashlib.sha256(data).hexdigest() for name, data in made.items()}
    text = (ROOT / "tests/specs/small.aib").read_text()
    assert manifest["inputs"]["sources"] == {"small.aib": hashlib.sha256(text.encode()).hexdigest()}
    assert str(ROOT) not in json.dumps(manifest)


def test_a_cold_compile_takes_less_than_one_and_a_half_cpu_seconds(tmp_path: Path) -> None:
    folders = (tmp_path / str(number) for number in itertools.count())

    def cold() -> float:
        return children_cpu_s(lambda: compile_to(next(folders), ROOT / "specs/ecommerce.aib"))  # with protoc, which is its child

    assert quiet_cpu_s(cold) < 1.5


def test_a_compile_imports_nothing_heavy() -> None:
    code = "import sys, aibenchc.driver; print({'torch', 'grpc', 'ansible', 'pandas', 'numpy', 'ortools'} & sys.modules.keys())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


HOSTILE = r"""say \"hi\" {{ lookup('pipe', 'id') }} [[ x ]] $(id) `id` 'q' # : - & * | > \\ %"""


def test_hostile_titles_come_out_as_text(tmp_path: Path) -> None:
    spec = tmp_path / "hostile.aib"
    spec.write_text((ROOT / "tests/specs/small.aib").read_text().replace('"A small search"', f'"{HOSTILE}"'))
    ended = compile_to(tmp_path / "out", spec, tmp_path)
    assert ended.returncode == 0, ended.stderr
    title = json.loads((tmp_path / "out/plan.json").read_text())["title"]
    assert title == HOSTILE.replace('\\"', '"').replace("\\\\", "\\")
    import yaml

    class Loader(yaml.SafeLoader):
        pass

    Loader.add_constructor("!unsafe", lambda loader, node: ("unsafe", loader.construct_scalar(node)))
    for path in (tmp_path / "out/ansible").rglob("*.yml"):
        parsed = yaml.load(path.read_text(), Loader)
        if path.name == "all.yml":
            assert parsed["aibench_title"] == ("unsafe", title)
            assert parsed["aibench_scenario"] == "small"
    shown = show_title(tmp_path / "out/ansible")
    assert shown == title


def test_hostile_titles_of_references_come_out_as_text_everywhere(tmp_path: Path) -> None:
    spec = tmp_path / "hostile.aib"
    reference = f'  reference "{HOSTILE}" {{\n    on local\n    latency p50 5 ms within 10%\n  }}\n}}\n'
    text = (ROOT / "tests/specs/small.aib").read_text().replace('"A small search"', f'"{HOSTILE}"').rstrip()
    spec.write_text(text.removesuffix("}") + reference)
    ended = compile_to(tmp_path / "out", spec, tmp_path)
    assert ended.returncode == 0, ended.stderr
    title = HOSTILE.replace('\\"', '"').replace("\\\\", "\\")
    assert json.loads((tmp_path / "out/plan.json").read_text())["references"][0]["title"] == title
    heading = "".join(ElementTree.parse(tmp_path / "out/distilled.svg").getroot().itertext())
    assert title in heading
    for path in (tmp_path / "out").rglob("*.py"):
        compile(path.read_text(), path.name, "exec")
    for path in (tmp_path / "out/triton").rglob("config.pbtxt"):
        assert "lookup" not in path.read_text()


def show_title(folder: Path) -> str:
    """aibench_title as Ansible itself would show it."""
    play = [{"hosts": "nodes", "gather_facts": False, "connection": "local", "tasks": [
        {"ansible.builtin.copy": {"content": "{{ aibench_title }}", "dest": str(folder.parent / "title"), "mode": "0600"}}]}]  # fmt: skip
    (folder / "probe.yml").write_text(json.dumps(play))
    python = f"ansible_python_interpreter={sys.executable}"
    run_ansible("ansible-playbook", folder, "-e", python, "probe.yml")
    return (folder.parent / "title").read_text()


def run_ansible(program: str, folder: Path, *arguments: str, inventory: str | Path = "inventory.example.ini") -> str:
    command = [str(Path(sys.executable).parent / program), *arguments]
    env = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOME": str(folder.parent / "home"),
        "ANSIBLE_INVENTORY": str(inventory),  # a play that matches no host is an error, also to the linter
    }
    ended = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


@pytest.fixture
def playbooks(tmp_path: Path) -> Path:
    """A folder with the committed playbooks and roles, which are those that the compiler makes (tested above)."""
    return shutil.copytree(ROOT / "generated/ecommerce/ansible", tmp_path / "ansible")


def test_playbooks_pass_the_syntax_check(playbooks: Path) -> None:
    folder, named = playbooks, sorted(path.name for path in playbooks.glob("*.yml"))
    assert {"site.yml", "deploy.yml", "load.yml", "collect.yml"} <= set(named)
    run_ansible("ansible-playbook", folder, "--syntax-check", "-e", "aibench_shipment=/nowhere", *named)
    assert "node1" in run_ansible("ansible-inventory", folder, "--list")


@pytest.mark.long
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.stem)
def test_playbooks_pass_the_linter(spec: Path, tmp_path: Path) -> None:
    """The committed ones, which are those that the compiler makes (tested above)."""
    lint(shutil.copytree(ROOT / "generated" / spec.stem / "ansible", tmp_path / "ansible"))


MANY_HOSTS = "".join(
    f"a-host-with-a-long-name-{i}.in-a-long-domain.example ansible_host=192.0.2.{i + 1} aibench_memory_mib=4096 aibench_cores=4\n"
    for i in range(20)
)


@pytest.mark.long
def test_playbooks_for_many_hosts_with_long_names_pass_the_linter(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.ini"
    inventory.write_text("[nodes]\n" + MANY_HOSTS)
    spec = tmp_path / "many.aib"
    local = "deployment local { nodes 1, profile small }"
    small = (ROOT / "tests/specs/small.aib").read_text()
    assert local in small
    spec.write_text(small.replace(local, "deployment many { nodes 20, profile small, replicas 20 { planner, best } }"))
    ended = compile_to(tmp_path / "out", spec, tmp_path, "-i", str(inventory))
    assert ended.returncode == 0, ended.stderr
    lint(tmp_path / "out/ansible", inventory)


def lint(playbooks: Path, inventory: str | Path = "inventory.example.ini") -> None:
    """Files are given by name: for a folder the linter would start Ansible again for each role that the playbooks include anyway."""
    files = sorted(str(path.relative_to(playbooks)) for path in playbooks.rglob("*") if path.is_file())
    run_ansible("ansible-lint", playbooks, "--offline", "--profile", "production", *files, inventory=inventory)
