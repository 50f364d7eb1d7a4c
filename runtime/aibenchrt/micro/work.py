"""What a kernel must do: floating-point operations, and the fewest bytes it can move. Formulas with their sources; n, m … are counts.

Conventions. One addition, multiplication, division, comparison, exponential or root is one FLOP; a multiply-add is two (as in the LINPACK
benchmark's rules and torch.utils.flop_counter). The index arithmetic of a kernel and the integers of a random generator are none.
Bytes are those of the roofline model's compulsory traffic (Williams, Waterman and Patterson 2009, Roofline, CACM 52(4), section 3): each
input read once, each output written once. What an implementation reads twice or writes beside that (batch norm's second pass, the int64
indices of torch's max pooling, an im2col buffer) is not counted, so that the share of the peak shows it. Backward is counted from the
gradient of the output, given, to the gradients of all inputs and weights; forward is not part of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Size:
    """A kernel's input and what it does to it. input: (batch, channels, height, width), or (rows, columns).

    outputs: filters of a convolution, units of a layer. window, stride, padding: in both directions. source: where the numbers are from.
    """

    name: str
    input: tuple[int, ...]
    outputs: int = 0
    window: int = 1
    stride: int = 1
    padding: int = 0
    source: str = ""

    @property
    def text(self) -> str:
        """'8×64×56×56 → 64, 3×3/1'"""
        parts = "×".join(map(str, self.input)) + (f" → {self.outputs}" if self.outputs else "")
        return parts + (f", {self.window}×{self.window}/{self.stride}" if self.window > 1 else "")

    @property
    def n(self) -> int:
        """Elements of the input."""
        return prod(self.input)

    @property
    def map(self) -> tuple[int, int]:
        """Height and width of what a window slides to."""
        height, width = ((side + 2 * self.padding - self.window) // self.stride + 1 for side in self.input[2:])
        return height, width


@dataclass(frozen=True)
class KernelWork:
    """Of one pass. values: numbers of the floating-point type read or written; marks: bytes beside them (a mask)."""

    flop: int
    values: int
    marks: int = 0

    def bytes(self, of_value: int) -> int:
        """of_value: bytes of one number."""
        return self.values * of_value + self.marks


Passes = tuple[KernelWork, KernelWork]  # forward, backward


def convolution(size: Size) -> Passes:
    """y = x ∗ w without bias. Forward 2·|y|·C·k²; backward the same for each of dx and dw (torch.utils.flop_counter, conv_flop_count and
    conv_backward_flop; Sze et al. 2017, Efficient Processing of Deep Neural Networks, equation 1). Padding counts as input."""
    batch, channels = size.input[:2]
    y = batch * size.outputs * prod(size.map)
    w = size.outputs * channels * size.window**2
    flop = 2 * y * channels * size.window**2
    return KernelWork(flop, size.n + w + y), KernelWork(2 * flop, y + 2 * size.n + 2 * w)


def fully_connected(size: Size) -> Passes:
    """y = x wᵀ + b, x (B, I), w (O, I). Forward 2·B·I·O, the bias being where the sums start; backward dx = dy w and dw = dyᵀ x,
    2·B·I·O each (flop_counter, addmm_flop), and db: B·O additions."""
    rows, columns = size.input
    x, w, y = rows * columns, size.outputs * columns, rows * size.outputs
    flop = 2 * rows * columns * size.outputs
    return KernelWork(flop, x + w + size.outputs + y), KernelWork(2 * flop + y, y + 2 * x + 2 * w + size.outputs)


def cosine_norm(size: Size) -> Passes:
    """y_ij = x_i·w_j / (|x_i| |w_j|) (Luo et al. 2017, Cosine Normalization, arXiv 1702.05870, equation 3), with rows scaled to length 1
    before the product. Scaling v: v·v and a division, 3 an element, and a root a row. Backward through the product 2 × 2·B·I·O; through
    the scaling dv = (g − v̂ (v̂·g)) / |v|: 5 an element."""
    rows, columns = size.input
    x, w, y = rows * columns, size.outputs * columns, rows * size.outputs
    flop = 2 * rows * columns * size.outputs
    return KernelWork(flop + 3 * (x + w) + rows + size.outputs, x + w + y), KernelWork(2 * flop + 5 * (x + w), y + 2 * x + 2 * w)


def relu(size: Size) -> Passes:
    """max(x, 0): a comparison; backward dy where x > 0: one."""
    return _elementwise(size, 1, 1)


def sigmoid(size: Size) -> Passes:
    """1 / (1 + e^−x): negation, exponential, addition, division; backward dy·y·(1 − y): 3."""
    return _elementwise(size, 4, 3)


def tanh(size: Size) -> Passes:
    """(1 − e^−2x) / (1 + e^−2x): product, exponential, difference, sum, division; backward dy·(1 − y²): 3."""
    return _elementwise(size, 5, 3)


def softmax(size: Size) -> Passes:
    """e^(x − max) / Σ e^(x − max) of each row: maximum, difference, exponential, sum, division (Milakov and Gimelshein 2018, Online
    normalizer calculation for softmax, section 2, safe softmax); backward y·(dy − Σ dy·y): product, sum, difference, product."""
    return _elementwise(size, 5, 4)


def batch_norm(size: Size) -> Passes:
    """In training (Ioffe and Szegedy 2015, Batch Normalization, algorithm 1): mean 1; variance and centring 3 (difference, square, sum);
    scaling 1; γ and β 2. Backward, its equations in closed form: dx = γ/σ·(dy − mean(dy) − x̂·mean(dy·x̂)): x̂ 2, two sums 3, the rest 4.
    The few operations a channel are left out. Bytes: x and y; dy, x and dx."""
    return _elementwise(size, 7, 9)


def _elementwise(size: Size, forward: int, backward: int) -> Passes:
    """Reads x and writes y; reads dy and what was kept of x or y, writes dx."""
    return KernelWork(forward * size.n, 2 * size.n), KernelWork(backward * size.n, 3 * size.n)


def multiply(size: Size) -> Passes:
    """a·b of two inputs of this size; backward dy·b and dy·a."""
    return KernelWork(size.n, 3 * size.n), KernelWork(2 * size.n, 5 * size.n)


def dropout(size: Size) -> Passes:
    """In training, x·mask/(1 − p) (Srivastava et al. 2014, Dropout, section 10, scaled as in practice): a comparison and two products,
    and a mask of one byte an element; backward dy·mask/(1 − p): 2."""
    return KernelWork(3 * size.n, 2 * size.n, size.n), KernelWork(2 * size.n, 2 * size.n, size.n)


def max_pooling(size: Size) -> Passes:
    """k² − 1 comparisons for each output; backward adds each output's gradient to one input. Bytes: x and y; dy and dx, with the place
    of each maximum, which is one byte at these window sizes."""
    y = size.input[0] * size.input[1] * prod(size.map)
    return KernelWork(y * (size.window**2 - 1), size.n + y), KernelWork(y, size.n + y, y)


def average_pooling(size: Size) -> Passes:
    """k² − 1 additions and a division for each output; backward a division for each, and an addition for each input it shares."""
    y = size.input[0] * size.input[1] * prod(size.map)
    shared = max(0, y * size.window**2 - size.n)
    return KernelWork(y * size.window**2, size.n + y), KernelWork(y + shared, size.n + y)
