"""image_compression: the coder, the priors, the published network, that codes are expanded to what was compressed, and JPEG beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.catalog import component
from aibenchrt.components.image_compression import jpeg, model, serve
from aibenchrt.components.image_compression import train as training
from aibenchrt.components.image_compression.coding import CodeError, Decoder, Encoder, Tables
from aibenchrt.components.image_compression.spec import RATES
from aibenchrt.datasets.clips.dataset import WORLDS
from aibenchrt.datasets.clips.world import ClipsWorld
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.errors import EnvironmentFailure
from aibenchrt.picture_quality import decibels, held_out
from aibenchrt.train.events import untold
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Work
from PIL import UnidentifiedImageError
from torch import nn

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first
OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)


@pytest.fixture(scope="module")
def world() -> ClipsWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: ClipsWorld) -> ModelVersion:
    return train_task("image_compression", "factorised_small", world, size="tiny")


def opened(opener: Any, version: ModelVersion, operation: str, rate: str = "high") -> Work:
    work: Work = opener(version.folder, {"operation": operation, "rate": rate})
    return work


def framed(png: bytes) -> Any:
    return {"frames": {"png": [png, b"no picture"], "lost": [False, False]}}


# The coder.


def test_symbols_come_back_and_cost_what_their_probabilities_say() -> None:
    """4,000 symbols of 1.5 bits each: 750 bytes, and hardly more."""
    rng = np.random.default_rng(1)
    tables = Tables((-1, 3), (np.array([0.5, 0.25, 0.25], dtype=np.float32), np.array([0.25, 0.5, 0.25], dtype=np.float32)))
    symbols = np.stack([rng.choice([-1, 0, 1], 2000, p=[0.5, 0.25, 0.25]), rng.choice([3, 4, 5], 2000, p=[0.25, 0.5, 0.25])])
    scales = np.full((2, 3, 5), 4.0, dtype=np.float32)
    more = rng.integers(-9, 10, scales.shape).astype(np.int32)
    encoder = Encoder()
    encoder.by_tables(symbols.reshape(2, 40, 50).astype(np.int32), tables)
    alone = len(encoder.content(2))
    encoder.by_scales(more, scales)
    assert 740 <= alone <= 770
    decoder = Decoder(encoder.content(2))
    assert decoder.rate == 2
    assert (decoder.by_tables(tables, 40, 50).reshape(2, -1) == symbols).all()
    assert (decoder.by_scales(scales) == more).all()
    decoder.end()


def test_what_is_beyond_a_table_is_coded_as_its_end() -> None:
    tables = Tables((-1,), (np.array([0.5, 0.25, 0.25], dtype=np.float32),))
    assert tables.clipped(np.array([[-7.0, -1.0, 0.0, 9.0]])).tolist() == [[-1, -1, 0, 1]]
    again = Tables.read(tables.plain())
    assert again.least == tables.least
    assert (again.probability[0] == tables.probability[0]).all()


@pytest.mark.parametrize("content", [b"", b"\x02abc", b"\x02\x00\x00\x00\x00\x00", b"\x02" + b"abcd" * 200])
def test_bytes_that_are_no_code_are_refused(content: bytes, trained: ModelVersion) -> None:
    """The last are words enough for several pictures."""
    expand = opened(serve.open_work, trained, "expand")
    with pytest.raises(CodeError):
        expand({"code": {"content": content, "width": 8, "height": 8}})


@pytest.mark.parametrize(("width", "height"), [(0, 8), (8, -1), (5000, 8), (4096, 4096), (2**40, 1)])
def test_pictures_of_no_size_and_of_too_large_ones_are_refused(width: int, height: int, trained: ModelVersion) -> None:
    for opener in OPENERS:
        with pytest.raises(CodeError, match="is expanded"):
            opened(opener, trained, "expand")({"code": {"content": b"\x02" + b"abcd" * 20, "width": width, "height": height}})


def test_a_rate_that_there_is_not_is_refused(trained: ModelVersion) -> None:
    with pytest.raises(CodeError, match="no rate 9"):
        opened(serve.open_work, trained, "expand")({"code": {"content": b"\x09abcd", "width": 8, "height": 8}})


# Networks.


def test_the_scale_hyperprior_is_that_of_its_authors() -> None:
    """Figure 4 with N = 128, M = 192. The paper names no total; CompressAI's network of the same numbers has 5,075,843 parameters, of which
    384 are the quantiles that it keeps, and ours has steps for four rates."""
    with torch.device("meta"):
        network = model.build("scale_hyperprior")
    steps = network.log_steps.numel()
    assert steps == 4 * 192
    assert sum(p.numel() for p in network.parameters()) - steps == 5_075_843 - 384
    assert sum(p.numel() for part in (network.analysis, network.synthesis) for p in part.parameters()) == 2_986_435
    assert network.hyper_analysis is not None
    assert network.hyper_synthesis is not None
    y = network.analysis(torch.zeros(1, 3, 128, 192, device="meta"))
    z = network.hyper_analysis(y)
    assert [tuple(part.shape) for part in (y, z, network.hyper_synthesis(z), network.synthesis(y))] == [
        (1, 192, 8, 12), (1, 128, 2, 3), (1, 192, 8, 12), (1, 3, 128, 192),
    ]  # fmt: skip


def test_every_model_of_the_catalogue_can_be_built() -> None:
    spec = component("image_compression")
    assert spec is not None
    assert {declared.name for declared in spec.models} == set(model.MODELS)


def test_gdn_divides_by_what_neighbours_do() -> None:
    """β = 1, γ = 0.1 on the diagonal: 3 / sqrt(1 + 0.1 · 9); its inverse multiplies."""
    x = torch.full((1, 2, 1, 1), 3.0)
    there, back = model.Gdn(2)(x), model.Gdn(2, inverse=True)(x)
    assert there.flatten().tolist() == pytest.approx([3 / 1.9**0.5] * 2, rel=1e-5)
    assert back.flatten().tolist() == pytest.approx([3 * 1.9**0.5] * 2, rel=1e-5)


def test_a_density_sums_to_one_whatever_the_step_and_its_table_is_made_of_it() -> None:
    torch.manual_seed(2)
    prior = model.FactorisedPrior(3)
    for step in (0.5, 2.0):
        wide = torch.full((3,), step)
        values = torch.arange(-500, 501, dtype=torch.float32)[None, None] * step
        mass = prior.likelihood(values.expand(3, 1, -1), wide[:, None, None])
        assert mass.sum(dim=2).flatten().tolist() == pytest.approx([1.0] * 3, abs=1e-3)
        for row, (least, table) in enumerate(zip(*vars(training.tables(prior, wide)).values(), strict=True)):
            assert table.sum() == pytest.approx(1.0, abs=1e-5)
            assert table == pytest.approx(mass[row, 0, 500 + least : 500 + least + len(table)].detach().numpy(), abs=1e-4)


def test_a_normal_distribution_sums_to_one() -> None:
    values = torch.arange(-60, 61, dtype=torch.float64)[None, None, None] * 0.5
    mass = model.gaussian(values, torch.full_like(values, 3.0), torch.tensor(0.5))
    assert float(mass.sum()) == pytest.approx(1.0, abs=1e-6)
    assert float(mass[0, 0, 0, 60]) == pytest.approx(0.5 / (3.0 * (2 * np.pi) ** 0.5), rel=0.01)


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.long if name == "scale_hyperprior" else []) for name in model.MODELS]
)
def test_a_training_step_changes_every_weight_and_lowers_the_loss(name: str, world: ClipsWorld) -> None:
    """And what is exported expands its own codes: of a picture whose sides are no multiples of the stride."""
    torch.manual_seed(3)
    network = model.build(name).train()
    clips = [training._at_least(training._pixels(clip.frames), 64) for clip in world.clips("train")[:2]]
    pixels = training._input(training._parts(clips, 4, network.numbers.stride, np.random.default_rng(1)))
    rates = torch.tensor([0, 1, 2, 3])
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-4)
    before = {key: value.clone() for key, value in network.named_parameters()}

    def loss() -> torch.Tensor:
        torch.manual_seed(4)  # the same noise
        return training.loss_of(network, pixels, rates)

    first = loss()
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(loss().detach()) < float(first.detach())
    assert [key for key, value in network.named_parameters() if torch.equal(value, before[key])] == []
    network.eval()
    serving = training.serving_of(network)
    shown = clips[0][0][:45, :60]
    with torch.no_grad():
        graphs = training.graphs(network, clips, shown, serving)
    for made in graphs.values():
        assert difference(made, to_onnx(made)) <= 1.0
    codec = serve.Codec(serving, lambda part: training._Running(getattr(network, part)))
    code = codec.code(shown, 1)
    out = codec.picture(code, 60, 45)
    assert out.shape == shown.shape
    assert (codec.picture(code, 60, 45) == out).all()


def test_the_same_seed_gives_the_same_network_and_no_test_frame_is_learnt_from(world: ClipsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "factorised_small"), training.Effort(1, 2, 2, 1e-3, 1))

    class Other:
        """The world, with black test frames."""

        def clips(self, split: str) -> Any:
            black = colour_png(np.zeros((48, 64, 3), dtype=np.uint8))
            return [type(clip)(clip.scene, (black,) * 48, ()) if split == "test" else clip for clip in world.clips(split)]

    made = [training.train(given, "factorised_small", seed, "tiny", untold) for given, seed in ((world, 3), (Other(), 3), (world, 4))]
    weights = [version.graphs["analysis"].network.state_dict()["0.weight"] for version in made]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


# JPEG.


def test_a_scan_and_what_all_pictures_share_are_the_jpeg(world: ClipsWorld) -> None:
    pixels = held_out(world.clips("test")[0].frames[0])
    for quality in (10, 90):
        code = jpeg.code(pixels, quality)
        whole = jpeg.whole(pixels, quality)
        assert whole.endswith(code[2:])
        assert (jpeg.picture(code, 64, 48) == held_out_jpeg(whole)).all()
    assert len(jpeg.code(pixels, 10)) < len(jpeg.code(pixels, 90))
    for wrong in (b"", b"\xff", b"\xff\x07abc", b"\x01abcd"):
        with pytest.raises(ValueError, match="no code of a JPEG"):
            jpeg.picture(wrong, 64, 48)


def held_out_jpeg(content: bytes) -> Any:
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_a_bjontegaard_rate_is_that_of_half_the_bits() -> None:
    """Half the bits at every quality are −50 %; curves that do not overlap have no rate."""
    psnr = [np.array([value]) for value in (25.0, 28.0, 31.0, 33.0)]
    twice = training.Curve([np.array([value]) for value in (0.4, 0.8, 1.6, 2.4)], psnr, {})
    once = training.Curve([np.array([value]) for value in (0.2, 0.4, 0.8, 1.2)], psnr, {})
    assert once.over(twice) == pytest.approx(-50.0, abs=0.01)
    assert twice.over(once) == pytest.approx(100.0, abs=0.01)
    assert once.over(training.Curve(once.bits, [value + 20 for value in psnr], {})) == training.NO_RATE
    assert once.over(training.Curve(once.bits, psnr[::-1], {})) == training.NO_RATE


# Serving.


def test_a_code_is_expanded_to_what_was_measured_and_higher_rates_have_more_bits(world: ClipsWorld, trained: ModelVersion) -> None:
    firsts = [clip.frames[start] for clip in world.clips("test") for start in range(0, 48, 8)]
    most = training.EFFORTS["tiny", "factorised_small"].pictures
    pngs = firsts[:: len(firsts) // most][:most]
    bits, psnr = [], []
    for rate in RATES:
        compress, expand = opened(serve.open_work, trained, "compress", rate), opened(serve.open_work, trained, "expand")
        codes = [compress(framed(png))["code"] for png in pngs]
        assert {(code["width"], code["height"]) for code in codes} == {(64, 48)}
        shown = [expand({"code": code})["image"]["png"] for code in codes]
        bits.append(float(np.mean([8 * len(code["content"]) / (64 * 48) for code in codes])))
        psnr.append(float(np.mean([decibels(held_out(png), held_out(out)) for png, out in zip(pngs, shown, strict=True)])))
    metrics = trained.metadata["metrics"]
    high = RATES.index("high")
    assert bits[high] == pytest.approx(metrics["bits_per_pixel"]["value"], rel=0.01)
    assert psnr[high] == pytest.approx(metrics["psnr"]["value"], abs=0.05)
    assert bits == sorted(bits)


def test_each_of_the_two_expands_what_the_other_compressed(world: ClipsWorld, trained: ModelVersion) -> None:
    """An ablation replaces one task at a time. A linear map of the model's symbols is worse than the network, and better than noise."""
    png = world.clips("test")[3].frames[0]
    original = held_out(png)

    def quality(compress: Any, expand: Any) -> float:
        code = opened(compress, trained, "compress")(framed(png))["code"]
        return decibels(original, held_out(opened(expand, trained, "expand")({"code": code})["image"]["png"]))

    own, simple, drawn = OPENERS
    assert quality(simple, simple) == quality(simple, own) > 20
    assert quality(own, simple) > 10
    assert quality(drawn, own) < quality(own, own)
    assert quality(own, drawn) < 12


@pytest.mark.parametrize("opener", OPENERS)
def test_sizes_come_back_and_the_same_picture_has_the_same_code(opener: Any, trained: ModelVersion) -> None:
    rng = np.random.default_rng(1)
    for height, width in ((1, 1), (9, 13), (72, 96)):
        png = colour_png(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        code = opened(opener, trained, "compress")(framed(png))["code"]
        assert opened(opener, trained, "compress")(framed(png))["code"] == code
        assert held_out(opened(opener, trained, "expand")({"code": code})["image"]["png"]).shape == (height, width, 3)


@pytest.mark.parametrize("opener", OPENERS)
def test_what_is_no_picture_is_not_compressed(opener: Any, trained: ModelVersion) -> None:
    compress = opened(opener, trained, "compress")
    with pytest.raises(UnidentifiedImageError):
        compress(framed(b"no picture"))
    with pytest.raises(ValueError, match="no frame"):
        compress({"frames": {"png": [], "lost": []}})


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailure, match="AIB603"):
        serve.open_work(tmp_path, {"operation": "compress", "rate": "high"})


def test_the_linear_map_is_the_best_of_its_kind(world: ClipsWorld) -> None:
    """Coarse, but nearer than the mean colour, even of symbols of a network that was never trained."""
    torch.manual_seed(5)
    network = model.build("factorised_small").eval()
    network.log_steps.data.fill_(-6.0)  # so that rounding hardly matters
    clips = [training._pixels(clip.frames) for clip in world.clips("train")[:3]]
    layer = training.linear(network, clips)
    assert isinstance(layer, nn.ConvTranspose2d)
    seen = training._input(clips[0][:1])
    with torch.no_grad():
        out = layer(network.analysis(seen))
        assert float((out - seen).square().mean()) < 0.7 * float((seen - seen.mean()).square().mean())
