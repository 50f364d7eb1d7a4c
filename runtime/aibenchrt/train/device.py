"""Where models train: on the CPU, or on a CUDA GPU. Imports torch only if a GPU is asked for."""

from __future__ import annotations

from aibenchrt.machine import chosen_device as chosen_device


def description(device: str) -> str:
    """What a model's metadata says that it was trained on."""
    import torch

    where = f"cuda: {torch.cuda.get_device_name()}" if device == "cuda" else device
    return f"{where}, torch {torch.__version__.partition('+')[0]}"
