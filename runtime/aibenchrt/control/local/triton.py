"""Triton on this machine: the server from the nvidia-pytriton wheel, run standalone on a model repository assembled for the run.

Recipe and traps: the wheel's python backend beside the stub of this Python version; the virtual environment's `bin` first in PATH and
Python's own LIBDIR in LD_LIBRARY_PATH, else the stub loads another libpython; numpy < 2.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import re
import shutil
import sys
import sysconfig
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from aibenchrt.command_lines import TritonTrace, triton_listening
from aibenchrt.command_lines import triton as triton_command
from aibenchrt.control.local.process import Child, Processes
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.plan import Plan, Step, step_json
from aibenchrt.serve.triton_backend import ENDPOINT
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import CHANNEL_OPTIONS, Identity, Sockets

LOAD_S = 60.0  # how long a model may take to load
ANSWER_S = 5.0  # how long the server may take to return its statistics
_SHARED_MEMORY = Path("/dev/shm")
_STUB = "triton_python_backend_stub"
_LOAD_FAILURE = re.compile(r""""failed to load '(?P<model>[^']+)' version \d+: .*"$""", re.MULTILINE)  # in Triton's log, a JSON string
_NEEDS = "AI components are served by Triton: install nvidia-pytriton 0.7.0 and numpy 1.26 on Linux x86-64 with glibc 2.35 or newer"


def backends() -> Path:
    """The backend folder with this Python's stub, built once per wheel version, whose modes are set whatever the umask.

    EnvironmentFailure AIB612: the wheel has none for this machine.
    """
    server = _wheel()
    version = f"{importlib.metadata.version('nvidia-pytriton')}-py{sys.version_info.major}.{sys.version_info.minor}"
    folder = home() / "triton" / version
    if folder.is_dir():
        return folder
    stub = server / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / _STUB
    if not stub.is_file():
        raise _cannot(f"its wheel has no stub for Python {sys.version_info.major}.{sys.version_info.minor}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        target = scratch / "python"
        target.mkdir()
        target.chmod(0o755)
        for name in ("libtriton_python.so", "triton_python_backend_utils.py"):
            shutil.copy2(server / "backends" / "python" / name, target / name)
            (target / name).chmod(0o644)
        shutil.copy2(stub, target / stub.name)
        (target / stub.name).chmod(0o755)
        scratch.chmod(0o755)
        scratch.rename(folder)
    except OSError:
        shutil.rmtree(scratch, ignore_errors=True)
        if not folder.is_dir():  # else another process was faster
            raise
    return folder


def runnable_backends() -> Path:
    """As backends(). EnvironmentFailure AIB612: Triton cannot run here, or the backend's program may not."""
    folder = backends()
    stub = folder / "python" / _STUB
    if os.access(stub, os.X_OK):
        return folder
    way_out = f"set AIBENCH_HOME to a folder on a file system that runs programs (not mounted noexec), or remove {folder}"
    raise _cannot(f"'{stub}' may not be executed", way_out)


def environment(endpoint: str = "", libraries: Sequence[Path] | None = None) -> dict[str, str]:
    """The server's environment: ours, with the virtual environment and Python's libraries first, and the endpoint that models name in their
    answers. libraries: the folders of libraries() under other paths."""
    changed = dict(os.environ)
    changed["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), changed.get("PATH", "")])
    changed["LD_LIBRARY_PATH"] = os.pathsep.join(map(str, library_folders() if libraries is None else libraries))
    changed.pop("PYTHONHOME", None)
    changed[ENDPOINT] = endpoint
    return changed


def library_folders() -> tuple[Path, ...]:
    """What the server and its stubs are linked with: Python's own libraries and the wheel's."""
    return Path(str(sysconfig.get_config_var("LIBDIR"))), _wheel().parent.parent / "nvidia_pytriton.libs"


def program() -> str:
    """The server's binary. EnvironmentFailure AIB612: Triton cannot run here."""
    return str(_wheel() / "bin" / "tritonserver")


def listening(endpoint: str, tls: Path | None = None) -> list[str]:
    """The server's flags for listening with gRPC alone at `endpoint` (host:port). tls: its certificates, as aibenchrt.wire.tls reads them;
    then only planners and the host's own health check get an answer."""
    host, port = endpoint.rsplit(":", 1)
    if tls:
        Identity.read(tls)
    return [word for option in triton_listening(host, port, tls) for word in option]


def assemble(plan: Plan, generated: Path, weights: Mapping[str, Path], into: Path) -> Path:
    """Makes the run's model repository: the generated files, step.json of the plan's steps (a run may override models), and the model
    version of each stage.

    weights: stage → folder of a model version. EnvironmentFailure AIB653: a stage has none.
    """
    for step in _steps(plan):
        version = into / step.task / "1"
        version.mkdir(parents=True)
        shutil.copy2(generated / "triton" / step.task / "config.pbtxt", into / step.task / "config.pbtxt")
        shutil.copy2(generated / "triton" / step.task / "1" / "model.py", version / "model.py")
        (version / "step.json").write_text(step_json(plan, step), encoding="utf-8")
        (version / "weights").mkdir()
        for stage in step.stages:
            if stage.name not in weights:
                raise EnvironmentFailure("AIB653", stage=stage.name)
            (version / "weights" / stage.name).symlink_to(weights[stage.name], target_is_directory=True)
    return into


class TritonServer:
    """One server of the plan's models, started through `processes`. It loads its models before it listens.

    Its shared memory has a name of its own: a server that is killed leaves it behind, and `processes` removes it when it closes.
    """

    def __init__(self, plan: Plan, processes: Processes, repository: Path, endpoint: str, trace: Path, sockets: Sockets) -> None:
        self._models = [step.task for step in _steps(plan)]
        self._processes = processes
        self._memory = f"aibench-{uuid.uuid4().hex}"
        host, port = sockets.target(endpoint).rsplit(":", 1)  # Triton gives gRPC both, with a colon between
        self.links = ShortFolder()  # Triton starts models through a shell, without quotes
        processes.clean_up(self.links.close)
        models, server = self.links.link("models", repository), self.links.link("backends", runnable_backends())
        written = TritonTrace(self.links.link("trace", trace.parent) / trace.name)
        libraries = [self.links.link(f"libraries{number}", folder) for number, folder in enumerate(library_folders())]
        command = triton_command(program(), [models], server, host, port, written, self._memory)
        self._client = triton.InferenceServerClient(sockets.target(endpoint), channel_args=CHANNEL_OPTIONS)
        processes.clean_up(self._clean_up)
        self.child: Child = processes.start("triton", "triton", command.words, environment(endpoint, libraries))

    def wait_ready(self, timeout_s: float) -> None:
        """Returns when every model is READY; from then on the server counts as dead if a model's process ends. Each model has LOAD_S more.

        EnvironmentFailure: AIB657 a model cannot be loaded, with Triton's reason; AIB607 and AIB608 as Processes.wait_ready.
        """
        limit = timeout_s + LOAD_S * len(self._models)
        try:
            self._processes.wait_ready(self.child, lambda: all(_asked(self._client.is_model_ready, model) for model in self._models), limit)
        except EnvironmentFailure as failure:
            refused = _refused_model(self.child)
            if failure.code != "AIB607" or refused is None:
                raise
            raise EnvironmentFailure("AIB657", model=refused[0], reason=refused[1], log=self.child.log) from failure
        self.child.members = {f"the process of model '{model}'": process for model, process in _model_processes(self.child.pid)}

    def statistics(self) -> dict[str, Any]:
        """Model → its statistics, in Triton's JSON. EnvironmentFailure AIB658: Triton does not return them in time."""
        try:
            answer = self._client.get_inference_statistics(as_json=True, client_timeout=ANSWER_S)
        except InferenceServerException as error:
            raise EnvironmentFailure("AIB658", reason=error.message(), log=self.child.log) from error
        return {entry["name"]: entry for entry in answer.get("model_stats", []) if entry["name"] in self._models}

    def _clean_up(self) -> None:
        self._client.close()
        for region in _SHARED_MEMORY.glob(f"{self._memory}*"):
            region.unlink(missing_ok=True)


def _refused_model(server: Child) -> tuple[str, str] | None:
    """(model, why) of the first model that a server, by its log, failed to load; it then ends, with exit code 1."""
    refusal = _LOAD_FAILURE.search(server.log.read_text(encoding="utf-8", errors="replace"))
    return (refusal["model"], json.loads(refusal[0]).partition(": ")[2].strip()) if refusal else None


def _model_processes(server: int) -> Iterator[tuple[str, psutil.Process]]:
    """(model, its stub) of every python model that the server has loaded; a stub's first argument is MODEL/VERSION/model.py."""
    for process in psutil.Process(server).children(recursive=True):
        try:
            command = process.cmdline()
        except psutil.NoSuchProcess:
            continue
        if len(command) > 1 and Path(command[0]).name == _STUB:
            yield Path(command[1]).parent.parent.name, process


def _steps(plan: Plan) -> list[Step]:
    return [step for step in plan.steps if step.kind == "ai"]


def _asked(ask: Any, *arguments: Any) -> bool:
    try:
        return bool(ask(*arguments, client_timeout=1.0))
    except InferenceServerException:
        return False


def _wheel() -> Path:
    """The wheel's tritonserver folder. EnvironmentFailure AIB612: it is not installed, or does not fit the other packages."""
    import numpy

    spec = importlib.util.find_spec("pytriton")
    if spec is None or not spec.submodule_search_locations:
        raise _cannot("nvidia-pytriton is not installed")
    folder = Path(spec.submodule_search_locations[0]) / "tritonserver"
    if not (folder / "bin" / "tritonserver").is_file():
        raise _cannot("its wheel for this platform has no server")
    if int(numpy.__version__.split(".")[0]) >= 2:
        raise _cannot(f"numpy {numpy.__version__} makes its python backend return empty outputs")
    return folder


def _cannot(reason: str, way_out: str = _NEEDS) -> EnvironmentFailure:
    return EnvironmentFailure("AIB612", reason=reason, way_out=way_out)
