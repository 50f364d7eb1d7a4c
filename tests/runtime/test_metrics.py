"""Each metric against a figure worked out by hand, and the table against what the catalogue uses."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from aibenchrt import picture_quality
from aibenchrt.answers import ANSWER_TYPES, TRUTH_TYPES, Decision, Frames, Label, Voxels
from aibenchrt.catalog import COMPONENTS, DATASETS
from aibenchrt.datasets.colour_png import colour_png
from aibenchrt.datasets.png import png
from aibenchrt.metrics import METRICS, Scope, lower_is_better, metric, score_all, score_each


def test_every_metric_of_the_catalogue_is_in_the_table() -> None:
    used = {name for spec in (*COMPONENTS.values(), *DATASETS.values()) for name in spec.metrics}
    used |= {name for spec in COMPONENTS.values() for model in spec.models for name, _ in model.quality}
    assert {"ndcg@10", "accuracy", "wer"} <= used
    assert {name for name in used if metric(name) is None} == set()


@pytest.mark.parametrize("name", ["", "ndcg", "ndcg@", "ndcg@0", "ndcg@ten", "ndcg@-1", "ndcg@²", "wer@10", "wer@", "latency"])
def test_what_is_no_metric_is_none(name: str) -> None:
    assert metric(name) is None
    assert not lower_is_better(name)


def test_only_error_rates_are_better_when_lower() -> None:
    errors = {"wer", "cer", "angle_error", "false_accept_rate", "false_reject_rate", "equal_error_rate", "bits_per_pixel"}
    assert {name for name, row in METRICS.items() if row.lower_is_better} == errors
    assert lower_is_better("wer")
    assert not lower_is_better("ndcg@10")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("precision@2", [0.5, 0.0]),
        ("same_class_precision@2", [0.5, 0.0]),
        ("recall@2", [1 / 3, 0.0]),
        ("hit_rate@2", [1.0, 0.0]),
        # gains of 7 at place 1 and 9 at place 3; ideal: three at the top
        ("ndcg@3", [(1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3) + 1 / np.log2(4)), 0.0]),
    ],
)
def test_metrics_of_items(name: str, expected: list[float]) -> None:
    """The second request got no answer at all; in the first an item is shown twice and counts once."""
    scores = score_each(name, [(7, 8, 9), (7,)], [(7, 7, 1, 9), ()])
    assert scores.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "reference", "texts", "expected"),
    [
        ("wer", "the cat sat down", ["the cat sat up"], 0.25),
        ("wer", "the cat", [], 1.0),
        ("wer", "the", ["a b c d e"], 1.0),  # five errors in one word: more than all is all
        ("cer", "abcd", ["abxd"], 0.25),
        ("rouge_l", "the cat sat on the mat", ["the cat on the mat"], 10 / 11),
        ("rouge_l", "the cat sat", ["", "nothing", "the cat sat"], 1.0),
        ("bleu", "the cat sat on the mat", ["the cat sat on the mat"], 1.0),
        ("bleu", "the cat sat on the mat", [], 0.0),
        ("chrf", "der Hund", ["der Hund"], 1.0),
        ("chrf", "der Hund", ["xyz"], 0.0),
        ("wer", "a b c d", ["x y z w", "a b c x"], 0.25),  # of several the one that agrees best
    ],
)
def test_metrics_of_texts(name: str, reference: str, texts: list[str], expected: float) -> None:
    assert score_each(name, [reference], [texts]).tolist() == pytest.approx([expected])


def test_agreement_in_part_lies_between() -> None:
    for name in ("chrf", "bleu", "rouge_l"):
        worse, better = score_each(name, ["the small cat sat on the mat"] * 2, [["the dog ran on a mat"], ["the small cat sat on a mat"]])
        assert 0 < worse < better < 1, name


def test_a_metric_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="not a metric of single answers"):
        score_each("false_accept_rate", [True], [Decision()])
    with pytest.raises(ValueError, match="not a metric of all answers"):
        score_all("wer", ["a"], [("a",)])
    with pytest.raises(ValueError, match="not a metric"):
        score_each("ndcg", [(1,)], [(1,)])


def test_accuracy_is_of_the_most_probable_label() -> None:
    answers = [Label((3, 1), (0.6, 0.4)), Label((1, 3), (0.6, 0.4)), Label()]
    assert score_each("accuracy", [3, 3, 0], answers).tolist() == [1.0, 0.0, 0.0]


def test_psnr_of_pictures() -> None:
    """255² over a mean squared error of 25, in decibels; equal pictures have the most; what is no picture, or another size, has nothing."""
    original, other = png(np.full((4, 6), 100, np.uint8)), png(np.full((4, 6), 105, np.uint8))
    answers = [other, original, b"", b"\x89PNG\r\n\x1a\n", png(np.full((6, 4), 100, np.uint8))]
    assert score_each("psnr", [original] * 5, answers).tolist() == pytest.approx([20 * np.log10(255 / 5), 100.0, 0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match="held-out picture"):
        score_each("psnr", [b""], [original])


def test_psnr_of_frames_is_of_each_and_what_is_missing_has_nothing() -> None:
    original, other = png(np.full((12, 16), 100, np.uint8)), png(np.full((12, 16), 105, np.uint8))
    near = 20 * np.log10(255 / 5)
    answers = [Frames((original, other), (False, False)), Frames((other,), (False,)), Frames()]
    assert score_each("delivered_psnr", [(original, original)] * 3, answers).tolist() == pytest.approx([(100 + near) / 2, near / 2, 0])


def test_what_conceals_is_scored_where_something_was_lost() -> None:
    """The first group lost nothing and does not count; of the second one frame of two counts; the third is not there at all."""
    original, other = png(np.full((12, 16), 100, np.uint8)), png(np.full((12, 16), 105, np.uint8))
    answers = [Frames((other, other), (False, False)), Frames((original, other), (False, True)), Frames()]
    psnr = score_all("conceal_psnr", [(original, original)] * 3, answers)
    near = 20 * np.log10(255 / 5)
    assert psnr(np.ones(3)) == pytest.approx(near / 2)
    assert psnr(np.array([5.0, 1, 0])) == pytest.approx(near)
    assert np.isnan(psnr(np.array([1.0, 0, 0])))
    beyond = score_all("conceal_psnr", [(original,)], [Frames((original, original), (False, True))])
    assert np.isnan(beyond(np.ones(1))), "a frame that there is no original of is none"


def test_bits_are_those_of_the_code_over_the_originals_pixels() -> None:
    """Whatever size the code claims; a failed request has the most, and so has a code that is larger than the picture."""
    originals = [(png(np.zeros((12, 16), np.uint8)),)] * 3
    assert score_each("bits_per_pixel", originals, [96, -1, 10**6]).tolist() == [0.5, 24.0, 24.0]


def test_structural_similarity_at_several_scales() -> None:
    rng = np.random.default_rng(5)
    picture = rng.integers(0, 256, (48, 64), dtype=np.uint8)
    blocky = np.kron(picture[::4, ::4], np.ones((4, 4), dtype=np.uint8))
    noisy = np.clip(blocky + rng.normal(0, 8, blocky.shape), 0, 255).astype(np.uint8)
    answers = [Frames((png(shown),), (False,)) for shown in (blocky, noisy, 255 - blocky)] + [Frames((b"no picture",), (False,)), Frames()]
    same, near, opposite, *nothing = score_each("ms_ssim", [(png(blocky),)] * 5, answers).tolist()
    assert same == pytest.approx(1.0)
    assert 0.8 < near < 0.999
    assert [opposite, *nothing] == [0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="fewer than 11"):
        score_each("ms_ssim", [(png(blocky[:10]),)], [Frames()])


def test_similarity_at_one_scale_is_that_of_equation_13() -> None:
    """Two even pictures: (2 · 100 · 110 + C1) / (100² + 110² + C1) with C1 = (0.01 · 255)² (Wang et al. 2004), as there is no structure."""
    one, other = (np.full((20, 30, 3), level, dtype=np.uint8) for level in (100, 110))
    c1 = (0.01 * 255) ** 2
    assert picture_quality.ssim(one, other) == pytest.approx((2 * 100 * 110 + c1) / (100**2 + 110**2 + c1), rel=1e-6)
    assert picture_quality.ms_ssim(one, other) == pytest.approx(1.0, abs=0.01)


def test_rates_over_all_answers_of_a_run() -> None:
    """Of three to refuse one was accepted, of two to accept one was refused; an answer that counts twice counts twice."""
    genuine = [False, False, False, True, True]
    answers = [Decision(True, 0.9), Decision(False, 0.2), Decision(), Decision(True, 0.8), Decision()]
    accepted, refused = (score_all(name, genuine, answers) for name in ("false_accept_rate", "false_reject_rate"))
    assert accepted(np.ones(5)) == pytest.approx(1 / 3)
    assert refused(np.ones(5)) == pytest.approx(1 / 2)
    assert accepted(np.array([2.0, 1, 1, 0, 0])) == pytest.approx(1 / 2)
    assert np.isnan(refused(np.array([1.0, 1, 1, 0, 0])))


def test_every_metric_scores_types_that_there_are() -> None:
    assert {row.answer for row in METRICS.values()} <= ANSWER_TYPES.keys()
    assert {row.truth for row in METRICS.values()} <= TRUTH_TYPES.keys()
    assert {row.scope for row in METRICS.values()} == set(Scope)
    for spec in DATASETS.values():
        assert set(spec.truth_types) <= TRUTH_TYPES.keys(), spec.name
        assert {row.truth for name in spec.metrics if (row := metric(name))} <= set(spec.truth_types), spec.name


def test_the_table_needs_no_library_and_scoring_no_corpus() -> None:
    """The compiler reads the table; ROUGE's tokens come from a rule, not from data that nltk would have to fetch."""
    script = (
        "import sys; from aibenchrt.metrics import METRICS, score_each\n"
        "heavy = {'numpy', 'ir_measures', 'sacrebleu', 'jiwer', 'rouge_score', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "sys.addaudithook(lambda event, args: sys.exit(f'{event} {args}') if event == 'socket.connect' else None)\n"
        "texts = [name for name in METRICS if METRICS[name].answer == 'text']\n"
        "import json; print(json.dumps({name: score_each(name, ['a b c'], [['a b c']])[0] for name in texts}))\n"
    )
    nowhere = {"NLTK_DATA": "/nonexistent", "HOME": "/nonexistent"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, env=nowhere)
    assert done.returncode == 0, done.stderr
    texts = [name for name in METRICS if METRICS[name].answer == "text"]
    assert json.loads(done.stdout) == pytest.approx({name: 0.0 if lower_is_better(name) else 1.0 for name in texts})


def test_angles_are_compared_the_short_way_round() -> None:
    scores = score_each("angle_error", [10.0, -170.0, 90.0, 5.0], [-20.0, 175.0, 90.0, float("nan")])
    assert scores.tolist() == pytest.approx([30.0, 15.0, 0.0, 180.0])
    with pytest.raises(ValueError, match="true angle"):
        score_each("angle_error", [float("inf")], [0.0])


# -- bodies and outlines


def test_voxels_are_compared_as_sets_and_what_is_no_body_has_nothing() -> None:
    truth, half = Voxels(bytes([0b11110000]), 2), Voxels(bytes([0b11000000]), 2)
    others = [truth, half, Voxels(bytes([0b00001111]), 2), Voxels(), Voxels(b"\xf0", 1), Voxels(b"\xf0\0", 2), Voxels(b"\xf0", -2)]
    assert score_each("voxel_iou", [truth] * len(others), others).tolist() == [1.0, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]
    with pytest.raises(ValueError, match="true body"):
        score_each("voxel_iou", [Voxels(b"", 2)], [truth])


def test_a_silhouette_is_what_differs_from_the_background() -> None:
    def shown(columns: int, level: int = 200, side: int = 16) -> bytes:
        picture = np.full((side, side, 3), 90, dtype=np.uint8)
        picture[4:8, 4 : 4 + columns] = level
        return colour_png(picture)

    answers = [shown(4), shown(4, 10), shown(2), shown(4, 100), shown(4, side=12), b"no picture"]
    assert score_each("silhouette_iou", [shown(4)] * len(answers), answers).tolist() == [1.0, 1.0, 0.5, 0.0, 0.0, 0.0]
    assert score_each("silhouette_iou", [shown(0)], [shown(0)]).tolist() == [1.0], "nothing to be seen in either"
    with pytest.raises(ValueError, match="held-out picture"):
        score_each("silhouette_iou", [b"none"], [shown(4)])


def test_structural_similarity_of_pictures() -> None:
    rng = np.random.default_rng(1)
    picture = rng.integers(0, 256, (32, 32, 3)).astype(np.uint8)
    noisy = np.clip(picture + rng.normal(0, 40, picture.shape), 0, 255).astype(np.uint8)
    same, worse, none = score_each("ssim", [colour_png(picture)] * 3, [colour_png(picture), colour_png(noisy), b"no picture"])
    assert (same, none) == (1.0, 0.0)
    assert 0.5 < worse < 0.99
