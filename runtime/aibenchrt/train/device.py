"""Where models train: on the CPU, or on a CUDA GPU. Imports torch only if a GPU is asked for."""

from __future__ import annotations

from aibenchrt.errors import EnvironmentFailure


def chosen_device(name: str) -> str:
    """'cpu' or 'cuda'; 'auto' is cuda where there is one. EnvironmentFailure AIB618: cuda is asked for and there is none."""
    if name == "cpu":
        return name
    import torch

    if torch.cuda.is_available():
        return "cuda"
    if name == "cuda":
        raise EnvironmentFailure("AIB618", "there is no CUDA GPU that torch can use here", "train with --device cpu, or --device auto")
    return "cpu"


def description(device: str) -> str:
    """What a model's metadata says that it was trained on."""
    import torch

    where = f"cuda: {torch.cuda.get_device_name()}" if device == "cuda" else device
    return f"{where}, torch {torch.__version__.partition('+')[0]}"
