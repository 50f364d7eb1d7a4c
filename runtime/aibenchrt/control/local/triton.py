"""Triton on this machine: the server from the nvidia-pytriton wheel, run standalone on a model repository assembled for the run.

Recipe and traps: the wheel's python backend beside the stub of this Python version; the virtual environment's `bin` first in PATH and
Python's own LIBDIR in LD_LIBRARY_PATH, else the stub loads another libpython; numpy < 2.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import json
import math
import os
import re
import shutil
import stat
import sys
import sysconfig
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tritonclient import grpc as triton
from tritonclient.utils import InferenceServerException

from aibenchrt.command_lines import TritonTrace, triton_listening
from aibenchrt.command_lines import triton as triton_command
from aibenchrt.control.local.process import Child, Processes
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.home import home
from aibenchrt.plan import Plan, Step, step_json
from aibenchrt.serve.model_check import ModelChecks
from aibenchrt.serve.model_processes import STUB, model_processes
from aibenchrt.serve.triton_backend import ENDPOINT
from aibenchrt.short_folder import ShortFolder
from aibenchrt.wire.tls import CHANNEL_OPTIONS, Identity, Sockets, open_channel

LOAD_S = 60.0  # how long a model may take to load
FIRST_ANSWER_S = 30.0  # how long a model may take for its first inference
ANSWER_S = 5.0  # how long the server may take to return its statistics
_SHARED_MEMORY = Path("/dev/shm")
_SCRATCH = Path("/tmp")  # whatever TMPDIR says
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
    stub = server / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}" / STUB
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
    stub = folder / "python" / STUB
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

    Its shared memory has a name of its own: a server that is killed leaves it behind, and `processes` removes it when it closes. So it does
    with `scratch`, the empty folders of its starts, where it is certain which these are.
    """

    def __init__(self, plan: Plan, processes: Processes, repository: Path, endpoint: str, trace: Path, sockets: Sockets) -> None:
        self._steps = _steps(plan)
        self._models = [step.task for step in self._steps]
        self._processes = processes
        self._endpoint, self._sockets = endpoint, sockets
        self._checks: ModelChecks | None = None
        self._memory = f"aibench-{uuid.uuid4().hex}"
        self._trace = trace
        self.links = ShortFolder()  # Triton starts models through a shell, without quotes
        processes.clean_up(self.links.close)
        self._folders = [self.links.link(name, to) for name, to in (("models", repository), ("backends", runnable_backends()))]
        self._traces = self.links.link("trace", trace.parent)
        self._libraries = [self.links.link(f"libraries{number}", folder) for number, folder in enumerate(library_folders())]
        self._client = triton.InferenceServerClient(sockets.target(endpoint), channel_args=CHANNEL_OPTIONS)
        processes.clean_up(self._clean_up)
        self._starts = 0
        self.scratch = set[Path]()
        self.child: Child = self._start()

    def _start(self) -> Child:
        """Each start has a trace and shared memory of its own."""
        number, self._starts = self._starts, self._starts + 1
        self._others = _scratch_folders()
        host, port = self._sockets.target(self._endpoint).rsplit(":", 1)  # Triton gives gRPC both, with a colon between
        models, server = self._folders
        trace = TritonTrace(self._traces / (f"{self._trace.stem}-{number}.json" if number else self._trace.name))
        command = triton_command(program(), [models], server, host, port, trace, f"{self._memory}-{number}")
        return self._processes.start("triton", "triton", command.words, environment(self._endpoint, self._libraries))

    def end(self) -> None:
        """Kills a server that has died or hangs, with all that is left of it."""
        self._close_checks()
        self._processes.stop(self.child, 0.0)

    def start_again(self) -> None:
        """After `end`; to be called by the thread that made this. `serves_again` says when it serves."""
        self.child.replaced = True
        self.child = self._start()

    def serves_again(self) -> bool:
        """Whether all models are ready and have answered an inference since the last start; to be asked a few times a second."""
        if self._checks is None:
            if not self._models_ready():
                return False
            self._loaded()
            self._checks = self._model_checks(FIRST_ANSWER_S)
        return not self._silent(self._checks) and self._checks.answered(0.0)

    def wait_ready(self, timeout_s: float) -> None:
        """Returns when every model is READY; from then on the server counts as dead if a model's process ends. Each model has LOAD_S more.

        EnvironmentFailure: AIB657 a model cannot be loaded, with Triton's reason; AIB607 and AIB608 as Processes.wait_ready.
        """
        limit = timeout_s + LOAD_S * len(self._models)
        try:
            self._processes.wait_ready(self.child, self._models_ready, limit)
        except EnvironmentFailure as failure:
            refused = _refused_model(self.child)
            if failure.code != "AIB607" or refused is None:
                raise
            raise EnvironmentFailure("AIB657", model=refused[0], reason=refused[1], log=self.child.log) from failure
        self._loaded()

    def await_answers(self, timeout_s: float = FIRST_ANSWER_S) -> None:
        """Returns when every model has answered an inference. EnvironmentFailure: AIB695 one answers none within timeout_s; AIB607."""
        since = time.monotonic()
        with contextlib.closing(self._model_checks(timeout_s)) as checks:
            self._processes.wait_ready(self.child, lambda: not self._silent(checks) and checks.answered(since), math.inf)

    def watch(self, answer_s: float) -> None:
        """From now on the server counts as dead if a model answers no inference for answer_s, as `look` finds out."""
        self._close_checks()
        self._checks = self._model_checks(answer_s)

    def look(self) -> None:
        """To be called a few times a second while it is watched."""
        if self._checks and not self.child.died:
            self._silent(self._checks)

    def _loaded(self) -> None:
        """When its models are loaded, and nothing was asked yet: makes what they exchange readable by nobody else, as boost gives these
        files mode 0644 whatever the umask."""
        self.child.members = tuple(model_processes(self.child.pid))
        for region in _SHARED_MEMORY.glob(f"{self._memory}*"):
            _keep_private(region)
        made = _scratch_folders() - self._others
        self.scratch |= made if len(made) == 1 else set()  # of several, other servers that started meanwhile made all but one

    def _models_ready(self) -> bool:
        return all(_asked(self._client.is_model_ready, model) for model in self._models)

    def _close_checks(self) -> None:
        if self._checks:
            self._checks.close()
        self._checks = None

    def _silent(self, checks: ModelChecks) -> bool:
        silence = checks.look()
        if silence:
            self.child.silent = silence.said
            self.child.silent_since = silence.since
        return bool(silence)

    def _model_checks(self, answer_s: float) -> ModelChecks:
        return ModelChecks(open_channel(self._endpoint, self._sockets, "triton"), self._steps, answer_s)

    def statistics(self) -> dict[str, Any]:
        """Model → its statistics, in Triton's JSON. EnvironmentFailure AIB658: Triton does not return them in time."""
        try:
            answer = self._client.get_inference_statistics(as_json=True, client_timeout=ANSWER_S)
        except InferenceServerException as error:
            raise EnvironmentFailure("AIB658", reason=error.message(), log=self.child.log) from error
        return {entry["name"]: entry for entry in answer.get("model_stats", []) if entry["name"] in self._models}

    def _clean_up(self) -> None:
        self._close_checks()
        self._client.close()
        for region in _SHARED_MEMORY.glob(f"{self._memory}*"):
            region.unlink(missing_ok=True)
        for folder in self.scratch:
            with contextlib.suppress(OSError):  # a server that was not killed has removed it
                folder.rmdir()


def _scratch_folders() -> set[Path]:
    """What the Python backends of this user's servers have made for packed environments, of which ours has none."""
    return {folder for folder in _SCRATCH.glob("python_env_??????") if _is_ours(folder)}


def _is_ours(folder: Path) -> bool:
    try:
        status = folder.lstat()
    except OSError:  # gone by now
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _keep_private(region: Path) -> None:
    """Mode 0600 for a file of ours; a link, or what is gone by now, is left alone."""
    try:
        descriptor = os.open(region, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)


def _refused_model(server: Child) -> tuple[str, str] | None:
    """(model, why) of the first model that a server, by its log, failed to load; it then ends, with exit code 1."""
    refusal = _LOAD_FAILURE.search(server.log.read_text(encoding="utf-8", errors="replace"))
    return (refusal["model"], json.loads(refusal[0]).partition(": ")[2].strip()) if refusal else None


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
