"""Runs the kernels: peaks, then every kernel, size and pass, then the peaks again."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor

from aibenchrt.machine import cpu_model, last_level_cache, os_name
from aibenchrt.micro.kernels import KERNELS, Draw, Kernel
from aibenchrt.micro.record import SCHEMA, Device, Host, MicroRun, MicroSettings, Peaks, Rate, Row
from aibenchrt.micro.timing import Call, Stopwatch, Timing, stopwatch, time_call
from aibenchrt.micro.work import KernelWork, Size

DIRECTIONS = ("forward", "backward")
TYPES = {"float32": torch.float32, "tf32": torch.float32, "bfloat16": torch.bfloat16}

# Sides of the matrix product and bytes of each of the copy's two buffers: four times any cache, as STREAM asks (McCalpin 1995, Memory
# Bandwidth and Machine Balance), and short enough for some to be undisturbed. Peaks are of the fastest repetition, as STREAM's are.
PRODUCTS = {"cpu": (512, 1024, 2048), "cuda": (4096, 8192)}
COPIED = {"cpu": 2**27, "cuda": 2**31}
FLUSHED = 4  # bytes written between samples of a cold run, in sizes of the cache
PEAK_S = 1.5

Told = Callable[[str, float], None]


def run(kernels: Sequence[Kernel], settings: MicroSettings, device: str, told: Told = lambda _what, _done: None) -> MicroRun:
    """device: 'cpu' or 'cuda', which there is. Inputs follow from the seed; told: called with what is measured and the share that is
    done."""
    watch = stopwatch(device)
    about = _about(device)
    host = Host(cpu_model(), len(os.sched_getaffinity(0)), platform.release(), os_name(), os.getloadavg()[0])
    with _as_set(settings):
        flop, copied = _product(device, settings, watch), _copy(device, watch)
        call_s = _least_calls(device, settings, watch)
        timed = []
        cases = [(kernel, size) for kernel in kernels for size in kernel.sizes(settings.sizes)]
        for at, (kernel, size) in enumerate(cases):
            told(f"{kernel.name}: {size.name}", at / len(cases))
            timed += [(kernel, size, *measured) for measured in _both(kernel, size, settings, about, watch)]
        peaks = Peaks(
            Rate(_products_text(device), flop, _product(device, settings, watch)),
            Rate(f"fastest copy of {COPIED[device] // 2**20} MiB, read and written", copied, _copy(device, watch)),
            call_s,
        )
    rows = tuple(_row(kernel, size, way, work, time, peaks, about, settings) for kernel, size, way, work, time in timed)
    return MicroRun(SCHEMA, host, about, settings, _versions(device), peaks, rows)


def drawn(device: str, arithmetic: str, seed: int) -> Draw:
    """Standard normal numbers from one seeded stream."""
    generator = torch.Generator(device).manual_seed(seed)
    return lambda *shape: torch.randn(shape, generator=generator, device=device, dtype=TYPES[arithmetic])


def passes(kernel: Kernel, size: Size, draw: Draw) -> Iterator[tuple[str, Call]]:
    """Forward as in serving: nothing is kept for a backward pass. Backward alone, on the graph of one forward pass: the gradients of all
    inputs."""
    inputs = kernel.inputs(size, draw)

    def forward() -> Tensor:
        return kernel.forward(size, *inputs)

    yield "forward", forward
    for tensor in inputs:
        tensor.requires_grad_()
    output = kernel.forward(size, *inputs)
    gradient = draw(*output.shape)
    yield "backward", lambda: torch.autograd.grad(output, inputs, gradient, retain_graph=True)


def recording(direction: str) -> torch.no_grad | nullcontext[None]:
    """Where a pass runs: forward without autograd's record."""
    return torch.no_grad() if direction == "forward" else nullcontext()


def _both(kernel: Kernel, size: Size, settings: MicroSettings, about: Device, watch: Stopwatch) -> Iterator[tuple[str, KernelWork, Timing]]:
    flush = _flush(about) if settings.cache == "cold" else None
    draw = drawn(about.kind, settings.arithmetic, settings.seed)
    for (direction, call), work in zip(passes(kernel, size, draw), kernel.work(size), strict=True):
        with recording(direction):
            yield direction, work, time_call(call, watch, settings.budget_s, before=flush)


def _flush(about: Device) -> Call:
    """Writes past the last-level cache, so that nothing of the sample before is left in it."""
    buffer = torch.empty(FLUSHED * (about.cache_bytes or 2**26), dtype=torch.uint8, device=about.kind)
    return buffer.zero_


def _row(
    kernel: Kernel, size: Size, direction: str, work: KernelWork, time: Timing, peaks: Peaks, about: Device, settings: MicroSettings
) -> Row:
    moved = work.bytes(TYPES[settings.arithmetic].itemsize)
    cached = about.cache_bytes is not None and moved <= about.cache_bytes
    floors = {"compute": work.flop / peaks.flop.value, "memory": moved / peaks.bytes.value, "call": peaks.call_s[direction]}
    bound = max(floors, key=lambda name: floors[name])
    return Row(
        kernel=kernel.name,
        aibench=kernel.aibench,
        size=size.name,
        shape=size.text,
        source=size.source,
        direction=direction,
        flop=work.flop,
        bytes=moved,
        time=time,
        flop_per_s=work.flop / time.median_s,
        bytes_per_s=moved / time.median_s,
        of_peak_flop=work.flop / time.median_s / peaks.flop.value,
        of_peak_bytes=moved / time.median_s / peaks.bytes.value,
        intensity=work.flop / moved,
        cached=cached,
        bound="cache" if bound == "memory" and cached and settings.cache == "warm" else bound,
        of_bound=floors[bound] / time.median_s,
    )


def _product(device: str, settings: MicroSettings, watch: Stopwatch) -> float:
    """FLOP/s of the fastest of a few square matrix products, 2·n³ each."""
    speeds = []
    for side in PRODUCTS[device]:
        draw = drawn(device, settings.arithmetic, settings.seed)
        a, b = draw(side, side), draw(side, side)
        out = torch.empty_like(a)
        with torch.no_grad():
            speeds.append(2 * side**3 / time_call(partial(torch.mm, a, b, out=out), watch, PEAK_S, 0.3).best_s)
    return max(speeds)


def _products_text(device: str) -> str:
    return "fastest matrix product of " + ", ".join(f"{side}²" for side in PRODUCTS[device])


def _copy(device: str, watch: Stopwatch) -> float:
    """Bytes/s of the fastest copy, those read and those written."""
    source = torch.ones(COPIED[device] // 4, device=device)
    target = torch.zeros_like(source)
    return 2 * COPIED[device] / time_call(lambda: target.copy_(source), watch, PEAK_S).best_s


def _least_calls(device: str, settings: MicroSettings, watch: Stopwatch) -> dict[str, float]:
    (relu,) = (kernel for kernel in KERNELS if kernel.name == "relu")
    draw = drawn(device, settings.arithmetic, settings.seed)
    medians = {}
    for direction, call in passes(relu, Size("least", (1,)), draw):
        with recording(direction):
            medians[direction] = time_call(call, watch, PEAK_S).median_s
    return medians


@contextmanager
def _as_set(settings: MicroSettings) -> Iterator[None]:
    """Sets threads, precision and the default generators for the duration of a run, then restores them."""
    cudnn: Any = torch.backends.cudnn
    matmul, conv = torch.backends.cuda.matmul, cudnn.conv
    threads, precisions = torch.get_num_threads(), (matmul.fp32_precision, conv.fp32_precision)
    torch.set_num_threads(settings.threads)
    matmul.fp32_precision = conv.fp32_precision = "tf32" if settings.arithmetic == "tf32" else "ieee"
    with torch.random.fork_rng():
        torch.manual_seed(settings.seed)  # dropout draws from the default generator
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            matmul.fp32_precision, conv.fp32_precision = precisions


def _about(device: str) -> Device:
    if device == "cpu":
        return Device("cpu", cpu_model(), last_level_cache())
    properties = torch.cuda.get_device_properties(torch.cuda.current_device())
    return Device("cuda", properties.name, properties.L2_cache_size)


def _versions(device: str) -> dict[str, str]:
    versions = {"python": platform.python_version(), "torch": torch.__version__}
    if device == "cpu":
        versions["cpu capability"] = torch.backends.cpu.get_cpu_capability()
    else:
        cudnn: Any = torch.backends.cudnn
        versions |= {"cuda": str(torch.version.cuda), "cudnn": str(cudnn.version())}
    return versions
