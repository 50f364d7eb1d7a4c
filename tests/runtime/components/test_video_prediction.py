"""video_prediction and packet_loss: what is lost and what takes its place, SimVP's layers, and that a trained one beats copying."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from aibenchrt.answers import answer_of
from aibenchrt.catalog import component
from aibenchrt.components.image_compression import serve as image_compression
from aibenchrt.components.packet_loss import service as packet_loss
from aibenchrt.components.video_codec import service as video_codec
from aibenchrt.components.video_prediction import model, serve
from aibenchrt.components.video_prediction import train as training
from aibenchrt.datasets.clips.dataset import WORLDS, payloads
from aibenchrt.datasets.clips.world import ClipsWorld
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.metrics import score_all, score_each
from aibenchrt.picture_quality import decibels, held_out
from aibenchrt.plan import PlanPort
from aibenchrt.train.events import untold
from aibenchrt.train.export import difference, to_onnx
from aibenchrt.train.repository import ModelVersion
from aibenchrt.train.task import train_task
from aibenchrt.values import Work
from aibenchrt.wire import tensors
from PIL import UnidentifiedImageError

pytestmark = pytest.mark.timeout(900)  # on a machine without caches a model is trained first
OPENERS = (serve.open_work, serve.open_baseline, serve.open_random)


@pytest.fixture(scope="module")
def world() -> ClipsWorld:
    return WORLDS.load("synthetic")


@pytest.fixture(scope="module")
def trained(world: ClipsWorld) -> ModelVersion:
    return train_task("video_prediction", "simvp_small", world, size="tiny")


def shades(*levels: int) -> list[bytes]:
    return [colour_png(np.full((8, 8, 3), level, dtype=np.uint8)) for level in levels]


def lose(png: list[bytes], lost: list[bool] | None = None, percent: int = 50, **moment: int) -> Any:
    work = packet_loss.open_work(Path(), {"percent": percent, "seed": 7}, Path())
    frames = {"png": png, "lost": lost or [False] * len(png)}
    return work({"frames": frames, "image": {"png": b"key"}, "moment": {"stream": 1, "number": 2} | moment})["frames"]


# Loss.


def test_the_key_frame_takes_the_first_place_and_what_is_lost_is_gone() -> None:
    png = [bytes([place]) for place in range(8)]
    lost = lose(png)
    assert lost["png"][0] == b"key"
    assert not lost["lost"][0]
    assert any(lost["lost"])
    assert lost["png"][1:] == [b"" if gone else png[place] for place, gone in enumerate(lost["lost"]) if place]
    assert lose(png, percent=0)["lost"] == [False] * 8
    assert lose(png, percent=100)["lost"] == [False] + [True] * 7
    assert lose(png, [True, False, True, *[False] * 5], percent=0)["lost"] == [False, False, True, *[False] * 5], (
        "what was lost before stays so"
    )


def test_what_is_lost_follows_from_stream_and_number_and_is_as_much_as_is_said() -> None:
    png = [b"x"] * 8
    assert lose(png)["lost"] == lose(png)["lost"]
    drawn = [lose(png, percent=5, stream=stream, number=number)["lost"] for stream in range(20) for number in range(100)]
    assert 0.045 < np.mean([row[1:] for row in drawn]) < 0.055
    assert len({tuple(lose(png, stream=stream)["lost"]) for stream in range(20)}) > 10
    assert lose(png, stream=-1, number=2**62)["lost"][0] is False


@pytest.mark.parametrize("png", [[], [b"x"] * 257])
def test_no_frames_and_too_many_are_refused(png: list[bytes]) -> None:
    with pytest.raises(ValueError, match="1 to 256"):
        lose(png)


def test_more_than_all_cannot_be_lost() -> None:
    with pytest.raises(ValueError, match="101 percent"):
        packet_loss.open_work(Path(), {"percent": 101, "seed": 7}, Path())


# What takes its place.


def asked(png: list[bytes], *lost: int) -> Any:
    gone = [place in lost for place in range(len(png))]
    return {"frames": {"png": [b"" if flag else frame for frame, flag in zip(png, gone, strict=True)], "lost": gone}}


def recording(seen: list[tuple[list[int], int]]) -> Work:
    """Predicts one shade more for each frame that is wanted, and three at most."""

    def predict(before: Any, wanted: int) -> Any:
        seen.append(([int(frame[0, 0, 0]) for frame in before], wanted))
        return [before[-1] + place + 1 for place in range(min(wanted, 3))]

    return serve.concealing(predict)


def test_frames_are_predicted_from_those_before_them_predicted_ones_too() -> None:
    seen: list[tuple[list[int], int]] = []
    png = shades(10, 20, 30, 40, 50, 60, 70, 80)
    shown = recording(seen)(asked(png, 2, 4, 5))["frames"]
    assert seen == [([10, 20], 1), ([10, 20, 21, 40], 2)]
    assert [held_out(frame)[0, 0, 0] for frame in shown["png"]] == [10, 20, 21, 40, 41, 42, 70, 80]
    assert shown["lost"] == [False, False, True, False, True, True, False, False], "it goes on saying what was lost"
    seen.clear()
    recording(seen)(asked(png, 1, 2, 3, 4, 5, 6, 7))
    assert seen == [([10], 7), ([10, 11, 12, 13], 4), ([10, 11, 12, 13, 14, 15, 16], 1)]


def test_a_group_that_lost_nothing_is_handed_on_unread() -> None:
    seen: list[tuple[list[int], int]] = []
    whole = {"frames": {"png": [b"no picture", b"nor this"], "lost": [False, False]}}
    assert recording(seen)(whole) == whole
    assert seen == []
    assert recording(seen)({"frames": {"png": [], "lost": []}}) == {"frames": {"png": [], "lost": []}}


def test_a_window_has_the_first_frame_for_those_that_are_not_there() -> None:
    assert [frame.tolist() for frame in serve.window([np.array(1), np.array(2)], 4)] == [1, 1, 1, 2]
    assert [frame.tolist() for frame in serve.window([np.array(k) for k in range(6)], 4)] == [2, 3, 4, 5]


@pytest.mark.parametrize(
    ("png", "lost", "says"),
    [
        (shades(1, 2), [True, False], "first frame is lost"),
        (shades(1, 2), [False], "says of each"),
        (shades(1) * 257, [False] * 256 + [True], "at most 256"),
        ([*shades(1), colour_png(np.zeros((8, 9, 3), dtype=np.uint8)), b""], [False, False, True], "not of one size"),
        ([b"no picture", b""], [False, True], "cannot identify"),
    ],
)
def test_what_cannot_be_concealed_is_refused(png: list[bytes], lost: list[bool], says: str) -> None:
    with pytest.raises((ValueError, UnidentifiedImageError), match=says):
        recording([])({"frames": {"png": png, "lost": lost}})


# Networks.


def test_simvp_is_that_of_its_authors() -> None:
    """hid_S 64, hid_T 512, N_S 4, N_T 8 for Moving MNIST, ten frames of 1 × 64 × 64: 58.0 million parameters (OpenSTL's table)."""
    with torch.device("meta"):
        network = model.Predictor(model.Numbers(64, 512, 4, 8, (3, 5, 7, 11), channels=1, frames=10))
        here = model.build("simvp")
    assert abs(sum(p.numel() for p in network.parameters()) / 58.0e6 - 1) < 0.02
    shapes: list[tuple[int, ...]] = []
    for layer in (network.first, *network.encoder, *network.translator.down, *network.translator.up, *network.decoder, network.last):
        layer.register_forward_hook(lambda _layer, _inputs, output: shapes.append(tuple(output.shape)))
    assert network(torch.zeros(2, 10, 1, 64, 64, device="meta")).shape == (2, 10, 1, 64, 64)
    encoder = [(20, 64, 64, 64), (20, 64, 32, 32), (20, 64, 32, 32), (20, 64, 16, 16)]
    assert shapes[:4] == encoder
    assert shapes[4:20] == [(2, 512, 16, 16)] * 15 + [(2, 640, 16, 16)]
    assert shapes[20:] == [(20, 64, 32, 32), (20, 64, 32, 32), (20, 64, 64, 64), (20, 64, 64, 64)]
    assert here(torch.zeros(1, 4, 3, 48, 64, device="meta")).shape == (1, 4, 3, 48, 64)


def test_every_model_of_the_catalogue_can_be_built() -> None:
    spec = component("video_prediction")
    assert spec is not None
    assert {declared.name for declared in spec.models} == set(model.MODELS)


@pytest.mark.parametrize("name", [pytest.param(name, marks=pytest.mark.long if name == "simvp" else []) for name in model.MODELS])
def test_a_training_step_changes_every_weight_and_lowers_the_loss(name: str, world: ClipsWorld) -> None:
    torch.manual_seed(3)
    network = model.build(name).train()
    clips = [training._pixels(clip.frames) for clip in world.clips("train")[:2]]
    seen, true = training.examples(clips, 2, 4, np.random.default_rng(1))
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    before = {key: value.clone() for key, value in network.named_parameters()}
    first = training.loss_of(network, seen, true)
    first.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    assert float(training.loss_of(network, seen, true).detach()) < float(first.detach())
    assert [key for key, value in network.named_parameters() if torch.equal(value, before[key])] == []
    made = training.graph(network.eval(), training.losses(clips, 1)[2])
    assert difference(made, to_onnx(made)) <= 1.0


# Training.


def test_examples_are_consecutive_frames_of_one_clip() -> None:
    """Of a clip whose frame k is all of shade k: what comes is what follows what was seen; the first may have been compressed."""
    clip = np.broadcast_to(np.arange(48, dtype=np.uint8)[:, None, None, None], (48, 16, 16, 3))
    seen, true = training.examples([clip], 64, 4, np.random.default_rng(2))
    last, following = np.rint(seen[:, -1, 0, 0, 0].numpy() * 255), np.rint(true[:, :, 0, 0, 0].numpy() * 255)
    known = np.array([len(np.unique(row)) for row in np.rint(seen[:, :, 0, 0, 0].numpy() * 255)])
    assert set(known) == {1, 2, 3, 4}
    kept = known > 1
    assert (following[kept] == last[kept][:, None] + [1, 2, 3, 4]).all()


def test_each_frame_of_a_group_is_lost_once(world: ClipsWorld) -> None:
    clips = [training._pixels(clip.frames) for clip in world.clips("test")[:2]]
    lost = training.losses(clips, 100)
    assert len(lost) == 2 * 6 * 7
    assert [case.place for case in lost[:8]] == [1, 2, 3, 4, 5, 6, 7, 1]
    assert all(len(case.before) == case.place for case in lost)
    assert (lost[8].before[0] == clips[0][8]).all()
    assert (lost[8].frame == clips[0][10]).all()


def test_the_same_seed_gives_the_same_network(world: ClipsWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(training.EFFORTS, ("tiny", "simvp_small"), training.Effort(1, 2, 2, 1e-3, 2))
    first, again, other = (training.train(world, "simvp_small", seed, "tiny", untold) for seed in (3, 3, 4))
    weights = [version.graphs["model"].network.state_dict()["readout.weight"] for version in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert first.metrics == again.metrics


# Serving.


def concealed_psnr(work: Work, world: ClipsWorld) -> float:
    """Of the seventh frame of the first group of each test clip, lost alone."""
    values = []
    for clip in world.clips("test"):
        shown = work(asked(list(clip.frames[:8]), 6))["frames"]["png"]
        assert [shown[place] == clip.frames[place] for place in range(8)] == [place != 6 for place in range(8)]
        values.append(decibels(held_out(clip.frames[6]), held_out(shown[6])))
    return float(np.mean(values))


def test_a_trained_network_conceals_and_noise_does_not(world: ClipsWorld, trained: ModelVersion) -> None:
    model_db, copy_db, noise_db = (concealed_psnr(opener(trained.folder, {}), world) for opener in OPENERS)
    assert noise_db < 12
    assert model_db > noise_db + 8
    assert abs(model_db - copy_db) < 6, "a tiny training is about as good as copying"


def test_what_is_served_is_what_was_measured(world: ClipsWorld, trained: ModelVersion) -> None:
    clips = [training._pixels(clip.frames) for clip in world.clips("test")]
    lost = training.losses(clips, training.EFFORTS["tiny", "simvp_small"].groups)
    for opener, kept in (
        (serve.open_work, trained.metadata["metrics"]),
        (serve.open_baseline, trained.metadata["baselines"][training.BASELINE]),
    ):
        work = opener(trained.folder, {})
        values = []
        for case in lost:
            png = [*map(colour_png, case.before), b""]
            shown = work({"frames": {"png": png, "lost": [False] * case.place + [True]}})["frames"]["png"]
            values.append(decibels(case.frame, held_out(shown[-1])))
        assert np.mean(values) == pytest.approx(kept["conceal_psnr"]["value"], abs=0.02)


@pytest.mark.parametrize("opener", OPENERS)
def test_frames_of_any_size_are_concealed_alike_each_time(opener: Any, trained: ModelVersion) -> None:
    rng = np.random.default_rng(1)
    for height, width in ((9, 13), (48, 64), (72, 96)):
        png = [colour_png(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)) for _ in range(5)]
        shown = opener(trained.folder, {})(asked(png, 2, 3))["frames"]["png"]
        assert [held_out(frame).shape for frame in shown] == [(height, width, 3)] * 5
        assert opener(trained.folder, {})(asked(png, 2, 3))["frames"]["png"] == shown


# The path: decoded, compressed, expanded, lost, concealed, as in a scenario, with each value as tensors between two tasks.


def carried(values: Any, spec: Any) -> Any:
    """Values of an AI component's ports, there and back as Triton has them."""
    ports = [PlanPort(name=port.name, type=port.type, optional=False) for port in spec if port.name in values]
    return tensors.decode(ports, tensors.encode(ports, values))


def test_groups_go_all_the_way(world: ClipsWorld, trained: ModelVersion) -> None:
    compression = train_task("image_compression", "factorised_small", world, size="tiny")
    decode = video_codec.open_work(Path(), {"operation": "decode", "key": 8, "crf": 23, "streams": 4}, Path())
    compress, expand = (
        image_compression.open_work(compression.folder, {"operation": name, "rate": "high"}) for name in ("compress", "expand")
    )
    lose, conceal = packet_loss.open_work(Path(), {"percent": 20, "seed": 7}, Path()), serve.open_work(trained.folder, {})
    truths, frames, bits = [], [], []
    for payload in payloads(world, "groups", "test")[:12]:
        decoded = decode({"packet": payload.values["packet"]})
        code = compress(carried(decoded, component_of("image_compression").ports.inputs))
        code = carried(code, component_of("image_compression").ports.outputs)
        sent = lose({"frames": decoded["frames"], "image": expand(code)["image"], "moment": payload.values["moment"]})
        shown = carried(
            conceal(carried(sent, component_of("video_prediction").ports.inputs)), component_of("video_prediction").ports.outputs
        )
        answer = answer_of([("Frames", shown["frames"].__getitem__), ("Code", code["code"].__getitem__)])
        truths.append(payload.truth["originals"])
        frames.append(answer["frames"])
        bits.append(answer["bits"])
    assert {len(group.pngs) for group in frames} == {8}
    assert any(any(group.lost) for group in frames)
    delivered = score_each("delivered_psnr", truths, frames)
    assert 18 < delivered.mean() < 45
    assert 15 < score_all("conceal_psnr", truths, frames)(np.ones(12)) < delivered.mean() + 3
    assert (score_each("ms_ssim", truths, frames) > 0.7).all()
    assert (score_each("bits_per_pixel", truths, bits) < 8).all()


def component_of(name: str) -> Any:
    spec = component(name)
    assert spec is not None
    return spec
