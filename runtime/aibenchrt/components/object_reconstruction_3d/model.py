"""Networks from a picture to voxels: one of ours, and Pix2Vox-A.

`voxels_small` encodes the picture into a vector and decodes this into maps of height and width, whose channels are depth: convolutions in
three dimensions would cost several times as much. `pix2vox_a`: Xie et al. 2019, Pix2Vox (ICCV), section 3 and figure 3, for one view, so
without the fusion of several: the first eight convolutions of VGG16 with batch normalisation, three more, a decoder of transposed
convolutions to 32³ voxels, and a refiner, a U-net in three dimensions. Adapted: the picture is enlarged to the paper's 224 × 224 pixels,
and the 32³ voxels are resampled to SIDE³, trilinear. VGG begins untrained, since no weights are downloaded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn import functional

from aibenchrt.components.object_reconstruction_3d.serve import PIXELS, SIDE


@dataclass(frozen=True)
class SmallNumbers:
    """encoder: filters at 32, 16, 8 and 4 pixels a side; decoder: at 3, 6, 12 and 24; units: between them."""

    encoder: tuple[int, int, int, int]
    decoder: tuple[int, int, int, int]
    units: int
    dropout: float


@dataclass(frozen=True)
class PublishedNumbers:
    """vgg: filters of the convolutions of VGG16, 0 for a pooling; further: of the encoder's other three; decoder, refiner: filters; hidden:
    units of the refiner's layer; view: pixels of a side; voxels: of a side."""

    vgg: tuple[int, ...]
    further: tuple[int, int, int]
    decoder: tuple[int, ...]
    refiner: tuple[int, int, int]
    hidden: int
    view: int
    voxels: int


def voxels_small() -> SmallNumbers:
    return SmallNumbers(encoder=(24, 48, 96, 128), decoder=(128, 128, 96, 48), units=160, dropout=0.2)


def pix2vox_a() -> PublishedNumbers:
    return PublishedNumbers(
        vgg=(64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512), further=(512, 512, 256), decoder=(2048, 512, 128, 32, 8),
        refiner=(32, 64, 128), hidden=2048, view=224, voxels=32,
    )  # fmt: skip


MODELS: dict[str, Callable[[], SmallNumbers | PublishedNumbers]] = {"voxels_small": voxels_small, "pix2vox_a": pix2vox_a}


def build(model: str) -> nn.Module:
    """The network of that name: pixels (batch, 3, PIXELS, PIXELS) in [0, 1] → fullness (batch, SIDE, SIDE, SIDE) in [0, 1], by z, y, x."""
    numbers = MODELS[model]()
    return Small(numbers) if isinstance(numbers, SmallNumbers) else Pix2Vox(numbers)


class Small(nn.Module):
    def __init__(self, numbers: SmallNumbers) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        entering = 3
        for stage, leaving in enumerate(numbers.encoder):  # 64 → 32 → 16 → 8 → 4 pixels a side
            size = 3 if stage else 5
            layers += [nn.Conv2d(entering, leaving, size, 2, size // 2, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
            if stage in (1, 2):
                layers += [nn.Conv2d(leaving, leaving, 3, 1, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
            entering = leaving
        wide = entering * (PIXELS >> len(numbers.encoder)) ** 2
        self.encode = nn.Sequential(*layers, nn.Flatten(), nn.Linear(wide, numbers.units), nn.ReLU(), nn.Dropout(numbers.dropout))
        first, *others = numbers.decoder
        start = SIDE >> len(others)
        layers = [nn.Linear(numbers.units, first * start * start), nn.ReLU(), nn.Unflatten(1, (first, start, start))]
        for leaving in others:  # 3 → 6 → 12 → 24 voxels a side
            layers += [nn.ConvTranspose2d(first, leaving, 4, 2, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]
            first = leaving
        self.decode = nn.Sequential(*layers, nn.Conv2d(first, SIDE, 3, 1, 1), nn.Sigmoid())

    def forward(self, pixels: Tensor) -> Tensor:
        fullness: Tensor = self.decode(self.encode((pixels - 0.5) * 4))
        return fullness.flip(2)  # height grows upwards, a picture's lines downwards


class Pix2Vox(nn.Module):
    def __init__(self, numbers: PublishedNumbers) -> None:
        super().__init__()
        self.view, self.voxels = numbers.view, numbers.voxels
        layers: list[nn.Module] = []
        entering = 3
        for filters in numbers.vgg:  # 224 → 28 pixels a side
            if filters:
                layers += [nn.Conv2d(entering, filters, 3, 1, 1), nn.BatchNorm2d(filters), nn.ReLU()]
                entering = filters
            else:
                layers.append(nn.MaxPool2d(2))
        one, two, three = numbers.further
        layers += [nn.Conv2d(entering, one, 3), nn.BatchNorm2d(one), nn.ELU()]  # 26
        layers += [nn.Conv2d(one, two, 3), nn.BatchNorm2d(two), nn.ELU(), nn.MaxPool2d(3)]  # 24 → 8
        layers += [nn.Conv2d(two, three, 1), nn.BatchNorm2d(three), nn.ELU()]
        self.encoder = nn.Sequential(*layers)
        first, *others = numbers.decoder
        layers = [nn.Unflatten(1, (first, 2, 2, 2))]
        for leaving in others:  # 2 → 4 → 8 → 16 → 32 voxels a side
            layers += [nn.ConvTranspose3d(first, leaving, 4, 2, 1, bias=False), nn.BatchNorm3d(leaving), nn.ReLU()]
            first = leaving
        self.decoder = nn.Sequential(*layers, nn.ConvTranspose3d(first, 1, 1, bias=False), nn.Sigmoid())
        self.refiner = Refiner(numbers)

    def forward(self, pixels: Tensor) -> Tensor:
        large = functional.interpolate(pixels, size=(self.view, self.view), mode="bilinear", align_corners=False)
        coarse = self.decoder(self.encoder((large - 0.5) * 4).flatten(1))
        fine: Tensor = functional.interpolate(self.refiner(coarse), size=(SIDE, SIDE, SIDE), mode="trilinear", align_corners=False)
        return fine[:, 0]


class Refiner(nn.Module):
    """Fullness (batch, 1, 32, 32, 32) → the same, corrected: down to 4³ voxels and one vector, and up again with what was on the way."""

    def __init__(self, numbers: PublishedNumbers) -> None:
        super().__init__()
        one, two, three = numbers.refiner
        wide = three * (numbers.voxels // 8) ** 3
        self.down = nn.ModuleList([_halved(1, one), _halved(one, two), _halved(two, three)])
        self.middle = nn.Sequential(nn.Linear(wide, numbers.hidden), nn.ReLU(), nn.Linear(numbers.hidden, wide), nn.ReLU())
        self.up = nn.ModuleList([_doubled(three, two), _doubled(two, one)])
        self.last = nn.Sequential(nn.ConvTranspose3d(one, 1, 4, 2, 1, bias=False), nn.Sigmoid())

    def forward(self, coarse: Tensor) -> Tensor:
        half = self.down[0](coarse)
        quarter = self.down[1](half)
        eighth = self.down[2](quarter)
        eighth = eighth + self.middle(eighth.flatten(1)).reshape(eighth.shape)
        quarter = quarter + self.up[0](eighth)
        half = half + self.up[1](quarter)
        fine: Tensor = (coarse + self.last(half)) * 0.5
        return fine


def _halved(entering: int, leaving: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(entering, leaving, 4, 1, 2), nn.BatchNorm3d(leaving), nn.LeakyReLU(0.2), nn.MaxPool3d(2))


def _doubled(entering: int, leaving: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose3d(entering, leaving, 4, 2, 1, bias=False), nn.BatchNorm3d(leaving), nn.ReLU())


def loss_of(fullness: Tensor, full: Tensor) -> Tensor:
    """Mean over (batch, SIDE, SIDE, SIDE) of the cross-entropy (the paper's equation 2), and what lacks in the bodies' soft IoU."""
    near = fullness.clamp(1e-6, 1 - 1e-6)
    entropy = functional.binary_cross_entropy(near, full)
    both = (fullness * full).sum(dim=(1, 2, 3))
    either = (fullness + full - fullness * full).sum(dim=(1, 2, 3))
    loss: Tensor = entropy + 0.3 * (1 - both / either.clamp(min=1.0)).mean()
    return loss
