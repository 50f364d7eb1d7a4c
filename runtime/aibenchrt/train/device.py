"""The device on which models train: the CPU or a CUDA GPU. Imports torch only for a GPU."""

from __future__ import annotations

from aibenchrt.machine import chosen_device as chosen_device


def description(device: str) -> str:
    """The description of the device that a model's metadata records."""
    import torch

    where = f"cuda: {torch.cuda.get_device_name()}" if device == "cuda" else device
    return f"{where}, torch {torch.__version__.partition('+')[0]}"
