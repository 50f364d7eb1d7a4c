"""Micro benchmarks: the kernels that AIBench lists, their work counted by hand, backward against numeric gradients, what is written."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from aibenchc.cli import main
from aibenchrt.micro import tables, timing, work
from aibenchrt.micro.kernels import KERNELS, NAMES, Kernel
from aibenchrt.micro.measure import drawn, passes, recording, run
from aibenchrt.micro.picture import document
from aibenchrt.micro.record import MicroRun, MicroSettings, as_json, read
from aibenchrt.micro.timing import CpuStopwatch, median_interval, time_call
from aibenchrt.micro.work import KernelWork, Size
from paths import ROOT
from pydantic import TypeAdapter
from torch.utils.flop_counter import FlopCounterMode

LISTED = (  # AIBench's micro benchmarks, in its order
    "convolution, fully connected, ReLU, sigmoid, tanh, max pooling, average pooling, cosine norm, batch norm, dropout, "
    "element-wise multiply, softmax"
)
TINY = {
    "convolution": Size("tiny", (2, 3, 5, 4), 4, 3, 2, 1),
    "fully_connected": Size("tiny", (3, 4), 5),
    "cosine_norm": Size("tiny", (3, 4), 5),
    "max_pooling": Size("tiny", (2, 3, 6, 4), 0, 3, 2, 1),
    "average_pooling": Size("tiny", (2, 3, 4, 6), 0, 2, 2, 0),
    "softmax": Size("tiny", (3, 5)),
}
QUICK = MicroSettings("small", "float32", "warm", 1, 7, 0.001)


def tiny(kernel: Kernel) -> Size:
    return TINY.get(kernel.name, Size("tiny", (2, 3, 4, 2)))


def kernel_named(name: str) -> Kernel:
    return next(kernel for kernel in KERNELS if kernel.name == name)


def test_every_kernel_that_aibench_lists_is_there() -> None:
    listed = [name.lower().replace("element-wise ", "").replace(" ", "_") for name in LISTED.split(", ")]
    assert sorted(NAMES) == sorted(listed)
    assert [kernel.aibench for kernel in KERNELS] == [f"DC-AI-M{number}" for number in range(1, 13)]
    text = (ROOT / "runtime/aibenchrt/micro/README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+)(?:, p ½)? \| [^|]*\| [^|]*\| [^|]*\| [^|]*\| [^|]*\| [^|]* \|$", text, re.MULTILINE)
    assert [row for row in rows if row != "kernel"] == [name for name in NAMES if name in rows]
    assert set(rows) >= set(NAMES)


def test_a_convolution_counted_by_hand() -> None:
    """One 3 × 4 × 4 picture, two 3 × 3 filters, no padding: 2 × 2 × 2 outputs of 27 multiply-adds each."""
    forward, backward = work.convolution(Size("", (1, 3, 4, 4), 2, 3, 1, 0))
    assert forward == KernelWork(flop=8 * 27 * 2, values=48 + 54 + 8)
    assert backward == KernelWork(flop=2 * 8 * 27 * 2, values=8 + 2 * 48 + 2 * 54)
    assert forward.bytes(4) == 440


# Counted on paper: FLOP and bytes in float32 of forward and backward.
BY_HAND = {
    "relu": (Size("", (2, 5)), (10, 80), (10, 120)),
    "sigmoid": (Size("", (2, 5)), (40, 80), (30, 120)),
    "tanh": (Size("", (2, 5)), (50, 80), (30, 120)),
    "batch_norm": (Size("", (1, 2, 1, 5)), (70, 80), (90, 120)),
    "softmax": (Size("", (2, 5)), (50, 80), (40, 120)),
    "multiply": (Size("", (2, 5)), (10, 120), (20, 200)),
    "dropout": (Size("", (2, 5)), (30, 90), (20, 90)),
    "max_pooling": (Size("", (1, 1, 4, 4), 0, 2, 2), (4 * 3, 80), (4, 84)),
    "average_pooling": (Size("", (1, 1, 4, 4), 0, 2, 2), (4 * 4, 80), (4, 80)),
    "fully_connected": (Size("", (2, 3), 5), (60, 4 * (6 + 15 + 5 + 10)), (130, 4 * (10 + 12 + 30 + 5))),
    "cosine_norm": (Size("", (2, 3), 5), (60 + 18 + 45 + 7, 4 * (6 + 15 + 10)), (120 + 105, 4 * (10 + 12 + 30))),
}


@pytest.mark.parametrize("name", BY_HAND)
def test_work_counted_by_hand(name: str) -> None:
    size, forward, backward = BY_HAND[name]
    assert [(one_pass.flop, one_pass.bytes(4)) for one_pass in kernel_named(name).work(size)] == [forward, backward]


def test_windows_that_overlap_share_inputs_when_averaging() -> None:
    """A 3 × 3 window in steps of 1 over 4 × 4: 4 windows of 9 over 16 inputs."""
    assert work.average_pooling(Size("", (1, 1, 4, 4), 0, 3, 1))[1].flop == 4 + (36 - 16)


@pytest.mark.parametrize(
    "kernel", [kernel_named("convolution"), kernel_named("fully_connected"), kernel_named("cosine_norm")], ids=lambda kernel: kernel.name
)
def test_products_agree_with_torch_s_own_counter(kernel: Kernel) -> None:
    """Torch counts the products alone."""
    size = tiny(kernel)
    for (direction, call), counted in zip(passes(kernel, size, drawn("cpu", "float32", 7)), kernel.work(size), strict=True):
        with recording(direction), FlopCounterMode(display=False) as counter:
            call()
        product = counter.get_total_flops()
        rows, columns = size.input[:2]
        beside = {
            "convolution": (0, 0),
            "fully_connected": (0, rows * size.outputs),
            "cosine_norm": (3 * (rows + size.outputs) * columns + rows + size.outputs, 5 * (rows + size.outputs) * columns),
        }
        assert counted.flop - product == beside[kernel.name][direction == "backward"]


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_sizes_hold_their_numbers(kernel: Kernel) -> None:
    """Shapes fit, every pass counts something, sizes have names and sources, and the values counted are at least inputs and output."""
    assert len({size.name for size in kernel.small}) == len(kernel.small) == len(kernel.full)
    for size in (*kernel.small, *kernel.full):
        assert size.source
        forward, backward = kernel.work(size)
        assert min(forward.flop, forward.values, backward.flop, backward.values) > 0
    size = tiny(kernel)
    inputs = kernel.inputs(size, drawn("cpu", "float32", 7))
    touched = sum(tensor.numel() for tensor in inputs) + kernel.forward(size, *inputs).numel()
    left_out = 2 * size.input[1] if kernel.name == "batch_norm" else 0  # scale and shift: a few a channel
    assert kernel.work(size)[0].values == touched - left_out


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_backward_is_the_gradient(kernel: Kernel) -> None:
    generator = torch.Generator().manual_seed(7)
    size = tiny(kernel)
    inputs = kernel.inputs(size, lambda *shape: torch.randn(shape, generator=generator, dtype=torch.float64))
    for tensor in inputs:
        tensor.requires_grad_()

    def forward(*tensors: torch.Tensor) -> torch.Tensor:
        torch.manual_seed(3)  # the same mask of dropout every time
        return kernel.forward(size, *tensors)

    assert torch.autograd.gradcheck(forward, inputs)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)
def test_both_passes_run_and_backward_gives_every_gradient(kernel: Kernel) -> None:
    size = tiny(kernel)
    timed = dict(passes(kernel, size, drawn("cpu", "float32", 7)))
    assert list(timed) == ["forward", "backward"]
    shapes = [tensor.shape for tensor in kernel.inputs(size, drawn("cpu", "float32", 7))]
    for _ in range(2):  # what was kept of the forward is still there
        gradients: Any = timed["backward"]()
        assert [gradient.shape for gradient in gradients] == shapes
        assert all(gradient.abs().sum() > 0 for gradient in gradients)


def test_cosine_norm_is_a_cosine() -> None:
    size = TINY["cosine_norm"]
    x, w = kernel_named("cosine_norm").inputs(size, drawn("cpu", "float32", 7))
    expected = torch.nn.functional.cosine_similarity(x[:, None, :], w[None, :, :], dim=-1)
    torch.testing.assert_close(kernel_named("cosine_norm").forward(size, x, w), expected)


class Told:
    """A stopwatch with given samples, whose time advances by them."""

    shortest_s = 1e-4

    def __init__(self, seconds: Iterator[float]) -> None:
        self._seconds = seconds
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def samples(self, call: Callable[[], object], calls: int, count: int, before: Callable[[], object] | None = None) -> list[float]:
        if before is not None:
            before()
        call()
        samples = [calls * next(self._seconds) for _ in range(count)]
        self.time += sum(samples)
        return samples


def repeated(*values: float) -> Iterator[float]:
    while True:
        yield from values


def test_steady_calls_are_settled_and_noisy_ones_say_so() -> None:
    steady = time_call(lambda: None, Told(repeated(0.01)), budget_s=10.0)
    assert (steady.settled, steady.samples, steady.calls, steady.median_s) == (True, timing.FEWEST, 1, 0.01)
    noisy = time_call(lambda: None, Told(repeated(0.01, 0.02)), budget_s=1.0)
    assert not noisy.settled
    assert (noisy.low_s, noisy.high_s) == (0.01, 0.02)
    long = time_call(lambda: None, Told(repeated(1.0, 2.0)), budget_s=1.0)
    assert (long.samples, long.settled) == (timing.LEAST, False)


def test_short_calls_share_a_sample_but_not_when_caches_are_cold() -> None:
    warm = time_call(lambda: None, Told(repeated(1e-6)), budget_s=1.0)
    assert warm.calls >= 100
    assert warm.median_s == pytest.approx(1e-6)
    flushed: list[None] = []
    cold = time_call(lambda: None, Told(repeated(1e-6)), budget_s=1.0, warmup_s=1e-5, before=lambda: flushed.append(None))
    assert cold.calls == 1
    assert flushed


@pytest.mark.parametrize(("n", "rank"), [(6, 1), (10, 2), (15, 4), (20, 6), (100, 40)])
def test_the_interval_of_a_median_is_that_of_the_tables(n: int, rank: int) -> None:
    """Ranks of a 95 % interval of the median as printed in tables of the sign test."""
    assert median_interval([float(value) for value in range(1, n + 1)]) == (rank, n + 1 - rank)


def test_the_real_stopwatch_counts_every_call() -> None:
    calls: list[None] = []
    samples = CpuStopwatch().samples(lambda: calls.append(None), calls=3, count=4)
    assert len(samples) == 4
    assert len(calls) == 12
    assert min(samples) > 0


@pytest.fixture(scope="module")
def measured() -> MicroRun:
    kernels = [replace(kernel_named(name), small=(tiny(kernel_named(name)),)) for name in ("convolution", "relu", "dropout")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aibenchrt.micro.measure.PRODUCTS", {"cpu": (64,)})
        patch.setattr("aibenchrt.micro.measure.COPIED", {"cpu": 2**20})
        patch.setattr("aibenchrt.micro.measure.PEAK_S", 0.001)
        return run(kernels, QUICK, "cpu")


def test_rows_follow_from_work_time_and_peaks(measured: MicroRun) -> None:
    assert [(row.kernel, row.direction) for row in measured.rows] == [
        (name, direction) for name in ("convolution", "relu", "dropout") for direction in ("forward", "backward")
    ]
    for row in measured.rows:
        assert row.flop_per_s == row.flop / row.time.median_s
        assert row.of_peak_bytes == pytest.approx(row.bytes / row.time.median_s / measured.peaks.bytes.value)
        assert row.intensity == row.flop / row.bytes
        assert row.cached
        assert row.bound in ("compute", "cache", "call")
        floors = (row.flop / measured.peaks.flop.value, row.bytes / measured.peaks.bytes.value, measured.peaks.call_s[row.direction])
        assert row.of_bound == pytest.approx(max(floors) / row.time.median_s)
    assert measured.versions["torch"] == torch.__version__
    assert measured.settings.seed == QUICK.seed
    assert measured.host.cpu_model


def test_a_run_leaves_torch_as_it_was(measured: MicroRun) -> None:
    assert measured.settings.threads == 1
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    precision = torch.backends.cuda.matmul.fp32_precision
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aibenchrt.micro.measure.PRODUCTS", {"cpu": (64,)})
        patch.setattr("aibenchrt.micro.measure.COPIED", {"cpu": 2**20})
        patch.setattr("aibenchrt.micro.measure.PEAK_S", 0.001)
        run([], replace(QUICK, threads=threads + 1, cache="cold"), "cpu")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.backends.cuda.matmul.fp32_precision == precision


def test_json_is_read_back_and_its_schema_is_closed(measured: MicroRun, tmp_path: Path) -> None:
    path = tmp_path / "micro.json"
    path.write_text(as_json(measured), encoding="utf-8")
    assert read(path) == measured
    schema = TypeAdapter(MicroRun).json_schema()
    assert set(json.loads(path.read_text(encoding="utf-8"))) == set(schema["required"])
    assert set(schema["$defs"]) == {"Device", "Host", "Peaks", "Rate", "Row", "MicroSettings", "Timing"}


def test_the_table_says_what_must_be_known(measured: MicroRun) -> None:
    lines = tables.rows(measured)
    assert all(len(line) == len(tables.COLUMNS) for line in lines)
    peaks = replace(measured.peaks, flop=replace(measured.peaks.flop, before=1e9, after=2e9))
    rows = tuple(replace(row, time=replace(row.time, settled=False)) for row in measured.rows)
    changed = replace(measured, peaks=peaks, rows=rows, host=replace(measured.host, load=9.0, cores=2))
    notes = "\n".join(tables.notes(changed))
    assert f"~ {len(rows)} of {len(rows)}" in notes
    assert "not steady: its peak FLOP/s was 1 G before the kernels, 2 G after" in notes
    assert "a load of 9.0 on 2 cores" in notes
    assert tables.plain(tables.COLUMNS, lines, tables.NUMERIC).count("\n") == len(lines)


@pytest.mark.parametrize(("value", "text"), [(1.5, "1.5 s"), (0.0123, "12.3 ms"), (4.56e-6, "4.56 µs")])
def test_times_have_units(value: float, text: str) -> None:
    assert tables.seconds(value) == text


def test_the_picture_is_a_document_of_its_own(measured: MicroRun) -> None:
    import xml.etree.ElementTree as ElementTree

    drawing = ElementTree.fromstring(document(measured))
    assert drawing.tag.endswith("}svg")
    words = {text.strip() for text in drawing.itertext()}
    assert {"convolution", "relu", "dropout", "forward", "backward", "FLOP/s", "FLOP per byte"} <= words


def test_earlier_figures_are_shown(measured: MicroRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, svg = tmp_path / "micro.json", tmp_path / "roofline.svg"
    path.write_text(as_json(measured), encoding="utf-8")
    assert main(["bench", "micro", "--from", str(path), "--svg", str(svg)]) == 0
    out = capsys.readouterr().out
    assert "convolution" in out
    assert "peak" in out
    assert svg.is_file()
    assert main(["bench", "micro", "--from", str(path), "--json", str(tmp_path / "none" / "a.json")]) == 2
    assert "error[AIB605]" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", '{"schema": "aibenchc.micro/1"}'])
def test_files_of_another_kind_are_refused(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "other.json"
    path.write_text(text, encoding="utf-8")
    assert main(["bench", "micro", "--from", str(path)]) == 2
    assert "error[AIB641]" in capsys.readouterr().err
    assert main(["bench", "micro", "--from", str(tmp_path / "missing.json")]) == 2
    assert "error[AIB641]" in capsys.readouterr().err


def test_another_version_of_the_schema_is_refused(measured: MicroRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "micro.json"
    path.write_text(as_json(replace(measured, schema="aibenchc.micro/0")), encoding="utf-8")
    assert main(["bench", "micro", "--from", str(path)]) == 2
    assert "aibenchc.micro/0" in capsys.readouterr().err


def test_a_kernel_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "micro", "relu", "convolutoin"]) == 1
    error = capsys.readouterr().err
    assert "error[AIB640]: unknown kernel 'convolutoin'" in error
    assert "did you mean 'convolution'?" in error


def test_cuda_where_there_is_none(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for words, code in ((["--device", "cuda"], "AIB618"), (["--arithmetic", "tf32"], "AIB684")):
        assert main(["bench", "micro", *words]) == 2
        assert f"error[{code}]" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--threads", "0"], ["--threads", "x"], ["--budget", "0"], ["--budget", "nan"], ["--sizes", "huge"]])
def test_options_that_make_no_sense(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "micro", *words]) == 2
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.long
def test_the_module_runs_with_torch_alone(tmp_path: Path) -> None:
    """As on a machine where the command line and the runtime's packages are not installed."""
    blocked = ("lark", "rich", "pydantic", "grpc", "pyarrow", "pandas", "scipy", "jinja2")
    program = (
        "import runpy, sys\n"
        f"for name in {blocked!r}: sys.modules[name] = None\n"
        "import aibenchrt.micro.measure as measure\n"
        "measure.PRODUCTS, measure.COPIED, measure.PEAK_S = {'cpu': (64,)}, {'cpu': 2**20}, 0.001\n"
        "sys.argv[1:] = ['softmax', '--device', 'cpu', '--threads', '1', '--budget', '0.001', '--json', sys.argv[1]]\n"
        "runpy.run_module('aibenchrt.micro', run_name='__main__')\n"
    )
    path = tmp_path / "micro.json"
    done = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "softmax" in done.stdout
    assert {row.kernel for row in read(path).rows} == {"softmax"}
