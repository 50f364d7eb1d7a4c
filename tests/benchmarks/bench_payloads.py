"""How large a payload should travel to Triton: python tests/benchmarks/bench_payloads.py [calls]

One model that takes bytes and says how many; for each size in turn the same call with the bytes in the gRPC message, in a message of one
open stream, and in system shared memory (written by the client before each call, as a payload that came by gRPC would be). Medians in µs
over interleaved calls, after a warm-up, and ratios to the message with a 95 % bootstrap interval of the ratio of medians.
"""

from __future__ import annotations

import json
import os
import queue
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

import numpy as np
import tritonclient.grpc as triton_grpc
from numpy.typing import NDArray
from triton_process import triton
from tritonclient.utils import shared_memory

SIZES = (4 << 10, 24 << 10, 128 << 10, 1 << 20, 8 << 20)  # 24 KiB: a photo of furniture_pictures; bytes
WARM_UP = 50
CONFIG = """name: "count"
backend: "python"
max_batch_size: 0
input { name: "data" data_type: TYPE_UINT8 dims: -1 }
output { name: "size" data_type: TYPE_INT64 dims: 1 }
instance_group { kind: KIND_CPU count: 1 }
"""
MODEL = '''import numpy as np
import triton_python_backend_utils as triton


class TritonPythonModel:
    """How many bytes came; the last one is read, so that they are really there."""

    def execute(self, requests):
        answers = []
        for request in requests:
            (data,) = (tensor.as_numpy() for tensor in request.inputs())
            size = np.array([len(data) + int(data[-1]) * 0], dtype=np.int64)
            answers.append(triton.InferenceResponse([triton.Tensor("size", size)]))
        return answers
'''


def by_message(client: triton_grpc.InferenceServerClient, data: NDArray[np.uint8]) -> int:
    tensor = triton_grpc.InferInput("data", [len(data)], "UINT8")
    tensor.set_data_from_numpy(data)
    return int(client.infer("count", [tensor]).as_numpy("size")[0])


class Stream:
    """One stream for all calls."""

    def __init__(self, client: triton_grpc.InferenceServerClient) -> None:
        self._client, self._answers = client, queue.SimpleQueue[Any]()
        client.start_stream(lambda result, error: self._answers.put((result, error)))

    def __call__(self, data: NDArray[np.uint8]) -> int:
        tensor = triton_grpc.InferInput("data", [len(data)], "UINT8")
        tensor.set_data_from_numpy(data)
        self._client.async_stream_infer("count", [tensor])
        result, error = self._answers.get(timeout=30)
        if error is not None:
            raise error
        return int(result.as_numpy("size")[0])

    def close(self) -> None:
        self._client.stop_stream()


class Region:
    """A region of system shared memory that the server knows."""

    def __init__(self, client: triton_grpc.InferenceServerClient, size: int) -> None:
        self._client, self._name = client, f"bench-payloads-{os.getpid()}-{size}"
        self._region = shared_memory.create_shared_memory_region(self._name, f"/{self._name}", size)
        client.register_system_shared_memory(self._name, f"/{self._name}", size)

    def __call__(self, data: NDArray[np.uint8]) -> int:
        shared_memory.set_shared_memory_region(self._region, [data])
        tensor = triton_grpc.InferInput("data", [len(data)], "UINT8")
        tensor.set_shared_memory(self._name, len(data))
        return int(self._client.infer("count", [tensor]).as_numpy("size")[0])

    def close(self) -> None:
        self._client.unregister_system_shared_memory(self._name)
        shared_memory.destroy_shared_memory_region(self._region)


def measured(ways: dict[str, Callable[[NDArray[np.uint8]], int]], size: int, calls: int) -> dict[str, Any]:
    rng = np.random.default_rng(7)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(-WARM_UP, calls):
        data = rng.integers(0, 256, size, dtype=np.uint8)
        order = list(ways)[number % len(ways) :] + list(ways)[: number % len(ways)]
        for name in order:
            start = time.perf_counter()
            assert ways[name](data) == size
            if number >= 0:
                times[name].append(1e6 * (time.perf_counter() - start))
    arrays = {name: np.array(values) for name, values in times.items()}
    rows = rng.integers(calls, size=(1000, calls))
    base = np.median(arrays["message"][rows], axis=1)
    figures: dict[str, Any] = {}
    for name, values in arrays.items():
        low, high = np.quantile(np.median(values[rows], axis=1) / base, [0.025, 0.975])
        ratio = float(np.median(values) / np.median(arrays["message"]))
        figures[name] = {"us_median": round(float(np.median(values)), 1), "to_message": [round(x, 3) for x in (ratio, low, high)]}
    return figures


def main(calls: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch, "models", "count", "1")
        model.mkdir(parents=True)
        (model.parent / "config.pbtxt").write_text(CONFIG)
        (model / "model.py").write_text(MODEL)
        figures = {}
        with triton(model.parents[1], Path(scratch, "log")) as client, closing(Stream(client)) as stream:
            for size in SIZES:
                with closing(Region(client, size)) as region:
                    ways = {"message": lambda data: by_message(client, data), "stream": stream, "shared memory": region}
                    figures[f"{size >> 10} KiB"] = measured(ways, size, calls)
    sys.stdout.write(json.dumps({"payload": figures, "load_average": round(os.getloadavg()[0], 2)}, indent=1) + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 400)
