"""KERNELS: the micro benchmarks of AIBench, in its order. Each: how to build its inputs, its forward, its sizes and its work.

The list is that of Gao et al. 2019, AIBench, arXiv 1908.08998, table 4 (DC-AI-M1 to M12), whose data are CIFAR-10 and ImageNet: so the
sizes are layers of networks for these two. Shapes are those of torch, channels before height and width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from aibenchrt.micro import work
from aibenchrt.micro.work import Passes, Size

Draw = Callable[..., Tensor]  # draw(2, 3): a (2, 3) tensor of standard normal numbers, on the device and of the type measured

_CIFAR = "ResNet-20 on CIFAR-10 (He et al. 2016, section 4.2)"
_IMAGENET = "ResNet-50 on ImageNet (He et al. 2016, table 1)"
_VGG = "VGG-16's last hidden layer (Simonyan and Zisserman 2015, table 1)"
_ATTENTION = "attention of the base Transformer: 8 heads of 512 × 512 tokens a sentence (Vaswani et al. 2017, table 3)"
_DENSE = "DenseNet-121's first transition (Huang et al. 2017, table 1)"
DROPPED = 0.5


@dataclass(frozen=True)
class Kernel:
    """inputs(size, draw): tensors, all of which backward differentiates by; forward(size, *inputs): one tensor; work(size): both passes.

    aibench: its number there. small, full: the sizes of `--sizes`.
    """

    name: str
    aibench: str
    doc: str
    inputs: Callable[[Size, Draw], tuple[Tensor, ...]]
    forward: Callable[..., Tensor]
    work: Callable[[Size], Passes]
    small: tuple[Size, ...]
    full: tuple[Size, ...]

    def sizes(self, which: str) -> tuple[Size, ...]:
        """which: 'small' or 'full'."""
        return {"small": self.small, "full": self.full}[which]


def _one(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return (draw(*size.input),)


def _two(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return draw(*size.input), draw(*size.input)


def _filters(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return draw(*size.input), draw(size.outputs, size.input[1], size.window, size.window)


def _weights(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return draw(*size.input), draw(size.outputs, size.input[1])


def _weights_and_bias(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return *_weights(size, draw), draw(size.outputs)


def _scale_and_shift(size: Size, draw: Draw) -> tuple[Tensor, ...]:
    return draw(*size.input), draw(size.input[1]), draw(size.input[1])


def _convolution(size: Size, x: Tensor, filters: Tensor) -> Tensor:
    return functional.conv2d(x, filters, stride=size.stride, padding=size.padding)


def _fully_connected(size: Size, x: Tensor, weights: Tensor, bias: Tensor) -> Tensor:  # noqa: ARG001
    return functional.linear(x, weights, bias)


def _cosine_norm(size: Size, x: Tensor, weights: Tensor) -> Tensor:  # noqa: ARG001
    return functional.linear(functional.normalize(x), functional.normalize(weights))


def _max_pooling(size: Size, x: Tensor) -> Tensor:
    return functional.max_pool2d(x, size.window, size.stride, size.padding)


def _average_pooling(size: Size, x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, size.window, size.stride, size.padding)


def _batch_norm(size: Size, x: Tensor, scale: Tensor, shift: Tensor) -> Tensor:  # noqa: ARG001
    return functional.batch_norm(x, None, None, scale, shift, training=True)


def _maps(batch_cifar: int, batch_imagenet: int) -> tuple[Size, ...]:
    """The largest activations of each network: after its first stage."""
    return (
        Size(f"cifar {batch_cifar}", (batch_cifar, 16, 32, 32), source=_CIFAR),
        Size(f"imagenet {batch_imagenet}", (batch_imagenet, 256, 56, 56), source=_IMAGENET),
    )


def _convolutions(cifar: int, imagenet: int) -> tuple[Size, ...]:
    return (
        Size(f"cifar {cifar}", (cifar, 16, 32, 32), 16, 3, 1, 1, _CIFAR),
        Size(f"imagenet {imagenet}", (imagenet, 64, 56, 56), 64, 3, 1, 1, _IMAGENET),
        Size(f"imagenet deep {imagenet}", (imagenet, 512, 7, 7), 512, 3, 1, 1, _IMAGENET),
    )


def _layers(cifar: int, imagenet: int) -> tuple[Size, ...]:
    return (
        Size(f"cifar {cifar}", (cifar, 64), 10, source=_CIFAR),
        Size(f"imagenet {imagenet}", (imagenet, 2048), 1000, source=_IMAGENET),
        Size(f"imagenet hidden {imagenet}", (imagenet, 4096), 4096, source=_VGG),
    )


def _maxima(cifar: int, imagenet: int) -> tuple[Size, ...]:
    return (
        Size(f"cifar {cifar}", (cifar, 16, 32, 32), 0, 2, 2, 0, "a 2 × 2 window over the maps of " + _CIFAR),
        Size(f"imagenet {imagenet}", (imagenet, 64, 112, 112), 0, 3, 2, 1, _IMAGENET),
    )


def _averages(cifar: int, imagenet: int) -> tuple[Size, ...]:
    return (
        Size(f"cifar {cifar}", (cifar, 64, 8, 8), 0, 8, 8, 0, _CIFAR),
        Size(f"imagenet {imagenet}", (imagenet, 2048, 7, 7), 0, 7, 7, 0, _IMAGENET),
        Size(f"imagenet transition {imagenet}", (imagenet, 128, 56, 56), 0, 2, 2, 0, _DENSE),
    )


def _scores(cifar: int, imagenet: int) -> tuple[Size, ...]:
    return (
        Size(f"cifar {cifar}", (cifar, 10), source=_CIFAR),
        Size(f"imagenet {imagenet}", (imagenet, 1000), source=_IMAGENET),
        Size(f"attention {imagenet // 8 or 1}", ((imagenet // 8 or 1) * 8 * 512, 512), source=_ATTENTION),
    )


# Batches. Small: what two cores do in milliseconds. Full: 128 and 256, those the two networks were trained with.
_SMALL, _FULL = (32, 8), (128, 256)
_SMALL_LAYERS = (128, 32)


def _elementwise(name: str, aibench: str, doc: str, forward: Callable[[Tensor], Tensor], counted: Callable[[Size], Passes]) -> Kernel:
    return Kernel(name, aibench, doc, _one, lambda _, x: forward(x), counted, _maps(*_SMALL), _maps(*_FULL))


KERNELS: tuple[Kernel, ...] = (
    Kernel(
        "convolution",
        "DC-AI-M1",
        "3 × 3, two-dimensional, without bias",
        _filters,
        _convolution,
        work.convolution,
        _convolutions(*_SMALL),
        _convolutions(*_FULL),
    ),
    Kernel(
        "fully_connected",
        "DC-AI-M2",
        "x wᵀ + b",
        _weights_and_bias,
        _fully_connected,
        work.fully_connected,
        _layers(*_SMALL_LAYERS),
        _layers(*_FULL),
    ),
    _elementwise("relu", "DC-AI-M3", "max(x, 0)", functional.relu, work.relu),
    _elementwise("sigmoid", "DC-AI-M4", "1 / (1 + e^−x)", torch.sigmoid, work.sigmoid),
    _elementwise("tanh", "DC-AI-M5", "hyperbolic tangent", torch.tanh, work.tanh),
    Kernel(
        "max_pooling",
        "DC-AI-M6",
        "largest of each window",
        _one,
        _max_pooling,
        work.max_pooling,
        _maxima(*_SMALL),
        _maxima(*_FULL),
    ),
    Kernel(
        "average_pooling",
        "DC-AI-M7",
        "mean of each window",
        _one,
        _average_pooling,
        work.average_pooling,
        _averages(*_SMALL),
        _averages(*_FULL),
    ),
    Kernel(
        "cosine_norm",
        "DC-AI-M8",
        "cosine of each input with each weight",
        _weights,
        _cosine_norm,
        work.cosine_norm,
        _layers(*_SMALL_LAYERS),
        _layers(*_FULL),
    ),
    Kernel(
        "batch_norm",
        "DC-AI-M9",
        "by the batch's mean and variance, in training",
        _scale_and_shift,
        _batch_norm,
        work.batch_norm,
        _maps(*_SMALL),
        _maps(*_FULL),
    ),
    _elementwise(
        "dropout", "DC-AI-M10", f"in training, p = {DROPPED:g}", lambda x: functional.dropout(x, DROPPED, training=True), work.dropout
    ),
    Kernel(
        "multiply",
        "DC-AI-M11",
        "element-wise, of two tensors",
        _two,
        lambda _, a, b: a * b,
        work.multiply,
        _maps(*_SMALL),
        _maps(*_FULL),
    ),
    Kernel(
        "softmax",
        "DC-AI-M12",
        "of each row",
        _one,
        lambda _, x: functional.softmax(x, dim=-1),
        work.softmax,
        _scores(*_SMALL_LAYERS),
        _scores(*_FULL),
    ),
)
NAMES: tuple[str, ...] = tuple(kernel.name for kernel in KERNELS)
