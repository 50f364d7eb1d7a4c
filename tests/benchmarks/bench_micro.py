"""How fast the micro benchmarks are beside a bare torch loop. python tests/benchmarks/bench_micro.py [cpu|cuda] [small|full] [rounds]

For each kernel, size and pass, in turn, several rounds: the median that `aibenchc bench micro` would show, and a loop written out here over
the same tensors' shapes, timed from outside. Speed: the loop's time over ours, the median of the rounds; 100 % is as fast as the loop.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from aibenchrt.micro.kernels import DROPPED, KERNELS
from aibenchrt.micro.measure import drawn, passes, recording
from aibenchrt.micro.timing import stopwatch, time_call
from aibenchrt.micro.work import Size
from torch import Tensor
from torch.nn import functional

LOOP_S = 0.02
BUDGET_S = 0.05
GOAL = 0.8

BARE: dict[str, Callable[..., Tensor]] = {
    "convolution": lambda s, x, w: functional.conv2d(x, w, None, s.stride, s.padding),
    "fully_connected": lambda _, x, w, b: functional.linear(x, w, b),
    "relu": lambda _, x: torch.relu(x),
    "sigmoid": lambda _, x: torch.sigmoid(x),
    "tanh": lambda _, x: torch.tanh(x),
    "max_pooling": lambda s, x: functional.max_pool2d(x, s.window, s.stride, s.padding),
    "average_pooling": lambda s, x: functional.avg_pool2d(x, s.window, s.stride),
    "cosine_norm": lambda _, x, w: functional.normalize(x) @ functional.normalize(w).t(),
    "batch_norm": lambda _, x, g, b: functional.batch_norm(x, None, None, g, b, True),
    "dropout": lambda _, x: functional.dropout(x, DROPPED),
    "multiply": lambda _, a, b: torch.mul(a, b),
    "softmax": lambda _, x: torch.softmax(x, -1),
}


def wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def loop(name: str, size: Size, direction: str, inputs: list[Tensor], device: str) -> float:
    """Seconds of one call in a loop of about LOOP_S."""
    function = BARE[name]
    if direction == "backward":
        for tensor in inputs:
            tensor.requires_grad_()
        output = function(size, *inputs)
        gradient = torch.randn_like(output)
    calls, seconds = 1, 0.0
    with torch.no_grad() if direction == "forward" else nullcontext():
        while True:
            wait(device)
            start = time.perf_counter()
            for _ in range(calls):
                if direction == "forward":
                    function(size, *inputs)
                else:
                    for tensor in inputs:
                        tensor.grad = None
                    output.backward(gradient, retain_graph=True)
            wait(device)
            seconds = time.perf_counter() - start
            if seconds >= LOOP_S:
                return seconds / calls
            calls = max(2 * calls, int(1.1 * calls * LOOP_S / max(seconds, 1e-6)))


def main(device: str = "cpu", sizes: str = "small", rounds: str = "5") -> None:
    watch, draw = stopwatch(device), drawn(device, "float32", 7)
    torch.backends.cuda.matmul.fp32_precision = torch.backends.cudnn.conv.fp32_precision = "ieee"  # type: ignore[attr-defined]
    lowest = 9.9
    for kernel in KERNELS:
        for size in kernel.sizes(sizes):
            for direction, call in passes(kernel, size, draw):
                pairs = []
                for _ in range(int(rounds)):
                    with recording(direction):
                        ours = time_call(call, watch, BUDGET_S, 0.01).median_s
                    inputs = [draw(*tensor.shape) for tensor in kernel.inputs(size, draw)]
                    pairs.append((ours, loop(kernel.name, size, direction, inputs, device)))
                speed = statistics.median(bare / ours for ours, bare in pairs)
                lowest = min(lowest, speed)
                ours, bare = (1e6 * statistics.median(pair[at] for pair in pairs) for at in (0, 1))
                shown = f"ours {ours:10.1f} µs  loop {bare:10.1f} µs  speed {100 * speed:4.0f} %"
                print(f"{kernel.name:16} {size.name:22} {direction:8}  {shown}")  # noqa: T201
    print(f"lowest {100 * lowest:.0f} %; goal {100 * GOAL:.0f} %")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
