"""Where models train: on the CPU, or on a CUDA GPU. Imports torch only if a GPU is asked for."""

from __future__ import annotations

from aibenchrt.machine import chosen_device as chosen_device


def description(device: str) -> str:
    """The device as a model's metadata records it."""
    import torch

    where = f"cuda: {torch.cuda.get_device_name()}" if device == "cuda" else device
    return f"{where}, torch {torch.__version__.partition('+')[0]}"
