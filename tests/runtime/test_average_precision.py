"""Mean average precision against pycocotools, COCO's own code, and by hand; pictures that count twice are as two pictures."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from aibenchrt.answers import Boxes
from aibenchrt.average_precision import mean_average_precision, overlap
from aibenchrt.metrics import score_all
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

SIDE = 64.0


def of_coco(truths: list[Boxes], answers: list[Boxes]) -> float:
    """AP50 by COCOeval over all sizes, at most 100 detections of a picture; NaN if there is no true box."""

    def sides(corner: tuple[float, ...]) -> list[float]:
        return [corner[0], corner[1], corner[2] - corner[0], corner[3] - corner[1]]

    true = [(k, corner, label) for k, boxes in enumerate(truths) for corner, label in zip(boxes.corners, boxes.labels, strict=True)]
    labels = sorted({label for *_, label in true})
    if not labels:
        return float("nan")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": k} for k in range(len(truths))],
            "categories": [{"id": label} for label in range(10)],
            "annotations": [
                {"id": n, "image_id": k, "category_id": label, "bbox": sides(c), "area": sides(c)[2] * sides(c)[3], "iscrowd": 0}
                for n, (k, c, label) in enumerate(true, 1)
            ],
        }
        coco.createIndex()
        found = [
            {"image_id": k, "category_id": label, "bbox": sides(corner), "score": score}
            for k, boxes in enumerate(answers)
            for corner, label, score in zip(boxes.corners, boxes.labels, boxes.scores, strict=True)
        ]
        if not found:
            return 0.0
        judged = COCOeval(coco, coco.loadRes(found), "bbox")
        judged.params.iouThrs, judged.params.maxDets = np.array([0.5]), [100]
        judged.params.areaRng, judged.params.areaRngLbl = [[0.0, 1e10]], ["all"]
        judged.params.catIds = labels
        judged.evaluate()
        judged.accumulate()
    return float(judged.eval["precision"][0, :, :, 0, 0].mean())


def drawn(rng: np.random.Generator, pictures: int) -> tuple[list[Boxes], list[Boxes]]:
    """True boxes, and answers that are near them, or elsewhere, or of another class; some pictures have none of either."""
    truths, answers = [], []
    for _ in range(pictures):
        count = int(rng.integers(0, 4))
        corner = rng.uniform(0, SIDE / 2, (count, 2))
        corners = np.concatenate([corner, corner + rng.uniform(4, SIDE / 2, (count, 2))], axis=1)
        labels = rng.integers(0, 3, count)
        near = np.repeat(corners, 2, axis=0) + rng.normal(0, rng.choice([1.0, 4.0, 12.0]), (2 * count, 4))
        near[:, 2:] = np.maximum(near[:, 2:], near[:, :2] + 1)
        said = np.where(rng.random(2 * count) < 0.8, np.repeat(labels, 2), rng.integers(0, 4, 2 * count))
        scores = rng.permutation(2 * count) / (2 * count or 1) + rng.random()
        truths.append(boxes_of(corners, labels, np.ones(count)))
        answers.append(boxes_of(near, said, scores))
    return truths, answers


def boxes_of(corners: np.ndarray, labels: np.ndarray, scores: np.ndarray) -> Boxes:
    return Boxes(tuple(tuple(row) for row in corners.tolist()), tuple(labels.tolist()), tuple(scores.tolist()))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
def test_it_is_what_coco_says(seed: int, pictures: int) -> None:
    truths, answers = drawn(np.random.default_rng(seed), pictures)
    ours = score_all("map50", truths, answers)(np.ones(pictures))
    assert ours == pytest.approx(of_coco(truths, answers), nan_ok=True)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_picture_that_counts_twice_is_two_pictures_and_one_that_does_not_count_is_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truths, answers = drawn(rng, 8)
    counts = rng.integers(0, 3, 8)
    often = [k for k, count in enumerate(counts.tolist()) for _ in range(count)]
    repeated = mean_average_precision([truths[k] for k in often], [answers[k] for k in often], 0.5)(np.ones(len(often)))
    weighted = mean_average_precision(truths, answers, 0.5)(counts.astype(np.float64))
    assert weighted == pytest.approx(repeated, nan_ok=True)


def test_by_hand() -> None:
    """One class, three true boxes; the surest answer is right, the second hits the same box again, the third is right."""
    square = (0.0, 0.0, 10.0, 10.0)
    truths = [Boxes((square, (20.0, 20.0, 30.0, 30.0)), (1, 1), (1.0, 1.0)), Boxes((square,), (1,), (1.0,))]
    answers = [Boxes((square, (0.0, 0.0, 10.0, 9.0)), (1, 1), (0.9, 0.8)), Boxes(((0.0, 0.0, 10.0, 5.0),), (1,), (0.7,))]
    value = mean_average_precision(truths, answers, 0.5)(np.ones(2))
    assert value == pytest.approx((34 * 1.0 + 33 * 2 / 3) / 101)  # recall 1/3 at precision 1, recall 2/3 at precision 2/3
    assert np.isnan(mean_average_precision([Boxes()], [answers[0]], 0.5)(np.ones(1)))
    assert mean_average_precision(truths, [Boxes(), Boxes()], 0.5)(np.ones(2)) == 0.0


def test_overlap() -> None:
    shares = overlap(np.array([[0.0, 0.0, 4.0, 4.0], [9.0, 9.0, 9.0, 9.0]]), np.array([[2.0, 0.0, 6.0, 4.0], [9.0, 9.0, 9.0, 9.0]]))
    assert shares.tolist() == [[pytest.approx(1 / 3), 0.0], [0.0, 0.0]]
